// The messages about tokens that are not part of the language: wrong numbers, characters, quotes, nesting.

import type { IToken } from "chevrotain";
import { error, type Diagnostic, type Span } from "#diagnostic/diagnostic.js";
import type { Advice } from "#diagnostic/suggest.js";
import { writeInstead } from "#diagnostic/suggest.js";
import { endOf, maxConditionals, maxNesting } from "../tokens/line-ends.js";
import { StrayBrace, TooDeep, UnclosedQuote, WrongBraces, WrongNumber } from "../tokens/tokens.js";

/** What is said about characters of other languages and of typography, and the text to write instead, if it is always the same. */
const instead: ReadonlyMap<string, readonly [help: string, text?: string]> = new Map([
  [";", ["a statement ends at the end of its line, without `;`", ""]],
  ["&&", ["write `and`", "and"]],
  ["&", ["write `and`", "and"]],
  ["||", ["write `or`", "or"]],
  ["!", ["write `not`, or `!=`"]],
  ["'", ["write strings in double quotes"]],
  ["“", ['write strings in straight quotes: `"`', '"']],
  ["”", ['write strings in straight quotes: `"`', '"']],
  ["^", ["a power is written `pow(x, 2)`"]],
  ["×", ["write a size with the letter x: `3x3`", "x"]],
  ["−", ["write a minus as `-`", "-"]],
  ["–", ["write a minus as `-`", "-"]],
  ["→", ["write `->`", "->"]],
  ["⇒", ["write `=>`", "=>"]],
  ["≤", ["write `<=`", "<="]],
  ["≥", ["write `>=`", ">="]],
  ["≠", ["write `!=`", "!="]],
  ["…", ["write `..` and a name for the rest of the attributes"]],
  ["\\", ["a line that ends in an operator, or inside brackets, continues without `\\`", ""]],
  ["$", ["write names without `$`", ""]],
  ["@", ["write names without `@`", ""]],
  [".", ["a name with other characters than letters, digits and `_` needs backticks"]],
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
      const help = [`it must end on the line where it begins; write a line end in it as \`\\n\``];
      return error(`unclosed-${what}`, `the ${what} is not closed`, { span, help });
    }
    case TooDeep:
      if (image === "if")
        return error("too-deep", `a statement has more than ${maxConditionals} \`if\``, {
          span,
          label: "one too many",
          help: ["give names to parts of it"],
        });
      return error("too-deep", `brackets are nested more than ${maxNesting} deep`, {
        span: { ...span, end: span.start + image.length },
        label: "one too many",
        help: ["give names to inner parts"],
      });
    case WrongBraces:
    case StrayBrace:
      if (image === "}") return error("unmatched", "`}` does not close anything", { span });
      return error("syntax", "`{` begins a body, and none can begin here", {
        span: { ...span, end: span.start + 1 },
        help: ["a list is written `[1, 2]`, arguments are written `f(x, stride=2)`"],
      });
    default:
      return explainCharacter(image, before, span);
  }
}

function adviceOf([help, text]: readonly [string, string?], span: Span): Advice {
  return text === undefined ? { help: [help] } : writeInstead(text, span, help);
}

function explainNumber(image: string, span: Span): Diagnostic {
  if (/^\.[0-9]+$/.test(image)) {
    return error("bad-number", "a number needs a digit before its decimal point", {
      span,
      ...writeInstead(`0${image}`, span),
    });
  }
  if (/^[0-9]+\.$/.test(image)) {
    return error("bad-number", "a number needs a digit after its decimal point", {
      span,
      ...writeInstead(`${image}0`, span),
    });
  }
  if (/^[0-9]+[xX](?:[0-9]+[xX])*[A-Za-z_]/.test(image)) {
    const help = ["if a side is not a number, write a list: `[k, 1]`"];
    return error("bad-number", `\`${image}\` is not a size: its sides must be numbers`, { span, help });
  }
  if (/^[0-9]+(?:X[0-9]+)+$/.test(image)) {
    const advice = writeInstead(image.toLowerCase(), span);
    return error("bad-number", "a size is written with a small x", { span, ...advice });
  }
  const help = `a name that does not begin with a letter or \`_\` needs backticks: \`${image}\``;
  const advice = writeInstead(`\`${image}\``, span, help);
  return error("bad-number", `\`${image}\` is neither a number, nor a size, nor a name`, { span, ...advice });
}

function explainCharacter(image: string, before: IToken | undefined, span: Span): Diagnostic {
  const known = instead.get(image) ?? instead.get(String.fromCodePoint(image.codePointAt(0) ?? 0));
  const partOfName = before !== undefined && endOf(before) === span.start && /^[\p{L}\p{N}]/u.test(image);
  const odd = `a name with letters other than a to z needs backticks`;
  const advice = known ? adviceOf(known, span) : { help: partOfName || /^\p{L}/u.test(image) ? [odd] : [] };
  return error("bad-character", `\`${image}\` is not part of the language`, { span, ...advice });
}
