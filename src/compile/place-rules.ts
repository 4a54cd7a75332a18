// Places the user's own rules in the pipeline.

import { applyRules, passOfRule } from "#passes/apply-rules.js";
import type { PassOptions } from "#passes/index.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { gapOf } from "#rewrite/pipeline/extra-pass.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import type { UserRule, RuleSetInfo } from "#rewrite/rule/rule.js";

/**
 * The passes with `apply-rules` moved to the given places, each `before PASS` or `after PASS`; or errors. If a pass runs twice, `before`
 * means its first run and `after` its last. Without places, these passes stay unchanged. The rules of a set with a place of its own get
 * a pass there; of several at one place, in the order of the rules.
 */
export function placeRules(
  all: readonly Pass<PassOptions>[],
  places: readonly string[],
  rules: readonly UserRule[] = [],
): Result<readonly Pass<PassOptions>[]> {
  const moved = places.length === 0 ? { value: all, diagnostics: [] } : moveRules(all, places);
  return moved.value ? placeSets(moved.value, rules) : moved;
}

function moveRules(
  all: readonly Pass<PassOptions>[],
  places: readonly string[],
): Result<readonly Pass<PassOptions>[]> {
  const others = all.filter((pass) => pass !== applyRules);
  const gaps = new Set<number>();
  const diagnostics = places.flatMap((place) => {
    const gap = gapOf(others, place, "rules");
    if (typeof gap !== "number") return [gap];
    gaps.add(gap);
    return [];
  });
  if (diagnostics.length > 0) return { diagnostics };
  const value = others.flatMap((pass, at) => (gaps.has(at) ? [applyRules, pass] : [pass]));
  return { value: gaps.has(others.length) ? [...value, applyRules] : value, diagnostics };
}

function placeSets(
  passes: readonly Pass<PassOptions>[],
  rules: readonly UserRule[],
): Result<readonly Pass<PassOptions>[]> {
  const sets = new Map<Pass<PassOptions>, RuleSetInfo>();
  for (const rule of rules) if (rule.set?.place) sets.set(passOfRule(rule), rule.set);
  const atGap = new Map<number, Pass<PassOptions>[]>();
  const diagnostics: Diagnostic[] = [];
  for (const [pass, { name, place }] of sets) {
    if (!place) continue;
    const gap = gapOf(passes, place.text, `the rules \`${name}\``);
    if (typeof gap === "number") atGap.set(gap, [...(atGap.get(gap) ?? []), pass]);
    else diagnostics.push({ ...gap, span: place.span });
  }
  if (diagnostics.length > 0) return { diagnostics };
  const value = passes.flatMap((pass, at) => [...(atGap.get(at) ?? []), pass]);
  return { value: [...value, ...(atGap.get(passes.length) ?? [])], diagnostics };
}
