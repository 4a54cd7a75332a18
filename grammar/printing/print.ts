// The printer of the language: one canonical text for every tree, comments and single blank lines kept.

import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { Ast } from "../ast.js";
import { commentsOf } from "./comments.js";
import { layout, type Line } from "./layout.js";
import { itemsDoc } from "./print-items.js";

/** Columns of a line; only what cannot be broken goes beyond. */
const width = 100;

/**
 * The text of a tree, ending in a line end. Reading it gives the same tree again (spans aside), and printing that the
 * same text. In a tree without a text (`lineStarts`) blank lines stand between items only.
 */
export function print(ast: Ast): string {
  expectArgument("print", "a syntax tree, as `parse` gives it", ast, hasProperties(ast, "items"));
  const lines = layout(itemsDoc(commentsOf(ast), ast.items), width);
  const text = alignComments(lines).join("\n");
  return text === "" ? "" : `${text}\n`;
}

/** How much shorter than its neighbours a line may be for its comment to stand in their column. */
const reach = 40;

/** The comments at the ends of neighbouring lines stand in one column, unless the lines differ much in length. */
function alignComments(lines: readonly Line[]): string[] {
  const columns = new Map<Line, number>();
  for (let start = 0; start < lines.length; start++) {
    let end = start;
    while (lines[end]?.comment !== undefined) end++;
    const run = lines.slice(start, end);
    const lengths = run.map(({ text }) => text.length);
    // A run may be longer than a call can have arguments.
    const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
    const shortest = lengths.reduce((least, length) => Math.min(least, length), longest);
    if (longest - shortest <= reach) for (const line of run) columns.set(line, longest);
    start = end;
  }
  return lines.map((line) => {
    const { text, comment } = line;
    if (comment === undefined) return text;
    return `${text.padEnd(columns.get(line) ?? text.length)}  ${comment}`;
  });
}
