// Moves means over pixels before pointwise convolutions.

import { rulePass } from "./rule-pass.js";
import { pooling } from "./rules/pooling.js";

export const hoistPools = rulePass(
  "hoist-pools",
  "Moves average pools before pointwise convolutions, which then have fewer pixels.",
  [pooling],
);
