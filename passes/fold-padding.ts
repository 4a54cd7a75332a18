// Folds pads into the convolutions and pools after them.

import { rulePass } from "./rule-pass.js";
import { padding } from "./rules/padding.js";

export const foldPadding = rulePass(
  "fold-padding",
  "Folds pads into the convolutions and pools after them, where their own padding means the same.",
  [padding],
);
