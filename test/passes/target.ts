// A target for tests of passes, with round numbers, so that its decisions can be followed by hand.

import type { Target } from "#ir/target.js";

export const testTarget: Target = {
  name: "js",
  lanes: 1,
  chains: { stages: 2, keeps: ["rows"] },
  scratchBytes: 2 ** 18,
  denseMacs: 2e9,
  depthwiseMacs: 1e9,
  bytes: 1e10,
  launch: 1e-7,
};
