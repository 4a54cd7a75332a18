// What the text around the cursor is: in which item and call it stands, and what may stand there. It reads tokens, so it also
// works in a statement that is not complete.

import type { IToken } from "chevrotain";
import { endOf } from "#grammar/tokens/line-ends.js";
import * as t from "#grammar/tokens/tokens.js";
import type { Analysis } from "./analysis.js";

/** A call whose arguments are open at the cursor. */
export interface OpenCall {
  readonly callee: IToken;
  /** Whether the call stands behind `|>`, which gives its first operand. */
  readonly piped: boolean;
  /** The positional arguments before the cursor, without the piped one. */
  readonly position: number;
  /** The names of arguments before the cursor. */
  readonly given: readonly string[];
  /** The name of the argument whose value the cursor is in. */
  readonly name?: string;
}

/** What is expected at the cursor. */
type Expected =
  | "item"
  | "rule" // in a set of rules
  | "place" // `before` or `after`, behind the name of a set of rules
  | "pass"
  | "statement"
  | "argument" // the beginning of an argument of the innermost call
  | "operand"
  | "callee" // behind `|>`
  | "type"
  | "output"
  | "template"
  | "link" // of a fusion
  | "fact" // in `when` of a fusion
  | "string"
  | "new name"
  | "operator"; // behind an operand

type ItemWord = "net" | "block" | "class" | "rule" | "rules" | "fuse" | "const" | "file";

/** The part of a statement or a rule that the cursor is in. */
type Part = "name" | "pattern" | "replacement" | "where" | "when" | "links" | "type" | "value";

export interface Place {
  readonly item: ItemWord;
  /** The keyword that begins the statement, such as `output`; absent in a binding. */
  readonly statement?: string;
  readonly part: Part;
  readonly expected: Expected;
  /** Where the item begins. */
  readonly itemStart: number;
  /** The brackets that are open, as they would be closed. */
  readonly closers: string;
  /** The calls that are open, from the outermost inwards. */
  readonly calls: readonly OpenCall[];
  /** The word, the string or the name in backticks at the cursor. */
  readonly word?: IToken;
  /** The place that a completion replaces. */
  readonly start: number;
  readonly end: number;
}

interface Frame {
  readonly opener: IToken;
  readonly callee?: IToken;
  readonly piped: boolean;
  position: number;
  given: string[];
  name?: string;
}

/** The state of reading the tokens before the cursor. */
interface Reading {
  item: ItemWord;
  itemStart: number;
  depth: number;
  first: IToken | undefined;
  part: Part;
  frames: Frame[];
}

/** The place of an offset; undefined inside a comment or a number, where nothing can be completed or asked. */
export function placeAt(analysis: Analysis, offset: number): Place | undefined {
  const { comments, statements } = analysis.tokens();
  if (comments.some((one) => one.startOffset < offset && offset <= endOf(one))) return undefined;
  const word = wordAt(statements, offset);
  if (word && !isWord(word)) return undefined;
  const start = word?.startOffset ?? offset;
  const before = statements.slice(0, countBefore(statements, start));
  const reading: Reading = {
    item: "file",
    itemStart: 0,
    depth: 0,
    first: undefined,
    part: "name",
    frames: [],
  };
  for (const [index, token] of before.entries()) {
    if (token.tokenType === t.Newline && staysOpen(before, index, reading, analysis.text, start)) break;
    read(reading, token, before, index);
  }
  const previous = before.at(-1)?.tokenType === t.Newline ? lastOpen(before, reading) : before.at(-1);
  const expected = word?.image.startsWith('"') ? "string" : expectedAfter(reading, previous);
  return {
    item: reading.item,
    ...(reading.first && isKeyword(reading.first) && { statement: reading.first.image }),
    part: reading.part,
    expected,
    itemStart: reading.itemStart,
    closers: reading.frames
      .map(({ opener }) => (opener.tokenType === t.OpenParen ? ")" : "]"))
      .toReversed()
      .join(""),
    calls: reading.frames.flatMap(({ callee, piped, position, given, name }) =>
      callee ? [{ callee, piped, position, given, ...(name !== undefined && { name }) }] : [],
    ),
    ...(word && { word }),
    start: expected === "pass" ? passStart(before, start) : start,
    // A quote that is not closed yet reaches to the end of its line.
    end: word && word.tokenType !== t.UnclosedQuote ? endOf(word) : offset,
  };
}

