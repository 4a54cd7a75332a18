// A pass that applies rules and nothing else.

import type { Pass } from "#rewrite/pass.js";
import type { RuleText } from "#rewrite/net.js";
import { applyRules } from "#rewrite/sweep.js";

/** A pass over built-in texts of rules, tried in their order. */
export function rulePass(name: string, doc: string, texts: readonly RuleText[]): Pass {
  return {
    name,
    doc,
    run: (module, context) =>
      applyRules(
        module,
        texts.flatMap((text) => text.rules()),
        { pass: name, report: context.report },
      ),
  };
}
