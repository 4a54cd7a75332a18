// Brings the graph into canonical form: removes ops that do nothing, merges ops, and replaces groups of ops by the op that they compute.

import { rulePass } from "./rule-pass.js";
import { activation } from "./rules/activation.js";
import { canonical } from "./rules/canonical.js";
import { normalization } from "./rules/normalization.js";
import { views } from "./rules/views.js";

export const canonicalize = rulePass(
  "canonicalize",
  "Removes ops that do nothing, and gives equal computations one form.",
  [canonical, views, activation, normalization],
);
