// Makes a pass that only applies built-in rules.

import type { Pass } from "#rewrite/pipeline/pass.js";
import type { RuleText } from "#rewrite/rule/compile/rule-text.js";
import { applyRules } from "#rewrite/rule/sweep.js";
import type { PassOptions } from "./options.js";

/** A pass over texts of built-in rules, which are tried in the order given. */
export function rulePass(name: string, doc: string, texts: readonly RuleText[]): Pass<PassOptions> {
  return {
    name,
    doc,
    run: (module, { options: { withoutRules = [] }, report, onApply }) => {
      const rules = texts.flatMap((text) => text.rules()).filter((rule) => !withoutRules.includes(rule.name));
      return applyRules(module, rules, { pass: name, report, onApply });
    },
  };
}
