// The counts of applied rules as a table.

import { table } from "./table.js";

/** A row for each rule and run of a pass; the run is named if the pass ran several times. */
export function ruleCountsText(
  counts: readonly {
    readonly rule: string;
    readonly pass: string;
    readonly run: number;
    readonly count: number;
  }[],
): string {
  if (counts.length === 0) return "no rule was applied\n";
  const repeated = new Set(counts.filter(({ run }) => run > 1).map(({ pass }) => pass));
  const rows = counts.map(({ rule, pass, run, count }) => [
    rule,
    repeated.has(pass) ? `${pass} (run ${run})` : pass,
    String(count),
  ]);
  return `${table(["rule", "pass", "applied"], rows, ["left", "left", "right"])}\n`;
}
