// Lays out expressions: parentheses only where precedence requires them, line breaks first in pipes, then in arguments.

import type { Span } from "#diagnostic/diagnostic.js";
import type {
  Argument,
  BinaryExpression,
  CallExpression,
  ConditionalExpression,
  Expression,
  PipeExpression,
  TypeExpression,
} from "../ast.js";
import type { Comments } from "./comments.js";
import {
  concat,
  endOfLineComment,
  group,
  hardLine,
  ifBroken,
  mustBreak,
  indent,
  line,
  softLine,
  type Doc,
} from "./layout.js";
import { binaryPrecedence, precedence, unaryPrecedence } from "../precedence.js";
import { printArgumentName, printName } from "./print-name.js";
import { quote } from "../quote.js";

/** An expression, in parentheses if it binds less tightly than `tightness`. */
export function expressionDoc(c: Comments, e: Expression, tightness: number = precedence.conditional): Doc {
  const doc = bareDoc(c, e);
  return tightnessOf(e) < tightness ? group("(", indent(softLine, doc), softLine, ")") : doc;
}

/** `f32[1, 3, 3, 5]`. */
export function typeDoc(c: Comments, { dtype, shape, span }: TypeExpression): Doc {
  return concat(printName(dtype.text), bracketDoc(c, "[", shape.map(slotOf(c)), "]", span.end));
}

/** A part that may be on a separate line, between its comments. */
export interface Slot {
  readonly span: Span;
  readonly doc: () => Doc;
}

/**
 * Parts between brackets, all on one line or each on a separate line; `end` is the offset after the closing bracket. Comments
 * stay before or after their part.
 */
export function bracketDoc(
  c: Comments,
  open: string,
  slots: readonly Slot[],
  close: string,
  end: number,
): Doc {
  const parts: Doc[] = [];
  const behindOpen = trailing(c, slots[0]?.span.start ?? end);
  for (const [index, slot] of slots.entries()) {
    if (index > 0) parts.push(line);
    parts.push(concat(leading(c, slot.span.start)), slot.doc());
    const next = slots[index + 1];
    parts.push(next === undefined ? ifBroken(",") : ",", trailing(c, next?.span.start ?? end));
  }
  for (const { text } of c.takeBefore(end)) parts.push(parts.length > 0 ? hardLine : "", text, mustBreak);
  if (parts.length === 0 && behindOpen === "") return open + close;
  return group(open, behindOpen, indent(softLine, parts), softLine, close);
}

/** A slot with the text before it, if it is not the first. */
interface FillSlot extends Slot {
  readonly before?: string;
}

/**
 * Parts in a row, as many on a line as fit, with `after` between two. Each part except the first contains the break before it, so the
 * caller can indent the breaks; `end` is the offset after the last part.
 */
export function fillDocs(c: Comments, slots: readonly FillSlot[], after: string, end: number): Doc[] {
  c.hoist(slots[0]?.span.start ?? 0);
  let comment: Doc = "";
  return slots.map((slot, index) => {
    // Nothing may follow a comment on its line.
    const separator = comment === "" ? line : hardLine;
    const comments = leading(c, slot.span.start);
    const doc = slot.doc();
    const next = slots[index + 1];
    comment = trailing(c, next?.span.start ?? end);
    const tail = concat(next === undefined ? "" : after, comment);
    return index === 0 ? concat(doc, tail) : concat(group(separator, comments, slot.before ?? "", doc), tail);
  });
}

/** The comments before a part, each on a separate line. */
export function leading(c: Comments, start: number): Doc[] {
  return c.takeBefore(start).map(({ text }) => concat(text, hardLine));
}

/** The comment after a part, at the end of its line. */
export function trailing(c: Comments, next: number): Doc {
  const comment = c.takeTrailing(next);
  return comment === undefined ? "" : endOfLineComment(comment.text);
}

function slotOf(c: Comments): (e: Expression) => Slot {
  return (e) => ({ span: e.span, doc: () => expressionDoc(c, e) });
}

function tightnessOf(e: Expression): number {
  switch (e.kind) {
    case "conditional":
      return precedence.conditional;
    case "pipe":
      return precedence.pipe;
    case "binary":
      return binaryPrecedence(e.operator);
    case "unary":
      return unaryPrecedence(e.operator);
    case "number":
      return e.text.startsWith("-") ? unaryPrecedence("-") : precedence.atom;
    default:
      return precedence.atom;
  }
}

function bareDoc(c: Comments, e: Expression): Doc {
  switch (e.kind) {
    case "number":
      return e.text;
    case "size":
      return e.values.join("x");
    case "string":
      return quote(e.value, '"');
    case "name":
      return e.quoted ? quote(e.name, "`") : printName(e.name);
    case "list":
      return listDoc(c, e.items, e.span);
    case "call":
      return callDoc(c, e, true);
    case "pipe":
      return pipeDoc(c, e);
    case "index":
      return concat(expressionDoc(c, e.list, precedence.atom), "[", expressionDoc(c, e.index), "]");
    case "conditional":
      return conditionalDoc(c, e);
    case "unary": {
      const sign = e.operator === "-" ? "-" : "not ";
      return concat(sign, expressionDoc(c, e.operand, unaryPrecedence(e.operator)));
    }
    case "binary":
      return binaryDoc(c, e);
    default:
      return e satisfies never;
  }
}

