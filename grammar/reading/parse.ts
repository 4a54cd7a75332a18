// Parses a text into a syntax tree: tokens, ends of statements, concrete tree, `Ast`, and all errors.

import { expectArgument } from "#diagnostic/argument.js";
import { error, hasErrors, type Diagnostic, type Result } from "#diagnostic/diagnostic.js";
import { lineStarts } from "#diagnostic/position.js";
import type { IToken } from "chevrotain";
import type { Ast, Comment, Item } from "../ast.js";
import { docComments } from "./doc-comments.js";
import { createTreeBuilder } from "./tree-builder.js";
import { explain } from "../errors/explain.js";
import { endOf, placeStatementEnds } from "../tokens/line-ends.js";
import { faultLimit, parseTokens } from "./parser.js";
import type { Fault } from "../errors/fault.js";
import { tokenize, tokenLimit } from "../tokens/lexer.js";
import { Comma, Const, Identifier, Import, is, ItemStart, unescaped } from "../tokens/tokens.js";

/**
 * Reads the text of a `.net` file; `file` is its name in spans. All syntax errors are reported, at most one for each
 * statement, in reading order. `partial` is always present; it lacks the wrong statements.
 */
export function parse(text: string, file: string): Result<Ast> & { readonly partial: Ast } {
  expectArgument("parse", "a text and its name, both strings", text, typeof text === "string");
  expectArgument("parse", "a text and its name, both strings", file, typeof file === "string");
  const { tokens, comments, rest } = tokenize(text);
  if (rest !== undefined) return tooManyTokens(text, file, rest);
  const lines = placeStatementEnds(tokens, text);
  const starts = lineStarts(text);
  const written = comments.map((token): Comment => {
    const { startOffset: start, image } = token;
    const span = { file, start, end: endOf(token) };
    return { text: image.trimEnd(), ownLine: startsLine(text, start), span };
  });
  const builder = createTreeBuilder(file, docComments(text, written, starts));
  const { tree, faults } = parseTokens(lines, builder);
  const items = builder.items(tree);
  const diagnostics = [
    ...explain(faults, lines.tokens, file),
    ...builder.diagnostics,
    ...(faults.length < faultLimit ? [] : [tooManyFaults(file, faults)]),
  ].sort(byPlace);
  const wrong = hasErrors(diagnostics);
  const partial: Ast = {
    file,
    items,
    ...(wrong && { incomplete: incompleteNames(lines.tokens, items, diagnostics) }),
    comments: written,
    lineStarts: starts,
  };
  return { ...(wrong ? {} : { value: partial }), partial, diagnostics };
}

/** The names of nets, blocks and consts that are not in the tree, or contain an error. */
function incompleteNames(
  tokens: readonly IToken[],
  items: readonly Item[],
  diagnostics: readonly Diagnostic[],
): ReadonlySet<string> {
  const whole = new Set<number>();
  for (const { span } of items)
    if (!diagnostics.some((one) => one.span && span.start <= one.span.start && one.span.start <= span.end))
      whole.add(span.start);
  const names = new Set<string>();
  for (const [index, token] of tokens.entries()) {
    const name = tokens[index + 1];
    const begins = is(token, ItemStart) || is(token, Const) || token.tokenType === Import;
    if (!begins || whole.has(token.startOffset) || !is(name, Identifier)) continue;
    // Consts of bodies are here too; one with the name of a whole const only hides errors about that name.
    for (let at = index + 1; is(tokens[at], Identifier); at += is(tokens[at + 1], Comma) ? 2 : 1)
      names.add(unescaped(tokens[at] ?? token).value);
  }
  return names;
}

function tooManyTokens(text: string, file: string, rest: number): Result<Ast> & { readonly partial: Ast } {
  const message = `${file} has more than ${tokenLimit / 1e6} million names, numbers and signs`;
  const help = [
    "put large constants into a weight file, and repeated statements into a `block` or a `repeat`",
  ];
  const diagnostics = [error("too-large", message, { span: { file, start: rest, end: rest + 1 }, help })];
  return { partial: { file, items: [], comments: [], lineStarts: lineStarts(text) }, diagnostics };
}

function tooManyFaults(file: string, faults: readonly Fault[]): Diagnostic {
  const start = faults.at(-1)?.found.startOffset ?? 0;
  const message = `these are the first ${faultLimit} errors; the rest of the text is not checked`;
  return error("too-many-errors", message, { span: { file, start, end: start } });
}

/** Whether only white space precedes `offset` on its line. */
function startsLine(text: string, offset: number): boolean {
  let start = offset;
  while (start > 0 && (text[start - 1] === " " || text[start - 1] === "\t" || text[start - 1] === "\ufeff"))
    start--;
  return start === 0 || text[start - 1] === "\n" || text[start - 1] === "\r";
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return (a.span?.start ?? 0) - (b.span?.start ?? 0);
}
