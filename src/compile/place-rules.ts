// Places the user's own rules in the pipeline.

import { applyRules } from "#passes/apply-rules.js";
import type { PassOptions } from "#passes/index.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { didYouMean } from "#diagnostic/suggest.js";
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
    const gap = gapOf(others, place);
    if (typeof gap !== "number") return [gap];
    gaps.add(gap);
    return [];
  });
  if (diagnostics.length > 0) return { diagnostics };
  const value = others.flatMap((pass, at) => (gaps.has(at) ? [applyRules, pass] : [pass]));
  return { value: gaps.has(others.length) ? [...value, applyRules] : value, diagnostics };
}

/** The number of passes before a place, or an error. */
function gapOf(passes: readonly Pass<PassOptions>[], place: string): number | ReturnType<typeof error> {
  const [, side, name] = /^(before|after) +(\S+)$/.exec(place.trim()) ?? [];
  if (side === undefined || name === undefined)
    return error("wrong-place", `\`${place}\` is not a place for rules`, {
      help: ["a place is `before PASS` or `after PASS`, such as `before canonicalize`"],
    });
  const names = passes.map((pass) => pass.name);
  const at = side === "before" ? names.indexOf(name) : names.lastIndexOf(name);
  if (at >= 0) return side === "before" ? at : at + 1;
  const near = didYouMean(name, names);
  return error("unknown-pass", `there is no pass \`${name}\` to place rules at`, {
    help: near.length > 0 ? near : [`there are ${[...new Set(names)].join(", ")}`],
  });
}
