// The precedence of operators: one table for the parser and the printer.

import type { BinaryOperator, UnaryExpression } from "./ast.js";

/** Larger binds tighter. `if … then … else …` binds loosest of all, then `|>`, a call or literal tightest (`atom`). Operators of one level are left-associative; comparisons do not chain. */
export const precedence = {
  conditional: -1,
  pipe: 0,
  comparison: 4,
  atom: 8,
} as const;

const binary: { readonly [O in BinaryOperator]: number } = {
  "|": 0.5,
  or: 1,
  and: 2,
  "==": precedence.comparison,
  "!=": precedence.comparison,
  "<": precedence.comparison,
  "<=": precedence.comparison,
  ">": precedence.comparison,
  ">=": precedence.comparison,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "%": 6,
};

const unary: { readonly [O in UnaryExpression["operator"]]: number } = { not: 3, "-": 7 };

export function binaryPrecedence(operator: BinaryOperator): number {
  return binary[operator];
}

export function unaryPrecedence(operator: UnaryExpression["operator"]): number {
  return unary[operator];
}

export function isBinaryOperator(text: string): text is BinaryOperator {
  return Object.hasOwn(binary, text);
}
