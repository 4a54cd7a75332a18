// Applies the user's own rules: one pass for most of them, and one for each set of rules that has a place of its own.

import type { Pass } from "#rewrite/pipeline/pass.js";
import type { UserRule } from "#rewrite/rule/rule.js";
import { applyRules as apply } from "#rewrite/rule/sweep.js";
import type { PassOptions } from "./options.js";

export const applyRules: Pass<PassOptions> = passOf(
  "apply-rules",
  "Applies the rules of the model's file and of `--rules` files; those marked `approx` only with `--approx`.",
  (rule) => rule.set?.place === undefined,
);

const setPasses = new Map<string, Pass<PassOptions>>();

/** The pass that applies a rule: that of its set, if the set has a place. The rules of one set and place have one pass. */
export function passOfRule({ set }: UserRule): Pass<PassOptions> {
  if (!set?.place) return applyRules;
  const key = `${set.name} ${set.place.text}`;
  const known = setPasses.get(key);
  if (known) return known;
  const { name } = set;
  const place = set.place.text;
  const pass = passOf(
    `apply-rules-${name}`,
    `Applies the rules of the set \`${name}\`.`,
    (rule) => rule.set?.name === name && rule.set.place?.text === place,
  );
  setPasses.set(key, pass);
  return pass;
}

/** The rules that apply: without those that are switched off, alone or with their set, and those marked `approx` unless these are on. */
export function activeRules({
  rules = [],
  approx,
  withoutRules = [],
}: Pick<PassOptions, "rules" | "approx" | "withoutRules">): readonly UserRule[] {
  return rules.filter(
    (rule) =>
      (rule.approx === undefined || approx === true) &&
      !withoutRules.includes(rule.name) &&
      (rule.set === undefined || !withoutRules.includes(rule.set.name)),
  );
}

function passOf(name: string, doc: string, isOwn: (rule: UserRule) => boolean): Pass<PassOptions> {
  const rulesOf = (options: PassOptions): readonly UserRule[] => activeRules(options).filter(isOwn);
  return {
    name,
    doc,
    rules: rulesOf,
    run: (module, { options, report, onApply }) => {
      const rules = rulesOf(options);
      return rules.length === 0 ? module : apply(module, rules, { pass: name, report, onApply });
    },
  };
}
