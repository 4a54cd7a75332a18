// Which bracket closes which.

import type { IToken, TokenType } from "chevrotain";
import * as t from "./tokens.js";

/**
 * The partner of each bracket that has one, both ways, by index. Braces are stronger: `}` closes its `{` whatever
 * brackets are open between, and no bracket reaches over a brace. Among `(` and `[` a closer takes the nearest of its
 * kind, and what is open between has no partner.
 */
export function matchBrackets(tokens: readonly IToken[]): Map<number, number> {
  interface Frame {
    readonly brace: number;
    /** Open brackets, if there are any, and how many there are of each kind: without the count, a wrong closer would cost a search. */
    open?: number[];
    parens: number;
    brackets: number;
  }
  const partners = new Map<number, number>();
  const frames: Frame[] = [{ brace: -1, parens: 0, brackets: 0 }];
  const pair = (opener: number, closer: number): void =>
    void partners.set(opener, closer).set(closer, opener);

  for (const [index, { tokenType }] of tokens.entries()) {
    const frame = frames.at(-1);
    if (frame === undefined) break;
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
