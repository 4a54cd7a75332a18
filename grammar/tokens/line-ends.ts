// Decides which line ends end a statement, and limits the nesting of brackets.

import type { IToken } from "chevrotain";
import { mendBraces } from "./braces.js";
import { isCloser, isOpener, matchBrackets } from "./brackets.js";
import { tokenOf } from "./lexer.js";
import * as t from "./tokens.js";

/**
 * How deep brackets and braces may be nested. A level takes about 4 KB of the stack (Node has 984 KB), and later stages
 * recurse too.
 */
export const maxNesting = 64;

/** How many `if` one statement may have, without those in bodies: each may be nested in the one before it. */
export const maxConditionals = 32;

/** The input of the parser. */
export interface StatementTokens {
  readonly tokens: IToken[];
  /** The `{` that are never closed. */
  readonly unclosed: ReadonlySet<IToken>;
}

/**
 * The tokens for the parser: without line ends, but with a `Newline` at the end of every statement, also before
 * `}` and at the end of the text.
 *
 * A statement ends at a line end outside `(` and `[`, unless the next line begins with an operator, `=>`, `->`, `when`,
 * `where`, `then` or `else`, or this one ends in an operator, `=`, `,`, `:`, `=>`, `->`, `when`, `where` or a word of `if`. Inside braces, these
 * rules start again. A bracket that is not closed ends where the next line looks like a statement, so that it affects only its own statement.
 */
export function placeStatementEnds(written: readonly IToken[], text: string): StatementTokens {
  const tokens = mendBraces(written);
  const partners = matchBrackets(tokens);
  const output: IToken[] = [];
  const unclosed = new Set<IToken>();
  /** Indices of the open brackets and braces. */
  const open: number[] = [];
  let previous: IToken | undefined;
  /** The first token of the statement, and the indentation of its line, computed when it is first needed. */
  let first: IToken | undefined;
  let margin: number | undefined;
  let lineEnded = false;
  let inFuseChain = false;
  let conditionals = 0;
  /** How many `if` of the statement wait for their `then`. */
  let waiting = 0;

  const endStatement = (): void => {
    if (previous !== undefined && !t.is(previous, t.Newline) && previous.tokenType !== t.OpenBrace) {
      const after = endOf(previous);
      output.push((previous = tokenOf(t.Newline, "", after, after)));
    }
    first = margin = undefined;
    conditionals = waiting = 0;
  };
  const closeUnmatched = (): void => {
    while (open.length > 0 && !t.is(tokens[open.at(-1) ?? 0], t.OpenBrace)) open.pop();
  };
  const endsHere = (next: IToken, index: number): boolean => {
    if (previous === undefined || first === undefined) return false;
    const top = open.at(-1);
    if (top === undefined || t.is(tokens[top], t.OpenBrace))
      return !continues(previous, next, tokens[index + 1], inFuseChain);
    // Two adjacent operands in brackets are always wrong: a comma is missing, or the closing bracket. So is
    // a word that begins a statement, unless it names an argument.
    const statement = startsStatement(next) && !t.is(tokens[afterLineEnds(tokens, index + 1)], t.Equal);
    const links = linksOperand(next, tokens[index + 1]);
    const wrong = statement || (endsOperand(previous) && startsOperand(next) && !links);
    margin ??= indentation(text, first);
    const outdented = indentation(text, next) <= margin && !isCloser(next);
    return partners.has(top) ? wrong && outdented : wrong || outdented;
  };

  for (let index = 0; index < tokens.length; index++) {
    let token = tokens[index];
    if (token === undefined) break;
    if (token.tokenType === t.LineEnd) {
      lineEnded = true;
      continue;
    }
    // Elsewhere, `then` is a name.
    const isThen =
      token.tokenType === t.Then && waiting > 0 && previous !== undefined && endsOperand(previous);
    if (token.tokenType === t.Then && !isThen) token = nameOf(token);
    if (lineEnded && endsHere(token, index)) {
      closeUnmatched();
      endStatement();
      if (isThen) token = nameOf(token);
    }
    lineEnded = false;

    if (isOpener(token)) {
      const partner = partners.get(index);
      const top = open.at(-1);
      const inBrackets = top !== undefined && !t.is(tokens[top], t.OpenBrace);
      const wrong =
        open.length >= maxNesting
          ? t.TooDeep
          : token.tokenType === t.OpenBrace && inBrackets && partners.has(top)
            ? t.WrongBraces
            : undefined;
      if (wrong !== undefined) {
        const last = partner ?? lastOfLine(tokens, index);
        token = tokenOf(wrong, token.image, token.startOffset, endOf(tokens[last] ?? token));
        index = last;
      } else {
        if (token.tokenType === t.OpenBrace) {
          closeUnmatched();
          if (partner === undefined) unclosed.add(token);
        }
        open.push(index);
      }
    } else if (isCloser(token)) {
      // Closes all brackets opened after its partner; a bracket without a partner does not close anything.
      const opener = partners.get(index);
      if (token.tokenType === t.CloseBrace && opener !== undefined) endStatement();
      if (opener !== undefined) while ((open.at(-1) ?? -1) >= opener) open.pop();
    }

    if (token.tokenType === t.If && (conditionals += 1) > maxConditionals)
      token = tokenOf(t.TooDeep, token.image, token.startOffset, endOf(token));
    if (token.tokenType === t.If) waiting += 1;
    else if (token.tokenType === t.Then) waiting -= 1;
    if (token.tokenType === t.OpenBrace) {
      first = margin = undefined;
      conditionals = waiting = 0;
    } else first ??= token;
    inFuseChain =
      first?.tokenType === t.Fuse && token.tokenType !== t.When && (inFuseChain || first === token);
    output.push((previous = token));
  }
  endStatement();
  return { tokens: output, unclosed };
}

