// Values of expressions: tensors of the graph, and values known at compile time.

import type { BinaryExpression, BlockItem, Name } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { NodeId, OpName } from "#ir/graph.js";
import type { Literal } from "#ops/attributes.js";

/** A value of an expression. `none` means an error that was reported already; it suppresses follow-up errors. */
export type ExpressionValue =
  | { readonly kind: "tensor"; readonly node: NodeId }
  | Exclude<Literal, { kind: "list" }>
  | ListValue
  | { readonly kind: "callable"; readonly callee: Callee }
  /** The size of the open batch, which is not known; only a list can contain it, as 1. */
  | { readonly kind: "batch" }
  /** The results of a block that has several. */
  | { readonly kind: "results"; readonly values: readonly ExpressionValue[] }
  | { readonly kind: "none" };

/** A list of numbers; `open` says that its first item is the open batch, which is 1 in it. */
type ListValue = Extract<Literal, { kind: "list" }> & { readonly open?: true };

/** What a call can call, and what an argument can pass on to be called. */
export type Callee =
  | { readonly kind: "op"; readonly name: OpName }
  | ({ readonly kind: "block" } & HomedBlock);

/** A block with what its body sees of its file. */
export interface HomedBlock {
  readonly block: BlockItem;
  readonly file: FileScope;
}

/** A binding of a name in a scope, with its place. */
export interface Binding {
  readonly value: ExpressionValue;
  readonly span: Span;
}

/** The blocks and consts that the nets and blocks of one file see, by name. */
export interface FileScope {
  readonly blocks: Map<string, HomedBlock>;
  readonly constants: Map<string, Binding>;
  /** Names that are not here because of syntax errors; their uses are not errors. */
  readonly incomplete: Set<string>;
}

export const none = { kind: "none" } as const satisfies ExpressionValue;

/** A value with its place, and its name if it is a named argument. */
export interface Given {
  readonly name?: Name;
  readonly value: ExpressionValue;
  readonly span: Span;
}

/** The value of an attribute, if a value can be one. */
export function literalOfValue(value: ExpressionValue): Literal | undefined {
  switch (value.kind) {
    case "number":
    case "list":
    case "string":
    case "name":
      return value;
    case "tensor":
    case "callable":
    case "batch":
    case "results":
    case "none":
      return undefined;
    default:
      return value satisfies never;
  }
}

/** A boolean as a value: the name `true` or `false`, as attributes read it. */
export function truth(value: boolean): ExpressionValue {
  return { kind: "name", value: String(value) };
}

/** The boolean of a value, or undefined if it is neither `true` nor `false`. */
export function truthOf(value: ExpressionValue): boolean | undefined {
  if (value.kind !== "name") return undefined;
  return value.value === "true" ? true : value.value === "false" ? false : undefined;
}

/** The value of an infix operator on values known at compile time; undefined if the operator does not take them. */
export function combine(
  operator: BinaryExpression["operator"],
  left: ExpressionValue,
  right: ExpressionValue,
): ExpressionValue | undefined {
  if (operator === "and" || operator === "or") {
    const [a, b] = [truthOf(left), truthOf(right)];
    if (a === undefined || b === undefined) return undefined;
    return truth(operator === "and" ? a && b : a || b);
  }
  if (left.kind === "number" && right.kind === "number")
    return combineNumbers(operator, left.value, right.value);
  if (operator === "+" && (left.kind === "string" || right.kind === "string")) {
    const [a, b] = [textOf(left), textOf(right)];
    return a === undefined || b === undefined ? undefined : { kind: "string", value: a + b };
  }
  if (operator !== "==" && operator !== "!=") return undefined;
  const same = areSame(left, right);
  return same === undefined ? undefined : truth(same === (operator === "=="));
}

/** A string, or a number as a string has it. */
function textOf(value: ExpressionValue): string | undefined {
  return value.kind === "string" || value.kind === "number" ? String(value.value) : undefined;
}

/** Whether two values of a kind that has equality are equal; undefined for others. */
function areSame(left: ExpressionValue, right: ExpressionValue): boolean | undefined {
  if (left.kind === "name" && right.kind === "name") return left.value === right.value;
  if (left.kind === "string" && right.kind === "string") return left.value === right.value;
  if (left.kind === "callable" && right.kind === "callable")
    return calleeName(left.callee) === calleeName(right.callee) && left.callee.kind === right.callee.kind;
  if (left.kind !== "list" || right.kind !== "list") return undefined;
  const same = left.value.length === right.value.length && left.open === right.open;
  return same && left.value.every((item, index) => item === right.value[index]);
}

/** The name of an op or a block. */
export function calleeName(callee: Callee): string {
  return callee.kind === "op" ? callee.name : callee.block.name.text;
}

function combineNumbers(
  operator: Exclude<BinaryExpression["operator"], "and" | "or">,
  a: number,
  b: number,
): ExpressionValue {
  switch (operator) {
    case "+":
      return { kind: "number", value: a + b };
    case "-":
      return { kind: "number", value: a - b };
    case "*":
      return { kind: "number", value: a * b };
    case "/":
      return { kind: "number", value: a / b };
    case "%":
      return { kind: "number", value: a % b };
    case "==":
      return truth(a === b);
    case "!=":
      return truth(a !== b);
    case "<":
      return truth(a < b);
    case "<=":
      return truth(a <= b);
    case ">":
      return truth(a > b);
    case ">=":
      return truth(a >= b);
    // Only the left sides of rules have alternatives.
    case "|":
      return none;
    default:
      return operator satisfies never;
  }
}
