// The WebAssembly target, as passes and the scheduler see it.

import type { Target } from "#ir/target.js";

/** Measured on a 3.2 GHz Zen 3 core in Node 20; only ratios matter. */
export const wasmTarget: Target = {
  name: "wasm",
  lanes: 4,
  chains: ["separable", "inverted_residual"],
  // What a fused kernel keeps should stay in half of a 512 KiB L2 cache.
  scratchBytes: 256 * 1024,
  denseMacs: 18e9,
  depthwiseMacs: 10e9,
  transforms: 2.5e9,
  freesWeights: true,
  bytes: 20e9,
  launch: 5e-7,
};
