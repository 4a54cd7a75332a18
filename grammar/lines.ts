// Decides which line ends end a statement, and keeps brackets from nesting too deep.

import { createTokenInstance, type IToken, type TokenType } from "chevrotain";
import {
  Arrow,
  BinaryOperator,
  CloseBrace,
  CloseBracket,
  CloseParen,
  Colon,
  Comma,
  DotDot,
  Equal,
  FatArrow,
  Fuse,
  Identifier,
  is,
  ItemStart,
  LineEnd,
  Minus,
  Newline,
  Not,
  NumberToken,
  OpenBrace,
  OpenBracket,
  OpenParen,
  Pipe,
  Plus,
  SizeToken,
  Star,
  StatementStart,
  StringToken,
  TooDeep,
  When,
  Where,
  WrongBraces,
} from "./tokens.js";

/**
 * Brackets and braces may stand inside each other this often. A level takes some 4 KB of the stack (Node has 984 KB), and
 * the stages after this one recurse too.
 */
export const maxNesting = 64;

/** What the parser reads. */
export interface Lines {
  readonly tokens: IToken[];
  /** The `{` that are never closed. */
  readonly unclosed: ReadonlySet<IToken>;
}

/**
 * The tokens that the parser reads: line ends are gone, and a `Newline` stands at the end of every statement, before
 * `}` and at the end of the text too.
 *
 * A statement ends at a line end outside `(` and `[`, unless the next line begins with an operator, `=>`, `->`, `when`
 * or `where`, or this one ends in an operator, `=`, `,`, `:`, `=>`, `->`, `when` or `where`. Braces begin afresh. A
 * bracket that is not closed ends where the next line looks like a statement, so that it spoils no more than its own.
 */
export function placeNewlines(tokens: readonly IToken[], text: string): Lines {
  const partners = matchBrackets(tokens);
  const output: IToken[] = [];
  const unclosed = new Set<IToken>();
  /** Indices of the brackets and braces that are open here. */
  const open: number[] = [];
  let previous: IToken | undefined;
  let first: IToken | undefined;
  let lineEnded = false;
  let inFuseChain = false;

  const endStatement = (): void => {
    if (previous !== undefined && !is(previous, Newline) && previous.tokenType !== OpenBrace) {
      const after = endOf(previous);
      output.push((previous = tokenAt(Newline, "", after, after)));
    }
    first = undefined;
  };
  const closeUnmatched = (): void => {
    while (open.length > 0 && !is(tokens[open.at(-1) ?? 0], OpenBrace)) open.pop();
  };
  const endsHere = (next: IToken, second: IToken | undefined): boolean => {
    if (previous === undefined || first === undefined) return false;
    const top = open.at(-1);
    if (top === undefined || is(tokens[top], OpenBrace))
      return !continues(previous, next, second, inFuseChain);
    // Two operands beside each other are wrong in brackets in any case: a comma is missing, or the bracket's end.
    const wrong =
      startsStatement(next) || (endsOperand(previous) && startsOperand(next) && !linksOperand(next));
    const outdented = indentation(text, next) <= indentation(text, first) && !isCloser(next);
    return partners.has(top) ? wrong && outdented : wrong || outdented;
  };

  for (let index = 0; index < tokens.length; index++) {
    let token = tokens[index] as IToken;
    if (token.tokenType === LineEnd) {
      lineEnded = true;
      continue;
    }
    if (lineEnded && endsHere(token, tokens[index + 1])) {
      closeUnmatched();
      endStatement();
    }
    lineEnded = false;

    if (isOpener(token)) {
      const partner = partners.get(index);
      const top = open.at(-1);
      const inBrackets = top !== undefined && !is(tokens[top], OpenBrace);
      const wrong =
        open.length >= maxNesting
          ? TooDeep
          : token.tokenType === OpenBrace && inBrackets && partners.has(top)
            ? WrongBraces
            : undefined;
      if (wrong !== undefined) {
        const last = partner ?? lastOfLine(tokens, index);
        token = tokenAt(wrong, token.image, token.startOffset, endOf(tokens[last] ?? token));
        index = last;
      } else {
        if (token.tokenType === OpenBrace) {
          closeUnmatched();
          if (partner === undefined) unclosed.add(token);
        }
        open.push(index);
      }
    } else if (isCloser(token)) {
      // What was opened after this one's partner is closed with it; a closer without a partner closes nothing.
      const opener = partners.get(index);
      if (token.tokenType === CloseBrace && opener !== undefined) endStatement();
      if (opener !== undefined) while ((open.at(-1) ?? -1) >= opener) open.pop();
    }

    if (token.tokenType === OpenBrace) first = undefined;
    else first ??= token;
    inFuseChain = first?.tokenType === Fuse && token.tokenType !== When && (inFuseChain || first === token);
    output.push((previous = token));
  }
  endStatement();
  return { tokens: output, unclosed };
}

