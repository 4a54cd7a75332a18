// The JavaScript target, as passes and the scheduler see it.

import type { Target } from "#ir/target.js";

/** Measured on a 3.2 GHz Zen 3 core in Node 20; only ratios matter. */
export const jsTarget: Target = {
  name: "js",
  lanes: 1,
  chains: { stages: 2, keeps: ["rows"] },
  integers: true,
  tables: true,
  // The scratch of a fused kernel should stay in half of a 512 KiB L2 cache.
  scratchBytes: 256 * 1024,
  denseMacs: 2.4e9,
  depthwiseMacs: 1.2e9,
  transforms: 0.25e9,
  freesWeights: true,
  bytes: 10e9,
  launch: 2e-6,
};
