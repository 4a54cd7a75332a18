// The WebAssembly target, as passes and the scheduler see it.

import type { Target } from "#ir/target.js";

/**
 * Measured on a Zen 3 core in Node 20. Decisions depend on ratios alone, but reports show modelled times: docs/splitting.md says how
 * near they are.
 */
export const wasmTarget: Target = {
  name: "wasm",
  lanes: 4,
  chains: ["separable", "inverted_residual"],
  // What a fused kernel keeps should stay in half of a 512 KiB L2 cache.
  scratchBytes: 256 * 1024,
  denseMacs: 23.4e9,
  depthwiseMacs: 13e9,
  transforms: 3.25e9,
  freesWeights: true,
  bytes: 26e9,
  launch: 3.85e-7,
};
