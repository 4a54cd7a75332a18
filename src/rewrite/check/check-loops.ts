// Finds rules that apply without end, on the samples of the checks of the single rules; this needs no model.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Rule } from "../rule/rule.js";
import type { Loop } from "../rule/sweep.js";
import { loopError, sweep } from "../rule/sweep.js";
import type { RuleCheck } from "./check-rule.js";

/** Far more than terminating rules need on graphs of a few nodes. */
const limits = { sweeps: 60, rewrites: 400 };

/** An error for each cycle of rules that undo each other or match their own results. Of cycles of the same rules, only the shortest. */
export function checkLoops(checks: readonly RuleCheck[]): Diagnostic[] {
  const rules: readonly Rule[] = checks.map(({ rule }) => rule);
  const loops = new Map<string, Loop>();
  for (const { lefts } of checks) {
    for (const { module } of lefts) {
      const { loop } = sweep(module, rules, { pass: "check" }, limits);
      if (!loop) continue;
      const key = [...new Set(loop.cycle)].sort().join();
      const known = loops.get(key);
      if (!known || loop.cycle.length < known.cycle.length) loops.set(key, loop);
    }
  }
  return [...loops.values()]
    .toSorted((a, b) => a.cycle.length - b.cycle.length)
    .map((loop) => loopError(loop, "", rules));
}