/**
 * The partner of each bracket that has one, both ways, by index. Braces are stronger: `}` closes its `{` whatever
 * brackets are open between, and no bracket reaches over a brace. Among `(` and `[` a closer takes the nearest of its
 * kind, and what is open between has no partner.
 */
function matchBrackets(tokens: readonly IToken[]): Map<number, number> {
  interface Frame {
    readonly brace: number;
    /** Open brackets, and how many there are of each kind: without the count, a wrong closer would cost a search. */
    readonly open: number[];
    readonly counts: Map<TokenType, number>;
  }
  const partners = new Map<number, number>();
  const frames: Frame[] = [{ brace: -1, open: [], counts: new Map() }];
  const pair = (opener: number, closer: number): void =>
    void partners.set(opener, closer).set(closer, opener);

  for (const [index, { tokenType }] of tokens.entries()) {
    const frame = frames.at(-1);
    if (frame === undefined) break;
    if (tokenType === OpenBrace) {
      frames.push({ brace: index, open: [], counts: new Map() });
    } else if (tokenType === CloseBrace && frames.length > 1) {
      pair(frame.brace, index);
      frames.pop();
    } else if (tokenType === OpenParen || tokenType === OpenBracket) {
      frame.open.push(index);
      frame.counts.set(tokenType, (frame.counts.get(tokenType) ?? 0) + 1);
    } else if (tokenType === CloseParen || tokenType === CloseBracket) {
      const kind = tokenType === CloseParen ? OpenParen : OpenBracket;
      let found = (frame.counts.get(kind) ?? 0) === 0;
      while (!found) {
        const opener = frame.open.pop() ?? 0;
        const type = tokens[opener]?.tokenType ?? kind;
        frame.counts.set(type, (frame.counts.get(type) ?? 0) - 1);
        found = type === kind;
        if (found) pair(opener, index);
      }
    }
  }
  return partners;
}

/** Whether a statement goes on from a line that ends in `previous` to one that begins with `next` and `second`. */
function continues(
  previous: IToken,
  next: IToken,
  second: IToken | undefined,
  inFuseChain: boolean,
): boolean {
  if (startsStatement(next)) return false;
  if ([Pipe, FatArrow, Arrow, When, Where, BinaryOperator].some((type) => is(next, type))) return true;
  if ([Comma, Where].some((type) => is(previous, type))) return true;
  // Elsewhere `name =` begins a binding, and what this line lacks shall not be looked for there.
  if (is(next, Identifier) && is(second, Equal)) return false;
  // In a chain of steps `*` and `+` are written after a step; elsewhere an operand follows them.
  if (inFuseChain && (is(previous, Star) || is(previous, Plus))) return false;
  const openEnds = [Pipe, FatArrow, Arrow, When, BinaryOperator, Not, Equal, Colon];
  return openEnds.some((type) => is(previous, type));
}

function startsStatement(token: IToken): boolean {
  return is(token, ItemStart) || is(token, StatementStart);
}

/** Whether an expression may begin with the token. */
export function startsOperand(token: IToken): boolean {
  const types = [Identifier, NumberToken, SizeToken, StringToken, OpenParen, OpenBracket, Minus, Not, DotDot];
  return types.some((type) => is(token, type));
}

/** Whether the token, behind an operand, goes on with it: as the arguments of a call, or as a binary minus. */
function linksOperand(token: IToken): boolean {
  return is(token, OpenParen) || is(token, OpenBracket) || is(token, Minus);
}

function endsOperand(token: IToken): boolean {
  const types = [Identifier, NumberToken, SizeToken, StringToken, CloseParen, CloseBracket];
  return types.some((type) => is(token, type));
}

function isOpener({ tokenType }: IToken): boolean {
  return tokenType === OpenParen || tokenType === OpenBracket || tokenType === OpenBrace;
}

function isCloser({ tokenType }: IToken): boolean {
  return tokenType === CloseParen || tokenType === CloseBracket || tokenType === CloseBrace;
}

/** Index of the last token before the next line end or closing brace. */
function lastOfLine(tokens: readonly IToken[], index: number): number {
  let last = index;
  while (last + 1 < tokens.length && !is(tokens[last + 1], LineEnd) && !is(tokens[last + 1], CloseBrace))
    last++;
  return last;
}

/** How many characters stand before a token's line begins to say something. */
function indentation(text: string, token: IToken): number {
  let start = token.startOffset;
  while (start > 0 && text[start - 1] !== "\n" && text[start - 1] !== "\r") start--;
  let end = start;
  while (text[end] === " " || text[end] === "\t") end++;
  return end - start;
}

/** The offset after a token. */
export function endOf(token: IToken): number {
  return (token.endOffset ?? token.startOffset - 1) + 1;
}

function tokenAt(type: TokenType, image: string, start: number, end: number): IToken {
  return createTokenInstance(type, image, start, end - 1, Number.NaN, Number.NaN, Number.NaN, Number.NaN);
}