/** A call. If it has no arguments, `parentheses` says whether to print `()`. */
export function callDoc(
  c: Comments,
  { callee, binder, optional, arguments: list, span }: CallExpression,
  parentheses: boolean,
): Doc {
  const name = `${binder === undefined ? "" : `${printName(binder.text)}${optional ? "?" : ""}: `}${printName(callee.text)}`;
  if (!parentheses && list.length === 0) return name;
  c.hoist(span.start);
  const slots = list.map((argument) => ({ span: argument.span, doc: () => argumentDoc(c, argument) }));
  return concat(name, bracketDoc(c, "(", slots, ")", span.end));
}

/** `if c then a else b`, on one line or with `then` and `else` at the beginnings of lines. */
function conditionalDoc(c: Comments, e: ConditionalExpression): Doc {
  const first: Slot = { span: e.condition.span, doc: () => expressionDoc(c, e.condition) };
  const branches = [e.then, e.otherwise].map(slotOf(c));
  c.hoist(e.condition.span.start);
  return concat(
    "if ",
    sequenceDoc(c, first, branches, (index) => (index === 0 ? "then " : "else ")),
  );
}

function argumentDoc(c: Comments, argument: Argument): Doc {
  switch (argument.kind) {
    case "positional":
      return expressionDoc(c, argument.value);
    case "named":
      return concat(`${printArgumentName(argument.name.text)}=`, expressionDoc(c, argument.value));
    case "rest":
      return `..${printName(argument.name.text)}`;
    case "spread":
      return concat(expressionDoc(c, argument.value), "..");
    default:
      return argument satisfies never;
  }
}

/** Numbers fill lines, since tensors have many; other lists have one item per line if they do not fit on one line. */
function listDoc(c: Comments, items: readonly Expression[], { start, end }: Span): Doc {
  c.hoist(start);
  const numbers = items.length > 0 && items.every(isNumeric) && !c.anyBefore(end);
  const slots = items.map(slotOf(c));
  if (!numbers) return bracketDoc(c, "[", slots, "]", end);
  return group("[", indent(softLine, fillDocs(c, slots, ",", end), ifBroken(",")), softLine, "]");
}

function isNumeric(e: Expression): boolean {
  return e.kind === "number" || (e.kind === "unary" && e.operand.kind === "number");
}

function pipeDoc(c: Comments, e: PipeExpression): Doc {
  const steps: PipeExpression[] = [];
  let head: Expression = e;
  for (; head.kind === "pipe"; head = head.value) steps.push(head);
  steps.reverse();
  c.hoist(head.span.start);
  const slots = steps.map(({ call, parentheses }) => ({
    span: call.span,
    doc: () => callDoc(c, call, parentheses),
  }));
  const first = head;
  const firstSlot = { span: first.span, doc: () => expressionDoc(c, first, precedence.pipe) };
  return sequenceDoc(c, firstSlot, slots, () => "|> ");
}

/** Left-associative operators of one level are laid out as one sequence; all other expressions are operands of it. */
function binaryDoc(c: Comments, e: BinaryExpression): Doc {
  const level = binaryPrecedence(e.operator);
  const operations: BinaryExpression[] = [];
  let head: Expression = e;
  do {
    operations.push(head);
    head = head.left;
  } while (
    head.kind === "binary" &&
    binaryPrecedence(head.operator) === level &&
    level !== precedence.comparison
  );
  operations.reverse();
  c.hoist(head.span.start);
  // Comparisons do not chain, so their left operand must bind tighter too.
  const first = head;
  const leftTightness = level === precedence.comparison ? level + 1 : level;
  const slots = operations.map(({ right }) => ({
    span: right.span,
    doc: () => expressionDoc(c, right, level + 1),
  }));
  const firstSlot = { span: first.span, doc: () => expressionDoc(c, first, leftTightness) };
  return sequenceDoc(c, firstSlot, slots, (index) => `${operations[index]?.operator ?? ""} `);
}

/** A first part and operations: all on one line, or each operation on a separate line, which begins with its operator. */
function sequenceDoc(
  c: Comments,
  first: Slot,
  operations: readonly Slot[],
  operator: (index: number) => string,
): Doc {
  const head = first.doc();
  const parts: Doc[] = [trailing(c, operations[0]?.span.start ?? 0)];
  for (const [index, operation] of operations.entries()) {
    parts.push(line, concat(leading(c, operation.span.start)), operator(index), operation.doc());
    const next = operations[index + 1];
    if (next !== undefined) parts.push(trailing(c, next.span.start));
  }
  return group(head, indent(parts));
}
