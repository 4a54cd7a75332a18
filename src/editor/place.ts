// What the text around the cursor is: in which item and call it stands, and what may stand there. It reads tokens, so it also
// works in a statement that is not complete.

import type { IToken } from "chevrotain";
import { endOf } from "#grammar/tokens/line-ends.js";
import * as t from "#grammar/tokens/tokens.js";
import type { Analysis } from "./analysis.js";
import { endsStatement, mayElse, statementStart, wordsBehind } from "./follow-words.js";

/** A call whose arguments are open at the cursor. */
export interface OpenCall {
  readonly callee: IToken;
  /** Whether the call stands behind `|>`, which gives its first operand. */
  readonly piped: boolean;
  /** The positional arguments before the cursor, without the piped one. */
  readonly position: number;
  /** The names of its other arguments; of those around it, only of the arguments before the cursor. */
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
  | "imported" // a name of another file
  | "path" // of a file, in quotes
  | "string"
  | "new name"
  | "operator"; // behind an operand

export type ItemWord = "net" | "block" | "class" | "rule" | "rules" | "fuse" | "const" | "import" | "file";

/** The part of a statement or a rule that the cursor is in. */
export type Part = "name" | "pattern" | "replacement" | "where" | "when" | "links" | "type" | "value";

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
  /** The keywords that may stand here behind what is written. */
  readonly follows: readonly string[];
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
  const comment = comments[countBefore(comments, offset) - 1];
  if (comment && offset <= endOf(comment)) return undefined;
  const word = wordAt(statements, offset);
  if (word && !isWord(word)) return undefined;
  const start = word?.startOffset ?? offset;
  const count = countBefore(statements, start);
  const { reading, statement } = readBefore(statements, count, analysis.text, start);
  const last = statements[count - 1];
  const previous = last?.tokenType === t.Newline ? lastOpen(statements, count, reading) : last;
  const expected = word?.image.startsWith('"') ? "string" : expectedAfter(reading, previous);
  const calls = reading.frames.flatMap(({ callee, piped, position, given, name }) =>
    callee ? [{ callee, piped, position, given, ...(name !== undefined && { name }) }] : [],
  );
  const innermost = reading.frames.at(-1)?.callee && calls.at(-1);
  if (innermost)
    for (const name of namesBehind(statements, count + (word ? 1 : 0))) innermost.given.push(name);
  const { item, part, first } = reading;
  const end = last?.tokenType === t.Newline ? count - 1 : count;
  const written = statements.slice(statement, end);
  const afterBody = mayElse(statements, count) ? ["else"] : [];
  const follows = first ? wordsBehind(written, { item, part, isInCall: calls.length > 0 }) : afterBody;
  return {
    item,
    ...(first && isKeyword(first) && { statement: first.image }),
    part,
    expected,
    itemStart: reading.itemStart,
    closers: reading.frames
      .map(({ opener }) => (opener.tokenType === t.OpenParen ? ")" : "]"))
      .toReversed()
      .join(""),
    calls,
    follows,
    ...(word && { word }),
    start: expected === "pass" ? passStart(statements, count, start) : start,
    // A quote that is not closed yet reaches to the end of its line.
    end: word && word.tokenType !== t.UnclosedQuote ? endOf(word) : offset,
  };
}

/** The names of the arguments behind the cursor, up to the end of the call. */
function namesBehind(tokens: readonly IToken[], from: number): string[] {
  const names: string[] = [];
  let depth = 0;
  for (let index = from; index < tokens.length; index += 1) {
    const type = tokens[index]?.tokenType;
    const name = tokens[index - 1];
    if (type === t.Newline) break;
    if (type === t.OpenParen || type === t.OpenBracket) depth += 1;
    else if (type === t.CloseParen || type === t.CloseBracket) depth -= 1;
    else if (type === t.Equal && depth === 0 && index > from && name && t.is(name, t.ArgumentName))
      names.push(t.unescaped(name).value);
    if (depth < 0) break;
  }
  return names;
}

/**
 * Reads the first `count` tokens, up to the cursor; `statement` is the index where the statement of the cursor begins. What stands before that
 * decides only in which item and in how many braces it is.
 */
