// All built-in rules, by theme.

import type { RuleText } from "#rewrite/rule/compile/rule-text.js";
import type { Rule } from "#rewrite/rule/rule.js";
import { activation } from "./activation.js";
import { batchNorm } from "./batch-norm.js";
import { canonical } from "./canonical.js";
import { linear } from "./linear.js";
import { normalization } from "./normalization.js";
import { padding } from "./padding.js";
import { pooling } from "./pooling.js";
import { views } from "./views.js";

export const ruleTexts: readonly RuleText[] = [
  canonical,
  views,
  activation,
  normalization,
  padding,
  batchNorm,
  linear,
  pooling,
];

/** The built-in rules, compiled. */
export function builtInRules(): readonly Rule[] {
  return ruleTexts.flatMap((text) => text.rules());
}
