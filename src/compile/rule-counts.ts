// Counts how often each rule and fusion was applied, in every run of a pass.

import type { FuseReport } from "#passes/fuse.js";
import { fuse } from "#passes/fuse.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import type { UserRule } from "#rewrite/rule/rule.js";

/** How often one rule or fusion was applied in one run of a pass. */
export interface RuleCount {
  readonly rule: string;
  readonly pass: string;
  /** Which run of the pass it was, from 1, since a pass may run several times. */
  readonly run: number;
  readonly count: number;
}

/**
 * The counts in the order of the passes, and in each by the first application. Rules of the caller are also listed where they were tried and
 * did not apply.
 */
export function ruleCountsOf(
  trace: readonly PassRun[],
  own: readonly UserRule[],
  fused: FuseReport | undefined,
): RuleCount[] {
  const runs = new Map<string, number>();
  return trace.flatMap(({ pass, rules, applied }) => {
    const run = (runs.get(pass.name) ?? 0) + 1;
    runs.set(pass.name, run);
    const names =
      pass === fuse
        ? (fused?.groups ?? []).flatMap(({ plan: { fusion } }) => fusion ?? [])
        : applied.map(({ rule }) => rule);
    const counts = new Map<string, number>();
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const rule of own) if (rules.includes(rule)) counts.set(rule.name, counts.get(rule.name) ?? 0);
    return [...counts].map(([rule, count]) => ({ rule, pass: pass.name, run, count }));
  });
}
