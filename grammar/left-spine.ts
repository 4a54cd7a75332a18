// Follows expressions that lean to the left, so that long ones need no recursion.

import type { BinaryExpression, Expression, PipeExpression } from "./ast.js";

/** `a + b * c |> f` taken apart from the outside: the first operand `a`, then the links `+ (b * c)` and `|> f`. */
export interface Spine {
  readonly head: Expression;
  /** From the innermost outwards. */
  readonly links: readonly (BinaryExpression | PipeExpression)[];
}

/**
 * The left side of an expression, all the way down. A text may hold a sum of thousands of terms or as many pipes; their
 * trees are as deep as they are long, on the left, while other nesting is bounded (`maxNesting`). Code that walks over an
 * expression begins with the head and goes over the links.
 */
export function spineOf(expression: Expression): Spine {
  const links: (BinaryExpression | PipeExpression)[] = [];
  let head = expression;
  while (head.kind === "binary" || head.kind === "pipe") {
    links.push(head);
    head = head.kind === "binary" ? head.left : head.value;
  }
  return { head, links: links.toReversed() };
}