function readBefore(
  tokens: readonly IToken[],
  count: number,
  text: string,
  cursor: number,
): { readonly reading: Reading; readonly statement: number } {
  const reading: Reading = {
    item: "file",
    itemStart: 0,
    depth: 0,
    first: undefined,
    part: "name",
    frames: [],
  };
  const statement = statementStart(tokens, count - 1);
  for (let index = 0; index < count; index++) {
    const token = tokens[index];
    if (!token || (index === count - 1 && staysOpen(tokens, index, reading, text, cursor))) break;
    enter(reading, token);
    if (index >= statement && !endsStatement(token)) read(reading, token, tokens, index);
  }
  return { reading, statement };
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
    t.is(token, t.ItemStart) ||
    t.is(token, t.StatementStart) ||
    [t.Kernel, t.If, t.Else, t.Assert].includes(type)
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
function passStart(tokens: readonly IToken[], count: number, start: number): number {
  const isPart = (token: IToken | undefined): boolean =>
    token !== undefined &&
    (token.tokenType === t.Minus ||
      (t.is(token, t.ArgumentName) && ![t.Before, t.After].includes(token.tokenType)));
  let first = count;
  while (isPart(tokens[first - 1])) first--;
  return first < count ? (tokens[first]?.startOffset ?? start) : start;
}

/** Whether the cursor still belongs to the statement before the `Newline` at `index`: it ends in an open bracket, or in a sign that an operand follows. */
function staysOpen(
  tokens: readonly IToken[],
  index: number,
  { frames }: Reading,
  text: string,
  cursor: number,
): boolean {
  const newline = tokens[index];
  if (newline?.tokenType !== t.Newline) return false;
  if (!/[\r\n]/.test(text.slice(newline.startOffset, cursor))) return true;
  const last = tokens[index - 1];
  return frames.at(-1)?.callee !== undefined || t.is(last, t.Pipe) || t.is(last, t.BinaryOperator);
}

/** The token before the cursor: a `Newline` counts only if the statement is really over. */
function lastOpen(tokens: readonly IToken[], count: number, { first }: Reading): IToken | undefined {
  return tokens[first === undefined ? count - 1 : count - 2];
}

/** What a token changes about the item and the braces. */
function enter(reading: Reading, token: IToken): void {
  const { tokenType: type } = token;
  if (type === t.Newline) {
    begin(reading);
    if (reading.depth === 0) reading.item = "file";
    else if (reading.item === "rule") reading.item = "rules";
  } else if (type === t.OpenBrace) {
    begin(reading);
    reading.depth += 1;
  } else if (type === t.CloseBrace) {
    begin(reading);
    reading.depth = Math.max(0, reading.depth - 1);
  } else if (reading.first === undefined) {
    reading.first = token;
    // A set of rules contains items.
    if (reading.depth === 0 || type === t.Rule) {
      reading.item = itemOf(token);
      reading.itemStart = token.startOffset;
    }
  }
}

function begin(reading: Reading): void {
  reading.frames.length = 0;
  reading.first = undefined;
  reading.part = "name";
}

/** What a token changes about the place in its statement. */
function read(reading: Reading, token: IToken, tokens: readonly IToken[], index: number): void {
  const { frames } = reading;
  const frame = frames.at(-1);
  const { tokenType: type } = token;
  if (type === t.OpenParen || type === t.OpenBracket) {
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
  if (tokenType === t.Import) return "import";
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
  if (item === "import") return type === t.From ? "value" : part;
  // The name of an index.
  if (type === t.As && first?.tokenType === t.Repeat) return "name";
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
  if (item === "import") {
    if (part === "value") return type === t.From ? "path" : "operator";
    return previous === first || type === t.Comma ? "imported" : "operator";
  }
  if (item === "class" && part === "value") return endsOperand(previous) ? "operator" : "link";
  if (item === "rules" && previous !== first) {
    const isPlace = type === t.Before || type === t.After || type === t.Minus;
    return isPlace ? "pass" : part === "name" ? "place" : "operator";
  }
  if (item === "fuse" && part === "when") return endsOperand(previous) ? "operator" : "fact";
  if (part === "type") return type === t.Colon ? "type" : "operator";
  if (previous === first && first.tokenType === t.Output) return "output";
  if (previous === first && first.tokenType === t.Weights) return "path";
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
