// Text to syntax tree: tokens, ends of statements, concrete tree, `Ast`, and all errors on the way.

import { expectArgument } from "#diagnostic/argument.js";
import { hasErrors, type Diagnostic, type Result } from "#diagnostic/diagnostic.js";
import { lineStarts } from "#diagnostic/position.js";
import type { Ast, Comment } from "./ast.js";
import { build } from "./build.js";
import { explain } from "./explain.js";
import { endOf, placeNewlines } from "./lines.js";
import { parseTokens } from "./parser.js";
import { tokenize } from "./tokens.js";

/**
 * Reads the text of a `.net` file; `file` is its name in spans. All syntax errors are reported, at most one for each
 * statement, in reading order. `partial` is there even then, without the statements that are wrong.
 */
export function parse(text: string, file: string): Result<Ast> & { readonly partial: Ast } {
  expectArgument("parse", "a text and its name, both strings", text, typeof text === "string");
  expectArgument("parse", "a text and its name, both strings", file, typeof file === "string");
  const { tokens, comments } = tokenize(text);
  const lines = placeNewlines(tokens, text);
  const { tree, faults } = parseTokens(lines);
  const { items, diagnostics: mistakes } = build(tree, file);
  const diagnostics = [...explain(faults, lines.tokens, file), ...mistakes].sort(byPlace);
  const partial: Ast = {
    file,
    items,
    comments: comments.map((token): Comment => {
      const { startOffset: start, image } = token;
      const span = { file, start, end: endOf(token) };
      return { text: image.trimEnd(), ownLine: startsLine(text, start), span };
    }),
    lineStarts: lineStarts(text),
  };
  return { ...(hasErrors(diagnostics) ? {} : { value: partial }), partial, diagnostics };
}

/** Whether only white space stands before `offset` on its line. */
function startsLine(text: string, offset: number): boolean {
  let start = offset;
  while (start > 0 && (text[start - 1] === " " || text[start - 1] === "\t" || text[start - 1] === "\ufeff"))
    start--;
  return start === 0 || text[start - 1] === "\n" || text[start - 1] === "\r";
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return (a.span?.start ?? 0) - (b.span?.start ?? 0);
}
