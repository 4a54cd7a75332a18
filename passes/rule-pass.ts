// A pass that applies rules and nothing else.

import type { Pass } from "#rewrite/pipeline/pass.js";
import type { RuleText } from "#rewrite/rule/compile/rule-text.js";
import { applyRules } from "#rewrite/rule/sweep.js";
import type { PassOptions } from "./options.js";

/** A pass over built-in texts of rules, tried in their order. */
export function rulePass(name: string, doc: string, texts: readonly RuleText[]): Pass<PassOptions> {
  return {
    name,
    doc,
    run: (module, { options: { withoutRules = [] }, report }) => {
      const rules = texts.flatMap((text) => text.rules()).filter((rule) => !withoutRules.includes(rule.name));
      return applyRules(module, rules, { pass: name, report });
    },
  };
}
