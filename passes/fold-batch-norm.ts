// Folds batch norms, and scales and shifts by constants, into weights.

import { rulePass } from "./rule-pass.js";
import { batchNorm } from "./rules/batch-norm.js";
import { linear } from "./rules/linear.js";

export const foldBatchNorm = rulePass(
  "fold-batch-norm",
  "Folds batch norms, and scales and shifts by constants, into the weights of the layers before or after them.",
  [batchNorm, linear],
);
