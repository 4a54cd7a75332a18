// Applies the user's own rules.

import type { Pass } from "#rewrite/pipeline/pass.js";
import type { Rule } from "#rewrite/rule/rule.js";
import { applyRules as apply } from "#rewrite/rule/sweep.js";
import type { PassOptions } from "./options.js";

export const applyRules: Pass<PassOptions> = {
  name: "apply-rules",
  doc: "Applies the rules of the model's file and of `--rules` files; those marked `approx` only with `--approx`.",
  run: (module, { options, report, onApply }) => {
    const rules = activeRules(options);
    return rules.length === 0 ? module : apply(module, rules, { pass: "apply-rules", report, onApply });
  },
};

/** The rules that apply: all of them, or without those marked `approx`. */
export function activeRules({
  rules = [],
  approx,
}: {
  readonly rules?: readonly Rule[];
  readonly approx?: boolean;
}): readonly Rule[] {
  return rules.filter((rule) => rule.approx === undefined || approx === true);
}
