// The printer of the language: one canonical text for every tree, comments and single blank lines kept.

import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { Ast, Expression } from "../ast.js";
import { commentsOf } from "./comments.js";
import { layout, type Line } from "./layout.js";
import { expressionDoc } from "./print-expression.js";
import { itemsDoc } from "./print-items.js";

/** Columns of a line; only parts that cannot be broken are longer. */
const width = 100;

/**
 * The text of a tree, which ends in a line end. Parsing it gives the same tree (except spans), and printing that tree gives the
 * same text. If the tree has no text (no `lineStarts`), blank lines are printed between items only.
 */
export function print(ast: Ast): string {
  expectArgument("print", "a syntax tree, as `parse` gives it", ast, hasProperties(ast, "items"));
  const lines = layout(itemsDoc(commentsOf(ast), ast.items), width);
  const text = alignComments(lines).join("\n");
  return text === "" ? "" : `${text}\n`;
}

/** The text of an expression on one line. */
export function printExpression(expression: Expression): string {
  const lines = layout(expressionDoc(commentsOf({ comments: [] }), expression), Number.POSITIVE_INFINITY);
  return lines.map(({ text }) => text).join(" ");
}

/** How many columns shorter than its neighbours a line may be, to have its comment aligned with theirs. */
const reach = 40;

/** Aligns the comments at the ends of adjacent lines, unless the lengths of the lines differ much. */
function alignComments(lines: readonly Line[]): string[] {
  const columns = new Map<Line, number>();
  for (let start = 0; start < lines.length; start++) {
    let end = start;
    while (lines[end]?.comment !== undefined) end++;
    const run = lines.slice(start, end);
    const lengths = run.map(({ text }) => text.length);
    // The list may be longer than the arguments that a call can have.
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
