// The WebAssembly target, as passes and the scheduler see it.

import type { Target } from "#ir/target.js";

/**
 * Measured on cores of Zen 3 and 4 in Node 20. Decisions depend only on ratios, but reports show modelled times: docs/splitting.md says how
 * accurate they are.
 */
export const wasmTarget: Target = {
  name: "wasm",
  lanes: 4,
  // Most phones and laptops have four fast cores.
  threads: { count: 4, leastSeconds: 20e-6 },
  chains: { stages: 3, keeps: ["rows"] },
  integers: true,
  tables: true,
  // The scratch of a fused kernel should stay in half of a 512 KiB L2 cache.
  scratchBytes: 256 * 1024,
  denseMacs: 23.4e9,
  depthwiseMacs: 14e9,
  transforms: 5.5e9,
  freesWeights: true,
  bytes: 26e9,
  // A second-level and a third-level cache of usual sizes; of the third level only half, because other cores use the rest.
  weightMemory: [
    { holds: 2 ** 20, bytesPerSecond: 100e9 },
    { holds: 2 ** 24, bytesPerSecond: 40e9 },
    { holds: Number.POSITIVE_INFINITY, bytesPerSecond: 16e9 },
  ],
  launch: 3.85e-7,
};
