// Values of expressions: tensors of the graph, and values known at compile time.

import type { BinaryExpression } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import type { Literal } from "#ops/attributes.js";

/** A value of an expression. `none` means an error that was reported already; it suppresses follow-up errors. */
export type ExpressionValue =
  | { readonly kind: "tensor"; readonly node: NodeId }
  | Literal
  | { readonly kind: "none" };

export const none = { kind: "none" } as const satisfies ExpressionValue;

/** A value with its place, and its name if it is a named argument. */
export interface Given {
  readonly name?: string;
  readonly value: ExpressionValue;
  readonly span: Span;
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
  const comparable =
    (left.kind === "name" && right.kind === "name") || (left.kind === "string" && right.kind === "string");
  if (!comparable || (operator !== "==" && operator !== "!=")) return undefined;
  return truth((left.value === right.value) === (operator === "=="));
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
    default:
      return operator satisfies never;
  }
}
