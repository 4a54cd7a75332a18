// Plain tables for a terminal, without borders, so that other tools can process them.

import { lineText } from "#diagnostic/escape.js";
import { columns } from "#diagnostic/excerpt.js";

/**
 * Rows under a head; columns two spaces apart; without trailing blanks. Not a library, since a table of a deep net has many
 * thousands of rows, for which the usual libraries take quadratic time.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: readonly ("left" | "right")[],
): string {
  const widths = head.map((title) => columns(title));
  const cells = rows.map((row) => row.map(lineText));
  for (const row of cells) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, columns(cell));
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => {
        const blank = " ".repeat((widths[at] ?? 0) - columns(cell));
        return align[at] === "right" ? `${blank}${cell}` : `${cell}${blank}`;
      })
      .join("  ")
      .trimEnd();
  return [head, ...cells].map(line).join("\n");
}
