// Words what is wrong with tokens that are none of the language: odd numbers, characters, quotes, nesting.

import type { IToken } from "chevrotain";
import { error, type Diagnostic, type Span } from "#diagnostic/diagnostic.js";
import { endOf, maxNesting } from "../tokens/line-ends.js";
import { TooDeep, UnclosedQuote, WrongBraces, WrongNumber } from "../tokens/tokens.js";

/** What to write instead of characters that people bring from elsewhere. */
const instead: ReadonlyMap<string, string> = new Map([
  [";", "a statement ends at its line's end; no `;` is needed"],
  ["&&", "write `and`"],
  ["&", "write `and`"],
  ["||", "write `or`"],
  ["|", "write `or`, or `|>` for a pipe"],
  ["!", "write `not`, or `!=`"],
  ["'", "strings stand in double quotes"],
  ["“", 'strings stand in straight quotes: `"`'],
  ["”", 'strings stand in straight quotes: `"`'],
  ["×", "write a size with the letter x: `3x3`"],
  ["−", "write a minus as `-`"],
  ["–", "write a minus as `-`"],
  ["→", "write `->`"],
  ["⇒", "write `=>`"],
  ["≤", "write `<=`"],
  ["≥", "write `>=`"],
  ["≠", "write `!=`"],
  ["…", "write `..` and a name for the rest of the attributes"],
  ["\\", "a line continues where it ends in an operator or in brackets; no `\\` is needed"],
  ["$", "a name is written without `$`"],
  ["@", "a name is written without `@`"],
  [".", "a name with other characters than letters, digits and `_` stands in backticks"],
]);

/** The error about a token of the category `Wrong`; `before` is the token before it. */
export function explainWrong(token: IToken, before: IToken | undefined, file: string): Diagnostic {
  const span: Span = { file, start: token.startOffset, end: endOf(token) };
  const { image } = token;
  switch (token.tokenType) {
    case WrongNumber:
      return explainNumber(image, span);
    case UnclosedQuote: {
      const what = image.startsWith("`") ? "name" : "string";
      const help = [`it ends on the line where it began; \`\\n\` stands for a line end in it`];
      return error(`unclosed-${what}`, `the ${what} is not closed`, { span, help });
    }
    case TooDeep:
      return error("too-deep", `brackets are nested more than ${maxNesting} deep`, {
        span: { ...span, end: span.start + image.length },
        label: "one too many",
        help: ["give inner parts names of their own"],
      });
    case WrongBraces:
      return error("syntax", "braces cannot stand inside brackets", {
        span: { ...span, end: span.start + 1 },
      });
    default:
      return explainCharacter(image, before, span);
  }
}

function explainNumber(image: string, span: Span): Diagnostic {
  if (/^\.[0-9]+$/.test(image)) {
    return error("bad-number", "a number needs a digit before its point", {
      span,
      help: [`write \`0${image}\``],
    });
  }
  if (/^[0-9]+\.$/.test(image)) {
    return error("bad-number", "a number needs a digit after its point", {
      span,
      help: [`write \`${image}0\``],
    });
  }
  if (/^[0-9]+[xX](?:[0-9]+[xX])*[A-Za-z_]/.test(image)) {
    const help = ["where a side is not a number, write a list: `[k, 1]`"];
    return error("bad-number", `\`${image}\` is not a size: its sides must be numbers`, { span, help });
  }
  if (/^[0-9]+(?:X[0-9]+)+$/.test(image)) {
    const help = [`write \`${image.toLowerCase()}\``];
    return error("bad-number", "a size is written with a small x", { span, help });
  }
  const help = [`a name begins with a letter or \`_\`; any other stands in backticks: \`${image}\``];
  return error("bad-number", `\`${image}\` is neither a number, nor a size, nor a name`, { span, help });
}

function explainCharacter(image: string, before: IToken | undefined, span: Span): Diagnostic {
  const known = instead.get(image) ?? instead.get(String.fromCodePoint(image.codePointAt(0) ?? 0));
  const partOfName = before !== undefined && endOf(before) === span.start && /^[\p{L}\p{N}]/u.test(image);
  const odd = `a name with letters other than a to z stands in backticks`;
  const help = known !== undefined ? [known] : partOfName || /^\p{L}/u.test(image) ? [odd] : [];
  return error("bad-character", `\`${image}\` is not part of the language`, { span, help });
}
