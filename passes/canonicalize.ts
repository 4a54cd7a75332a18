// Brings the graph into one form: drops what does nothing, merges what can be merged, names what has a name.

import { rulePass } from "./rule-pass.js";
import { activation } from "./rules/activation.js";
import { canonical } from "./rules/canonical.js";
import { normalization } from "./rules/normalization.js";
import { views } from "./rules/views.js";

export const canonicalize = rulePass(
  "canonicalize",
  "Drops ops that do nothing, and writes what can be written in several ways in one.",
  [canonical, views, activation, normalization],
);
