// Makes a pass that only applies built-in rules.

import type { Pass } from "#rewrite/pipeline/pass.js";
import type { RuleText } from "#rewrite/rule/compile/rule-text.js";
import type { Rule } from "#rewrite/rule/rule.js";
import { applyRules } from "#rewrite/rule/sweep.js";
import type { PassOptions } from "./options.js";

/** A pass over texts of built-in rules, which are tried in the order given. */
export function rulePass(name: string, doc: string, texts: readonly RuleText[]): Pass<PassOptions> {
  const rules = ({ withoutRules = [] }: PassOptions): readonly Rule[] =>
    texts.flatMap((text) => text.rules()).filter((rule) => !withoutRules.includes(rule.name));
  return {
    name,
    doc,
    rules,
    run: (module, { options, report, onApply }) =>
      applyRules(module, rules(options), { pass: name, report, onApply }),
  };
}
