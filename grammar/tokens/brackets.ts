// Finds the partner of each bracket.

import type { IToken, TokenType } from "chevrotain";
import * as t from "./tokens.js";

const brackets: ReadonlySet<TokenType> = new Set([
  t.OpenParen,
  t.CloseParen,
  t.OpenBracket,
  t.CloseBracket,
  t.OpenBrace,
  t.CloseBrace,
]);

/**
 * The partner of each bracket that has one, in both directions, by index. Braces are stronger: `}` closes its `{` even if
 * brackets between them are open, and the partners of a bracket are never on both sides of a brace. Among `(` and `[`, a closing bracket
 * takes the nearest opening one of its kind; the brackets that are open between them have no partner.
 */
export function matchBrackets(tokens: readonly IToken[]): Map<number, number> {
  interface Frame {
    readonly brace: number;
    /** Open brackets, and their number of each kind. Without the number, each wrong closing bracket would cost a search. */
    open?: number[];
    parens: number;
    brackets: number;
  }
  const partners = new Map<number, number>();
  const frames: Frame[] = [{ brace: -1, parens: 0, brackets: 0 }];
  const pair = (opener: number, closer: number): void =>
    void partners.set(opener, closer).set(closer, opener);

  // An editor does this for each letter that is written, and most tokens are no brackets.
  for (let index = 0; index < tokens.length; index++) {
    const tokenType = tokens[index]?.tokenType;
    const frame = frames.at(-1);
    if (frame === undefined) break;
    if (tokenType === undefined || !brackets.has(tokenType)) continue;
    const count = (type: TokenType, change: number): number =>
      type === t.OpenParen ? (frame.parens += change) : (frame.brackets += change);
    if (tokenType === t.OpenBrace) {
      frames.push({ brace: index, parens: 0, brackets: 0 });
    } else if (tokenType === t.CloseBrace && frames.length > 1) {
      pair(frame.brace, index);
      frames.pop();
    } else if (tokenType === t.OpenParen || tokenType === t.OpenBracket) {
      (frame.open ??= []).push(index);
      count(tokenType, 1);
    } else if (tokenType === t.CloseParen || tokenType === t.CloseBracket) {
      const kind = tokenType === t.CloseParen ? t.OpenParen : t.OpenBracket;
      let found = count(kind, 0) === 0;
      while (!found) {
        const opener = frame.open?.pop() ?? 0;
        const type = tokens[opener]?.tokenType ?? kind;
        count(type, -1);
        found = type === kind;
        if (found) pair(opener, index);
      }
    }
  }
  return partners;
}

export function isOpener({ tokenType }: IToken): boolean {
  return tokenType === t.OpenParen || tokenType === t.OpenBracket || tokenType === t.OpenBrace;
}

export function isCloser({ tokenType }: IToken): boolean {
  return tokenType === t.CloseParen || tokenType === t.CloseBracket || tokenType === t.CloseBrace;
}
