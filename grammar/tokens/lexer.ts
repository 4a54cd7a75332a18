// The lexer. It is hand-written, since chevrotain's takes ten times as long, and reads a text to its end even if it is too long.

import type { IToken, TokenType } from "chevrotain";
import { unescape } from "../quote.js";
import * as t from "./tokens.js";

/** Most tokens of a file, and most comments. More would fill the memory, and no model has so many. */
export const tokenLimit = 2_000_000;

/** The tokens and comments of a text. */
export interface Tokens {
  /** Including line ends. */
  readonly tokens: IToken[];
  readonly comments: IToken[];
  /** The offset where the limit was reached, if it was. */
  readonly rest?: number;
}

const word = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*/y;
const wordStart = /[A-Za-z_]/;
const size = /[0-9]+(?:x[0-9]+)+/y;
const number = /[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const wrongNumber = /\.?[0-9][0-9A-Za-z_]*(?:\.(?!\.)[0-9A-Za-z_]*)*/y;
const space = /[ \t\ufeff]+/y;
const toLineEnd = /[^\r\n]*/y;
const wrong = /&&|\|\||[\u0080-\uffff]+|[^]/y;

const keywords: ReadonlyMap<string, TokenType> = new Map(t.words.map((type) => [t.wordOf(type), type]));
/** Signs of two characters, then of one: the order in which they are tried. */
const signs: readonly ReadonlyMap<string, TokenType>[] = [2, 1].map(
  (length) =>
    new Map(
      t.punctuations
        .map((type) => [t.wordOf(type), type] as const)
        .filter(([sign]) => sign.length === length),
    ),
);

/** The tokens of a text and its comments. Any text becomes tokens completely, unless they are too many. */
export function tokenize(text: string): Tokens {
  const tokens: IToken[] = [];
  const comments: IToken[] = [];
  for (let at = 0; at < text.length;) {
    if (tokens.length + comments.length >= tokenLimit) return { tokens, comments, rest: at };
    const spaces = matched(space, text, at);
    if (spaces > 0) {
      at += spaces;
      continue;
    }
    const token =
      text[at] === "#" ? made(t.CommentToken, text, at, matched(toLineEnd, text, at)) : tokenAt(text, at);
    (token.tokenType === t.CommentToken ? comments : tokens).push(token);
    at = (token.endOffset ?? at) + 1;
  }
  return { tokens, comments };
}

/** The token that begins at an offset. */
function tokenAt(text: string, at: number): IToken {
  const first = text[at] ?? "";
  if (first === "\n") return made(t.LineEnd, text, at, 1);
  if (first === "\r") return made(t.LineEnd, text, at, text[at + 1] === "\n" ? 2 : 1);
  if (wordStart.test(first)) {
    const token = made(t.PlainName, text, at, matched(word, text, at));
    const keyword = keywords.get(token.image);
    return keyword ? made(keyword, text, at, token.image.length) : token;
  }
  if (first === '"' || first === "`") return quotedAt(text, at, first);
  const digits = matched(wrongNumber, text, at);
  if (digits > 0) {
    const length = matched(size, text, at);
    if (length === digits) return made(t.SizeToken, text, at, length);
    // A number may be longer, such as `1e-3`.
    const plain = length > 0 ? 0 : matched(number, text, at);
    return plain >= digits ? made(t.NumberToken, text, at, plain) : made(t.WrongNumber, text, at, digits);
  }
  // Not two bars: `||` is a sign of other languages.
  if (text.startsWith("||", at)) return made(t.WrongCharacter, text, at, 2);
  for (const [index, known] of signs.entries()) {
    const sign = known.get(text.slice(at, at + 2 - index));
    if (sign) return made(sign, text, at, 2 - index);
  }
  return made(t.WrongCharacter, text, at, matched(wrong, text, at));
}

/** From a quote to the same quote, or to the end of the line if that comes first. */
function quotedAt(text: string, at: number, mark: '"' | "`"): IToken {
  let end = at + 1;
  while (text[end] !== mark) {
    if (text[end] === "\\") end++;
    const character = text[end];
    if (character === undefined || character === "\n" || character === "\r")
      return made(t.UnclosedQuote, text, at, matched(toLineEnd, text, at));
    end++;
  }
  const token = made(mark === '"' ? t.StringToken : t.QuotedName, text, at, end + 1 - at);
  token.payload = unescape(token.image);
  return token;
}

/** How many characters a sticky expression matches at an offset. */
function matched(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex - at : 0;
}

function made(tokenType: TokenType, text: string, at: number, length: number): IToken {
  return tokenOf(tokenType, text.slice(at, at + length), at, at + length);
}

/** A token from `start` up to `end`. It has only offsets; lines and columns are computed from them. */
export function tokenOf(tokenType: TokenType, image: string, start: number, end: number): IToken {
  // All tokens have the same hidden class: engines are slow with many classes.
  const tokenTypeIdx = tokenType.tokenTypeIdx ?? 0;
  return { image, startOffset: start, endOffset: end - 1, tokenTypeIdx, tokenType, payload: undefined };
}
