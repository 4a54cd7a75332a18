// What a pass did, as a diff of two printed graphs.

import { diffLines } from "diff";

/** A line of a diff: kept, removed from the first or added in the second text. */
export interface DiffLine {
  readonly kind: "same" | "removed" | "added";
  readonly text: string;
}

const signs = { same: " ", removed: "-", added: "+" } as const;

/** The lines of two texts, told apart. */
export function diffText(before: string, after: string): DiffLine[] {
  return diffLines(before, after).flatMap(({ value, added, removed }) =>
    value
      .replace(/\n$/, "")
      .split("\n")
      .map((text): DiffLine => ({ kind: added ? "added" : removed ? "removed" : "same", text })),
  );
}

/** A diff to read, with `context` unchanged lines around each change; `paint` may colour a line. */
export function printDiff(
  lines: readonly DiffLine[],
  paint: (kind: DiffLine["kind"], text: string) => string = (_, text) => text,
  context = 3,
): string {
  const near = new Set<number>();
  for (const [index, line] of lines.entries()) {
    if (line.kind === "same") continue;
    for (let at = index - context; at <= index + context; at += 1) near.add(at);
  }
  const out: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (near.has(index)) out.push(paint(line.kind, `${signs[line.kind]} ${line.text}`.trimEnd()));
    else if (near.has(index + 1) || index === 0) out.push("  …");
  }
  return out.join("\n");
}
