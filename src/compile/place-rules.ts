// Places the user's own rules in the pipeline.

import { applyRules } from "#passes/apply-rules.js";
import type { PassOptions } from "#passes/index.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { gapOf } from "#rewrite/pipeline/extra-pass.js";
import type { Pass } from "#rewrite/pipeline/pass.js";

/**
 * The passes with `apply-rules` moved to the given places, each `before PASS` or `after PASS`; or errors. If a pass runs twice, `before`
 * means its first run and `after` its last. Without places, the passes stay unchanged.
 */
export function placeRules(
  all: readonly Pass<PassOptions>[],
  places: readonly string[],
): Result<readonly Pass<PassOptions>[]> {
  if (places.length === 0) return { value: all, diagnostics: [] };
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
