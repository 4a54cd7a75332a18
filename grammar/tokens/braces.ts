// Finds braces that cannot be meant as they stand, so that one wrong brace does not change to which body all other lines belong.

import type { IToken, TokenType } from "chevrotain";
import { tokenOf } from "./lexer.js";
import * as t from "./tokens.js";

/** Most wrong braces of a file that are looked for: each takes a look at all braces. */
const mostMended = 8;

/** The words that begin what has a body. */
const heads = [t.Net, t.Block, t.Rules, t.Repeat, t.If, t.Else, t.Kernel];

/** A brace, with what stands around it on its line. */
interface Brace {
  readonly index: number;
  readonly opens: boolean;
  readonly line: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Whether a `}` could end a body here: nothing follows it on its line but `else` and further braces. */
  readonly mayEnd: boolean;
  /** Whether the line begins with a word that has a body, or closes the parameters of one. */
  readonly hasHead: boolean;
}

/** A line with a head and without braces, at whose end a `{` may be missing. */
interface Head {
  readonly index: number;
}

/**
 * Replaces wrong braces by tokens that the parser refuses, and inserts a `{` that is missing. A `{` where no body can begin is always wrong.
 * Others are only suspected, and are wrong if the braces of the text do not match otherwise.
 */
export function mendBraces(tokens: readonly IToken[]): readonly IToken[] {
  const { braces, lonelyHeads } = survey(tokens);
  if (braces.length === 0) return tokens;
  const wrong = new Map<number, number>();
  const missing = new Set<number>();
  misplaced(tokens, braces, wrong);
  for (let mended = 0; mended < mostMended; mended++) {
    const { partner, closer, opener } = matched(braces, wrong, missing);
    if (closer !== undefined) {
      const suspects = braces.filter((one) => !one.opens && !wrong.has(one.index));
      const isElsewhere = (one: Brace): boolean => !one.isFirst && lineOf(partner, one) !== one.line;
      const suspect = suspects.find(({ mayEnd }) => !mayEnd) ?? suspects.find(isElsewhere);
      const head = lonelyHeads.find(({ index }) => index < closer && !missing.has(index));
      // An empty body in one line, which the lines behind it may have been meant for.
      const empty = suspects.find((one) => one.isLast && partner.get(one)?.index === one.index - 1);
      if (suspect) wrong.set(suspect.index, suspect.index);
      else if (head) missing.add(head.index);
      else if (empty) wrong.set(empty.index, empty.index);
      else break;
    } else if (opener !== undefined) {
      const suspect = braces.find(
        (one) =>
          one.opens &&
          !wrong.has(one.index) &&
          (!one.hasHead || (!one.isLast && lineOf(partner, one) !== one.line)),
      );
      if (!suspect) break;
      wrong.set(suspect.index, suspect.index);
    } else break;
  }
  return wrong.size + missing.size === 0 ? tokens : replaced(tokens, wrong, missing);
}

/** The line of the brace to which another belongs. */
function lineOf(partner: ReadonlyMap<Brace, Brace>, brace: Brace): number | undefined {
  return partner.get(brace)?.line;
}

function survey(tokens: readonly IToken[]): { readonly braces: Brace[]; readonly lonelyHeads: Head[] } {
  const braces: Brace[] = [];
  const lonelyHeads: Head[] = [];
  let start = 0;
  for (let line = 0; start < tokens.length; line++) {
    let end = start;
    while (end < tokens.length && tokens[end]?.tokenType !== t.LineEnd) end++;
    let first = start;
    while (first < end && tokens[first]?.tokenType === t.CloseBrace) first++;
    const head = tokens[first];
    const begins = head !== undefined && heads.includes(head.tokenType) && !t.is(tokens[first + 1], t.Equal);
    // The parameters of a block may end on a line of their own.
    const isHead = begins || head?.tokenType === t.CloseParen;
    let opens = false;
    for (let index = start; index < end; index++) {
      const type = tokens[index]?.tokenType;
      if (type !== t.OpenBrace && type !== t.CloseBrace) continue;
      opens ||= type === t.OpenBrace;
      const next = tokens[index + 1]?.tokenType;
      braces.push({
        index,
        opens: type === t.OpenBrace,
        line,
        isFirst: index === start,
        isLast: index === end - 1,
        mayEnd: index === end - 1 || next === t.Else || next === t.CloseBrace,
        hasHead: isHead,
      });
    }
    if (isHead && !opens && mayLackBody(tokens, first, end)) lonelyHeads.push({ index: end });
    start = end + 1;
  }
  return { braces, lonelyHeads };
}

