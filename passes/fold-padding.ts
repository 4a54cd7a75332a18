// Folds pads into the convolutions and pools that follow.

import { rulePass } from "./rule-pass.js";
import { padding } from "./rules/padding.js";

export const foldPadding = rulePass(
  "fold-padding",
  "Folds pads into the convolutions and pools that follow, where their own padding gives the same values.",
  [padding],
);
