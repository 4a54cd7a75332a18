// The operations on the left side of an expression as a list, so that long sums and pipes need no recursion.

import type { BinaryExpression, Expression, PipeExpression } from "./ast.js";

/** `a + b * c |> f` as a list: the first operand `a`, then the operations `+ (b * c)` and `|> f`. */
export interface LeftOperations {
  readonly head: Expression;
  /** From the innermost outwards. */
  readonly operations: readonly (BinaryExpression | PipeExpression)[];
}

/**
 * Follows the left operands of an expression to the innermost one. A text may contain thousands of terms or pipes in a row. Their
 * tree is as deep on the left as the row is long, while all other nesting is bounded (`maxNesting`). Code that walks over an
 * expression begins with the head and then loops over the operations.
 */
export function leftOperations(expression: Expression): LeftOperations {
  const operations: (BinaryExpression | PipeExpression)[] = [];
  let head = expression;
  while (head.kind === "binary" || head.kind === "pipe") {
    operations.push(head);
    head = head.kind === "binary" ? head.left : head.value;
  }
  return { head, operations: operations.toReversed() };
}