/** The token that contains an offset or ends there; of two that touch, the one that is a word. */
function wordAt(tokens: readonly IToken[], offset: number): IToken | undefined {
  const last = tokens[countBefore(tokens, offset) - 1];
  const next = tokens[countBefore(tokens, offset)];
  const before = last && endOf(last) >= offset && endOf(last) > last.startOffset ? last : undefined;
  if (before && (isWord(before) || isNumber(before) || endOf(before) > offset)) return before;
  return next?.startOffset === offset && isWord(next) && next.tokenType !== t.Newline ? next : undefined;
}

function isWord(token: IToken): boolean {
  return (
    t.is(token, t.ArgumentName) || token.tokenType === t.StringToken || token.tokenType === t.UnclosedQuote
  );
}

function isNumber({ tokenType }: IToken): boolean {
  return tokenType === t.NumberToken || tokenType === t.SizeToken || tokenType === t.WrongNumber;
}

function isKeyword(token: IToken): boolean {
  const { tokenType: type } = token;
  return (
    t.is(token, t.ItemStart) || t.is(token, t.StatementStart) || [t.Kernel, t.If, t.Assert].includes(type)
  );
}

/** The number of tokens that begin before an offset. */
function countBefore(tokens: readonly IToken[], offset: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tokens[middle]?.startOffset ?? Infinity) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where the name of a pass begins, whose parts are joined by dashes. */
function passStart(before: readonly IToken[], start: number): number {
  const isPart = (token: IToken): boolean =>
    token.tokenType === t.Minus ||
    (t.is(token, t.ArgumentName) && ![t.Before, t.After].includes(token.tokenType));
  const place = before.findLastIndex((token) => !isPart(token));
  return before[place + 1]?.startOffset ?? start;
}

/** Whether the cursor still belongs to a statement that ends in an open bracket, or in a sign that an operand follows. */
function staysOpen(
  tokens: readonly IToken[],
  index: number,
  { frames }: Reading,
  text: string,
  cursor: number,
): boolean {
  if (index < tokens.length - 1) return false;
  const end = tokens[index]?.startOffset ?? cursor;
  if (!/[\r\n]/.test(text.slice(end, cursor))) return true;
  const last = tokens[index - 1];
  return frames.at(-1)?.callee !== undefined || t.is(last, t.Pipe) || t.is(last, t.BinaryOperator);
}

/** The token before the cursor: a `Newline` counts only if the statement is really over. */
function lastOpen(tokens: readonly IToken[], { first }: Reading): IToken | undefined {
  return first === undefined ? tokens.at(-1) : tokens.at(-2);
}

function read(reading: Reading, token: IToken, tokens: readonly IToken[], index: number): void {
  const { frames } = reading;
  const frame = frames.at(-1);
  const { tokenType: type } = token;
  if (type === t.Newline) {
    frames.length = 0;
    reading.first = undefined;
    reading.part = "name";
    if (reading.depth === 0) reading.item = "file";
    else if (reading.item === "rule") reading.item = "rules";
    return;
  }
  if (reading.first === undefined && type !== t.CloseBrace) {
    reading.first = token;
    // A set of rules contains items.
    if (reading.depth === 0 || token.tokenType === t.Rule) {
      reading.item = itemOf(token);
      reading.itemStart = token.startOffset;
    }
  }
  if (type === t.OpenBrace) {
    reading.depth += 1;
    frames.length = 0;
    reading.first = undefined;
    reading.part = "name";
  } else if (type === t.CloseBrace) {
    reading.depth = Math.max(0, reading.depth - 1);
    frames.length = 0;
  } else if (type === t.OpenParen || type === t.OpenBracket) {
    // The parameters of a block look like the arguments of a call.
    const isHead = reading.item === "block" && reading.depth === 0 && frames.length === 0;
    const callee = type === t.OpenParen && !isHead ? calleeBefore(tokens, index) : undefined;
    const start = callee && t.is(tokens[index - 2], t.Colon) && frames.length > 0 ? index - 3 : index - 1;
    const piped = callee !== undefined && t.is(tokens[start - 1], t.Pipe);
    frames.push({ opener: token, ...(callee && { callee }), piped, position: 0, given: [] });
  } else if (type === t.CloseParen || type === t.CloseBracket) frames.pop();
  else if (type === t.Comma && frame) {
    if (frame.name === undefined) frame.position += 1;
    delete frame.name;
  } else if (type === t.Equal && frame?.callee) {
    const name = tokens[index - 1];
    if (name && t.is(name, t.ArgumentName)) {
      frame.name = t.unescaped(name).value;
      frame.given.push(frame.name);
    }
  } else if (!frame) reading.part = partAfter(reading, type);
}

