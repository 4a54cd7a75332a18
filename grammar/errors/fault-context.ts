// The context of a syntax error: its statement and its open bracket, and how messages quote tokens.

import { given } from "#diagnostic/given.js";
import { EOF, type IToken } from "chevrotain";
import type { Span } from "#diagnostic/diagnostic.js";
import type { Fault } from "./fault.js";
import { endOf } from "../tokens/line-ends.js";
import {
  CloseBrace,
  CloseBracket,
  CloseParen,
  Newline,
  OpenBrace,
  OpenBracket,
  OpenParen,
} from "../tokens/tokens.js";

/** A fault with its context. */
export interface FaultContext extends Fault {
  readonly file: string;
  readonly tokens: readonly IToken[];
  /** Index of `found` in `tokens`; their number if it is the end of the file. */
  readonly index: number;
  /** The first token of the statement that contains `found`; `found` itself if it begins one. */
  readonly first: IToken;
  /** Index of the innermost bracket of the statement that is open at `found`. */
  readonly opener?: number;
  /** Whether a `|>` precedes `found` in the same brackets. */
  readonly afterPipe: boolean;
}

/** Goes back from the fault to the beginning of its statement. Each statement has only one fault, so each is visited once. */
export function contextOf(fault: Fault, tokens: readonly IToken[], file: string): FaultContext {
  const index = indexOf(fault.found, tokens);
  let first = fault.found;
  let opener: number | undefined;
  let afterPipe = false;
  let depth = 0;
  let braces = 0;
  for (let k = index - 1; k >= 0; k--) {
    const token = tokens[k];
    if (token === undefined) break;
    const { tokenType } = token;
    if (tokenType === CloseBrace) braces++;
    if (tokenType === OpenBrace && --braces < 0) break;
    if (braces > 0) continue;
    if (tokenType === Newline) break;
    if (tokenType === CloseParen || tokenType === CloseBracket) depth++;
    if (tokenType === OpenParen || tokenType === OpenBracket) {
      if (depth === 0) opener ??= k;
      else depth--;
    }
    if (token.image === "|>" && depth === 0 && opener === undefined) afterPipe = true;
    first = token;
  }
  return { ...fault, file, tokens, index, first, ...given({ opener }), afterPipe };
}

/** The body that contains the fault: index of its `{`, and the words before it, such as `net seed`. */
export function enclosingBody(context: FaultContext): { brace: number; header: string } | undefined {
  const { tokens, index, file } = context;
  let depth = 0;
  for (let k = index - 1; k >= 0; k--) {
    const token = tokens[k];
    if (token?.tokenType === CloseBrace) depth++;
    if (token?.tokenType !== OpenBrace || depth-- > 0) continue;
    const { first } = contextOf({ ...context, found: token }, tokens, file);
    const name = tokens[indexOf(first, tokens) + 1];
    const header = name === undefined || name === token ? first.image : `${first.image} ${name.image}`;
    return { brace: k, header };
  }
  return undefined;
}

/** The span to underline: the token, or the place after the last token of the line or file. */
export function placeOf({ found, tokens, index, file }: FaultContext): Span {
  if (found.tokenType === EOF) {
    const last = tokens[index - 1];
    const end = last === undefined ? 0 : endOf(last);
    return { file, start: end, end };
  }
  return { file, start: found.startOffset, end: endOf(found) };
}

export function spanAt({ tokens, file }: FaultContext, index: number): Span {
  const token = tokens[index];
  return token === undefined
    ? { file, start: 0, end: 0 }
    : { file, start: token.startOffset, end: endOf(token) };
}

/** Whether the line, or the file, ends where something else was expected. */
export function endsAt({ found }: FaultContext): boolean {
  return found.tokenType === Newline || found.tokenType === EOF;
}

/** A token as messages quote it; names in backticks are not quoted twice. */
export function shown(token: IToken): string {
  const longest = 40;
  const { image } = token;
  const text = image.length > longest ? `${image.slice(0, longest)}…` : image;
  return text.startsWith("`") ? text : `\`${text}\``;
}

/** `" after …"` with the token before the fault, or nothing at the beginning of a statement. */
export function afterPrevious({ found, first, tokens, index }: FaultContext): string {
  const before = tokens[index - 1];
  return found === first || before === undefined ? "" : ` after ${shown(before)}`;
}

/** By binary search: tokens are in order, and only a `Newline` shares its offset with the next. */
function indexOf(token: IToken, tokens: readonly IToken[]): number {
  if (token.tokenType === EOF) return tokens.length;
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tokens[middle]?.startOffset ?? Infinity) < token.startOffset) low = middle + 1;
    else high = middle;
  }
  while (low < tokens.length && tokens[low] !== token) low++;
  return low;
}
