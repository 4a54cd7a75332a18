// Makes a tree of operands and operators in a row, by precedence, without recursion, since rows may be long.

import type { IToken } from "chevrotain";
import { bug, error } from "#diagnostic/diagnostic.js";
import type { BinaryOperator, Expression, UnaryExpression } from "../ast.js";
import { only, spanOf, spanOfToken, type TreeContext } from "./tree-context.js";
import type { OperandCstNode, OperationCstNode } from "./cst.js";
import { maxNesting } from "../tokens/line-ends.js";
import { binaryPrecedence, isBinaryOperator, precedence, unaryPrecedence } from "../precedence.js";

/** An expression with its span, including parentheses around it. */
interface Placed {
  readonly expression: Expression;
  readonly start: number;
  readonly end: number;
}

/** An operator whose right operand is not complete. */
type Waiting = { readonly token: IToken; readonly precedence: number } & (
  | { readonly arity: 1; readonly operator: UnaryExpression["operator"] }
  | { readonly arity: 2; readonly operator: BinaryOperator }
);

/** Dijkstra's shunting yard over the operands and operators of a row. */
export function buildOperation(
  b: TreeContext,
  { children }: OperationCstNode,
  buildOperand: (b: TreeContext, node: OperandCstNode) => Expression,
): Expression {
  const values: Placed[] = [];
  const waiting: Waiting[] = [];
  const operators = children.BinaryOperator ?? [];

  for (const [index, node] of children.operand.entries()) {
    const prefixes = prefixesOf(b, node);
    for (const token of prefixes) {
      const operator = token.image === "-" ? "-" : "not";
      waiting.push({ token, arity: 1, operator, precedence: unaryPrecedence(operator) });
    }
    b.prefixes += prefixes.length;
    const expression = buildOperand(b, node);
    b.prefixes -= prefixes.length;
    const isGroup = node.children.group !== undefined && node.children.index === undefined;
    const { start, end } = isGroup ? spanOf(b, only(node.children.group)) : expression.span;
    values.push({ expression, start, end });

    const token = operators[index];
    if (token !== undefined) {
      const operator = isBinaryOperator(token.image) ? token.image : bug(`no operator: ${token.image}`);
      const next: Waiting = { token, arity: 2, operator, precedence: binaryPrecedence(operator) };
      for (
        let top = waiting.at(-1);
        top !== undefined && top.precedence >= next.precedence;
        top = waiting.at(-1)
      ) {
        if (top.precedence === precedence.comparison && next.precedence === top.precedence)
          reportChain(b, top, next);
        reduce(b, values, waiting);
      }
      waiting.push(next);
    }
  }
  while (waiting.length > 0) reduce(b, values, waiting);
  return values[0]?.expression ?? bug("an operation without an operand");
}

/** Applies the last operator of `waiting`. */
function reduce(b: TreeContext, values: Placed[], waiting: Waiting[]): void {
  const operator = waiting.pop();
  const right = values.pop();
  if (operator === undefined || right === undefined) return bug("an operator without its operand");
  const { end } = right;
  if (operator.arity === 1) {
    const start = operator.token.startOffset;
    const span = { file: b.file, start, end };
    const expression = {
      kind: "unary",
      operator: operator.operator,
      operand: right.expression,
      span,
    } as const;
    values.push({ expression, start, end });
    return;
  }
  const left = values.pop();
  if (left === undefined) return bug("a binary operator without its left operand");
  const { start } = left;
  const span = { file: b.file, start, end };
  const operands = { left: left.expression, right: right.expression };
  values.push({ expression: { kind: "binary", operator: operator.operator, ...operands, span }, start, end });
}

/** The `-` and `not` before an operand, in order; none if they are nested too deep. */
function prefixesOf(b: TreeContext, node: OperandCstNode): IToken[] {
  const { Minus = [], Not = [] } = node.children;
  const prefixes = [...Minus, ...Not].sort((left, right) => left.startOffset - right.startOffset);
  if (b.prefixes + prefixes.length <= maxNesting) return prefixes;
  const help = [`at most ${maxNesting} in a row are allowed`];
  b.diagnostics.push(error("too-deep", "too many `-` and `not` in a row", { span: spanOf(b, node), help }));
  return [];
}

function reportChain(b: TreeContext, first: Waiting, second: Waiting): void {
  b.diagnostics.push(
    error("chained-comparison", "comparisons cannot be chained", {
      span: spanOfToken(b, second.token),
      label: "the second comparison",
      others: [{ span: spanOfToken(b, first.token), message: "the first" }],
      help: [`join two comparisons with \`and\`: \`a ${first.operator} b and b ${second.operator} c\``],
    }),
  );
}
