// Applies the user's own rules.

import type { Pass } from "#rewrite/pass.js";
import { applyRules as apply } from "#rewrite/sweep.js";
import type { PassOptions } from "./options.js";

export const applyRules: Pass<PassOptions> = {
  name: "apply-rules",
  doc: "Applies the rules of `--rules` files; those marked `approx` only with `--approx`.",
  run: (module, { options, report }) => {
    const rules = (options.rules ?? []).filter(
      (rule) => rule.approx === undefined || options.approx === true,
    );
    return rules.length === 0 ? module : apply(module, rules, { pass: "apply-rules", report });
  },
};