function itemOf({ tokenType }: IToken): ItemWord {
  if (tokenType === t.Net) return "net";
  if (tokenType === t.Block) return "block";
  if (tokenType === t.Class) return "class";
  if (tokenType === t.Rule) return "rule";
  if (tokenType === t.Rules) return "rules";
  if (tokenType === t.Fuse) return "fuse";
  return tokenType === t.Const ? "const" : "file";
}

/** The words of statements behind which an expression stands. */
const beginsOperand = [t.Repeat, t.Return, t.If, t.Else, t.Assert];

/** The name before `(`, if the bracket belongs to a call. */
function calleeBefore(tokens: readonly IToken[], index: number): IToken | undefined {
  const before = tokens[index - 1];
  return before && t.is(before, t.Identifier) ? before : undefined;
}

function partAfter({ item, first, part }: Reading, type: IToken["tokenType"]): Part {
  if (item === "rule" || item === "fuse") {
    if (type === t.Colon && part === "name") return item === "rule" ? "pattern" : "links";
    if (type === t.FatArrow) return "replacement";
    if (type === t.Where) return "where";
    return type === t.When ? "when" : part;
  }
  if (item === "rules") return type === t.Before || type === t.After ? "value" : part;
  // Outside of calls, a colon stands before a type: of an input, a param, or a binding.
  if (type === t.Colon) return "type";
  return type === t.Equal || (first && beginsOperand.includes(first.tokenType)) ? "value" : part;
}

function expectedAfter(
  { item, depth, first, part, frames }: Reading,
  previous: IToken | undefined,
): Expected {
  const frame = frames.at(-1);
  const type = previous?.tokenType;
  if (first === undefined) return depth === 0 ? "item" : item === "rules" ? "rule" : "statement";
  if (type === t.Pipe) return "callee";
  if (frame) {
    if (type === t.OpenParen || type === t.Comma) {
      if (frame.callee) return "argument";
      if (item === "block" && depth === 0 && frames.length === 1) return "new name";
    }
    return endsOperand(previous) ? "operator" : "operand";
  }
  if (item === "fuse" && part === "links") return type === t.Colon || type === t.Arrow ? "link" : "operator";
  if (item === "class" && part === "value") return endsOperand(previous) ? "operator" : "link";
  if (item === "rules" && previous !== first) {
    const isPlace = type === t.Before || type === t.After || type === t.Minus;
    return isPlace ? "pass" : part === "name" ? "place" : "operator";
  }
  if (item === "fuse" && part === "when") return endsOperand(previous) ? "operator" : "fact";
  if (part === "type") return type === t.Colon ? "type" : "operator";
  if (previous === first && first.tokenType === t.Output) return "output";
  if (previous === first && beginsOperand.includes(first.tokenType)) return "operand";
  if (previous === first) return isKeyword(first) ? "new name" : "operator";
  if (part === "name") {
    if (first.tokenType === t.Output && type === t.Comma) return "output";
    return first.tokenType === t.Kernel ? "template" : "operator";
  }
  if (type === t.Where || (part === "where" && type === t.Comma)) return "new name";
  return endsOperand(previous) ? "operator" : "operand";
}

function endsOperand(token: IToken | undefined): boolean {
  if (!token || token.tokenType === t.Then) return false;
  const { tokenType: type } = token;
  return (
    t.is(token, t.Identifier) ||
    isNumber(token) ||
    type === t.StringToken ||
    type === t.CloseParen ||
    type === t.CloseBracket
  );
}