/** Whether a line with a head can be complete up to its `{`. */
function mayLackBody(tokens: readonly IToken[], first: number, end: number): boolean {
  const line = tokens.slice(first, end);
  const count = (type: TokenType): number => line.filter(({ tokenType }) => tokenType === type).length;
  // An `if` with `then` is a value, and parameters may go on in the next line; but a bracket behind `)` stands for the brace.
  const goesOn =
    line[0]?.tokenType === t.Block &&
    count(t.OpenParen) > count(t.CloseParen) &&
    line.at(-2)?.tokenType !== t.CloseParen;
  return !goesOn && count(t.Then) === 0 && tokens[end + 1]?.tokenType !== t.OpenBrace;
}

/** Finds the `{` before which an operand or a head is missing; with its `}`, if it clearly belongs to it. */
function misplaced(tokens: readonly IToken[], braces: readonly Brace[], wrong: Map<number, number>): void {
  const { partner } = matched(braces, wrong, new Set());
  let last = -1;
  for (const brace of braces) {
    const { index, opens, isFirst, isLast, hasHead, line } = brace;
    if (!opens || isFirst || index <= last || (isLast && hasHead)) continue;
    // Keywords may end a head: `rules mine before fuse {}`.
    if (mayBegin(tokens[index - 1]) || (hasHead && t.is(tokens[index - 1], t.ArgumentName))) continue;
    const other = partner.get(brace);
    const after = other && tokens[other.index + 1]?.tokenType;
    const isPair = other && (other.line === line || after === t.CloseParen || after === t.Comma);
    last = isPair ? other.index : index;
    wrong.set(index, last);
  }
}

/** Whether a body may begin behind a token. */
function mayBegin(token: IToken | undefined): boolean {
  if (token === undefined) return false;
  return (
    heads.includes(token.tokenType) ||
    [t.Identifier, t.NumberToken, t.SizeToken, t.StringToken, t.CloseParen, t.CloseBracket].some((type) =>
      t.is(token, type),
    )
  );
}

/** The partners of the braces that count, and the first of those that have none. */
function matched(
  braces: readonly Brace[],
  wrong: ReadonlyMap<number, number>,
  missing: ReadonlySet<number>,
): { readonly partner: ReadonlyMap<Brace, Brace>; readonly closer?: number; readonly opener?: number } {
  const partner = new Map<Brace, Brace>();
  const open: (Brace | undefined)[] = [];
  const inserted = [...missing].toSorted((a, b) => a - b);
  let skipped = -1;
  let closer: number | undefined;
  for (const brace of braces) {
    for (; (inserted[0] ?? Infinity) < brace.index; inserted.shift()) open.push(undefined);
    skipped = Math.max(skipped, wrong.get(brace.index) ?? -1);
    if (brace.index <= skipped) continue;
    if (brace.opens) open.push(brace);
    else if (open.length === 0) closer ??= brace.index;
    else {
      const opener = open.pop();
      if (opener) partner.set(opener, brace).set(brace, opener);
    }
  }
  const opener = open.find((one) => one !== undefined);
  return {
    partner,
    ...(closer !== undefined && { closer }),
    ...(opener && { opener: opener.index }),
  };
}

function replaced(
  tokens: readonly IToken[],
  wrong: ReadonlyMap<number, number>,
  missing: ReadonlySet<number>,
): IToken[] {
  const result: IToken[] = [];
  for (let index = 0; index <= tokens.length; index++) {
    const token = tokens[index];
    if (missing.has(index)) {
      const before = tokens[index - 1];
      const at = before ? (before.endOffset ?? before.startOffset) + 1 : 0;
      result.push(tokenOf(t.MissingBrace, "", at, at), tokenOf(t.OpenBrace, "", at, at));
    }
    if (!token) break;
    const last = wrong.get(index);
    if (last === undefined) result.push(token);
    else {
      const end = tokens[last] ?? token;
      const type = last > index ? t.WrongBraces : t.StrayBrace;
      result.push(tokenOf(type, token.image, token.startOffset, (end.endOffset ?? end.startOffset) + 1));
      index = last;
    }
  }
  return result;
}
