// Arithmetic of rules on values that are known before the net runs: numbers, lists, names.

import type { BinaryOperator } from "#grammar/ast.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import { sameValue } from "../solve.js";

/** The ops that infix operators mean on tensors. */
export const tensorOps: Readonly<Partial<Record<BinaryOperator, OpName>>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
};

/** A binary operator on values: lists of equal length item by item, a number with every item. Undefined for other operands. */
export function binaryValue(
  operator: BinaryOperator,
  a: AttributeValue,
  b: AttributeValue,
): AttributeValue | undefined {
  switch (operator) {
    case "and":
      return typeof a === "boolean" && typeof b === "boolean" ? a && b : undefined;
    case "or":
      return typeof a === "boolean" && typeof b === "boolean" ? a || b : undefined;
    case "==":
      return sameValue(a, b);
    case "!=":
      return !sameValue(a, b);
    case "|":
      return undefined;
    case "<":
    case "<=":
    case ">":
    case ">=":
      return typeof a === "number" && typeof b === "number" ? comparisons[operator](a, b) : undefined;
    default:
      return arithmetic(operator, a, b);
  }
}

const comparisons = {
  "<": (a: number, b: number) => a < b,
  "<=": (a: number, b: number) => a <= b,
  ">": (a: number, b: number) => a > b,
  ">=": (a: number, b: number) => a >= b,
};

const numeric = {
  "+": (a: number, b: number) => a + b,
  "-": (a: number, b: number) => a - b,
  "*": (a: number, b: number) => a * b,
  "/": (a: number, b: number) => a / b,
  "%": (a: number, b: number) => a % b,
};

function arithmetic(
  operator: keyof typeof numeric,
  a: AttributeValue,
  b: AttributeValue,
): AttributeValue | undefined {
  const compute = numeric[operator];
  if (typeof a === "number" && typeof b === "number") return compute(a, b);
  const [left, right] = [itemsOf(a), itemsOf(b)];
  const length = typeof a === "object" ? a.length : typeof b === "object" ? b.length : undefined;
  if (!left || !right || length === undefined) return undefined;
  if (typeof a === "object" && typeof b === "object" && a.length !== b.length) return undefined;
  return Array.from({ length }, (_, index) => compute(left(index), right(index)));
}

function itemsOf(value: AttributeValue): ((index: number) => number) | undefined {
  if (typeof value === "number") return () => value;
  if (typeof value === "object") return (index) => value[index] ?? Number.NaN;
  return undefined;
}
