// Builds the leaves of the `Ast` from tokens: names, strings, numbers and sizes.

import type { IToken } from "chevrotain";
import { error } from "#diagnostic/diagnostic.js";
import type * as ast from "../ast.js";
import { spanOfToken, type TreeContext } from "./tree-context.js";
import { printName } from "../printing/print-name.js";
import { is, QuotedName, unescaped } from "../tokens/tokens.js";

export function name(b: TreeContext, token: IToken): ast.Name {
  const text = textOf(b, token);
  if (text === "")
    b.diagnostics.push(error("empty-name", "a name cannot be empty", { span: spanOfToken(b, token) }));
  const quoted = is(token, QuotedName) && printName(text) === text;
  return { text, ...(quoted && { quoted }), span: spanOfToken(b, token) };
}

export function string(b: TreeContext, token: IToken): ast.StringLiteral {
  return { kind: "string", value: textOf(b, token), span: spanOfToken(b, token) };
}

export function number(b: TreeContext, token: IToken): ast.NumberLiteral {
  const value = Number(token.image);
  const span = spanOfToken(b, token);
  if (!Number.isFinite(value))
    b.diagnostics.push(error("bad-number", `${token.image} is too large a number`, { span }));
  return { kind: "number", value, text: token.image, span };
}

export function size(b: TreeContext, token: IToken): ast.SizeLiteral {
  const values = token.image.split("x").map(Number);
  const span = spanOfToken(b, token);
  if (!values.every(Number.isSafeInteger)) {
    b.diagnostics.push(error("bad-number", `${token.image} is too large a size`, { span }));
  }
  return { kind: "size", values, span };
}

/** The value of a token, with its escapes replaced; reports wrong escapes. */
function textOf(b: TreeContext, token: IToken): string {
  const { value, problems } = unescaped(token);
  for (const { start, end } of problems) {
    const span = { file: b.file, start: token.startOffset + start, end: token.startOffset + end };
    const escape = token.image.slice(start, end);
    const help = [
      'the escapes are \\n, \\r, \\t, \\\\, \\", \\` and \\u{…} with a code point in hexadecimal',
    ];
    b.diagnostics.push(error("bad-escape", `\`${escape}\` is not an escape`, { span, help }));
  }
  return value;
}