/** Whether a statement continues from a line that ends in `previous` to one that begins with `next` and `second`. */
function continues(
  previous: IToken,
  next: IToken,
  second: IToken | undefined,
  inFuseChain: boolean,
): boolean {
  if (startsStatement(next)) return false;
  if (
    [t.Pipe, t.FatArrow, t.Arrow, t.When, t.Where, t.Else, t.BinaryOperator].some((type) => t.is(next, type))
  )
    return true;
  // A line that begins with `then` may bind this name, behind an incomplete `if`.
  if (next.tokenType === t.Then && ![t.Equal, t.Comma, t.Colon].some((type) => t.is(second, type)))
    return true;
  if ([t.Comma, t.Where].some((type) => t.is(previous, type))) return true;
  // Elsewhere, `name =` begins a binding, which must not become part of an incomplete line.
  if (t.is(next, t.Identifier) && t.is(second, t.Equal)) return false;
  // In a fusion, `*` and `+` follow a link; elsewhere an operand follows them.
  if (inFuseChain && (t.is(previous, t.Star) || t.is(previous, t.Plus))) return false;
  const openEnds = [t.Pipe, t.FatArrow, t.Arrow, t.When, t.BinaryOperator, t.Not, t.Equal, t.Colon].concat([
    t.If,
    t.Then,
    t.Else,
  ]);
  return openEnds.some((type) => t.is(previous, type));
}

/** A word that is a name here, not a keyword. */
function nameOf(word: IToken): IToken {
  return tokenOf(t.PlainName, word.image, word.startOffset, endOf(word));
}

function startsStatement(token: IToken): boolean {
  return t.is(token, t.ItemStart) || t.is(token, t.StatementStart);
}

/** Whether an expression can begin with the token. */
export function startsOperand(token: IToken): boolean {
  const types = [
    t.Identifier,
    t.NumberToken,
    t.SizeToken,
    t.StringToken,
    t.OpenParen,
    t.OpenBracket,
    t.Minus,
    t.Not,
    t.If,
    t.DotDot,
  ];
  return types.some((type) => t.is(token, type));
}

/** Whether the token can continue an operand before it: as the arguments of a call, an index, a binary minus, `..`, or behind `if`. */
function linksOperand(token: IToken, second: IToken | undefined): boolean {
  if (t.is(token, t.DotDot)) return !t.is(second, t.Identifier);
  return [t.OpenParen, t.OpenBracket, t.Minus, t.Then].some((type) => t.is(token, type));
}

/** Whether an expression can end with the token. */
function endsOperand(token: IToken): boolean {
  if (token.tokenType === t.Then) return false;
  const types = [t.Identifier, t.NumberToken, t.SizeToken, t.StringToken, t.CloseParen, t.CloseBracket];
  return types.some((type) => t.is(token, type));
}

/** Index of the first token from `index` on that is not a line end. */
function afterLineEnds(tokens: readonly IToken[], index: number): number {
  let next = index;
  while (t.is(tokens[next], t.LineEnd)) next++;
  return next;
}

/** Index of the last token before the next line end or closing brace. */
function lastOfLine(tokens: readonly IToken[], index: number): number {
  let last = index;
  while (
    last + 1 < tokens.length &&
    !t.is(tokens[last + 1], t.LineEnd) &&
    !t.is(tokens[last + 1], t.CloseBrace)
  )
    last++;
  return last;
}

/** The number of blanks at the beginning of a token's line. */
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
