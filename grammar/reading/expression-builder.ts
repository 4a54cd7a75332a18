// Builds the `Ast` from the concrete syntax tree: expressions, calls and types.

import type { IToken } from "chevrotain";
import type * as ast from "../ast.js";
import type * as cst from "./cst.js";
import { name, number, size, string } from "./literals.js";
import { buildOperation } from "./operation.js";
import { at, only, spanOf, type TreeContext } from "./tree-context.js";
import { is, QuotedName } from "../tokens/tokens.js";

export function buildExpression(b: TreeContext, node: cst.ExpressionCstNode): ast.Expression {
  const known = b.expressions.get(node);
  if (known) {
    b.expressions.delete(node);
    return known;
  }
  const { children } = node;
  if (children.conditional) return buildConditional(b, only(children.conditional));
  const operation = only(children.operation);
  const { start } = spanOf(b, operation);
  let value = buildOperation(b, operation, buildOperand);
  for (const step of children.call ?? []) {
    const call = buildCall(b, step);
    const span = { file: b.file, start, end: call.span.end };
    value = { kind: "pipe", value, call, parentheses: step.children.arguments !== undefined, span };
  }
  return value;
}

function buildConditional(b: TreeContext, node: cst.ConditionalCstNode): ast.ConditionalExpression {
  const { expression } = node.children;
  return {
    kind: "conditional",
    condition: buildExpression(b, at(expression, 0)),
    then: buildExpression(b, at(expression, 1)),
    otherwise: buildExpression(b, at(expression, 2)),
    span: spanOf(b, node),
  };
}

/** An operand without its prefix operators, with its indices. */
function buildOperand(b: TreeContext, node: cst.OperandCstNode): ast.Expression {
  let value = buildAtom(b, node);
  const { group, index = [] } = node.children;
  const { start } = group ? spanOf(b, only(group)) : value.span;
  for (const one of index) {
    const span = { file: b.file, start, end: spanOf(b, one).end };
    value = { kind: "index", list: value, index: buildExpression(b, only(one.children.expression)), span };
  }
  return value;
}

function buildAtom(b: TreeContext, { children }: cst.OperandCstNode): ast.Expression {
  const { NumberToken, SizeToken, StringToken, list, group, call } = children;
  if (NumberToken) return number(b, only(NumberToken));
  if (SizeToken) return size(b, only(SizeToken));
  if (StringToken) return string(b, only(StringToken));
  if (group) return buildExpression(b, only(only(group).children.expression));
  if (list) {
    const node = only(list);
    const items = node.children.expressions ? only(node.children.expressions).children.expression : [];
    return { kind: "list", items: items.map((item) => buildExpression(b, item)), span: spanOf(b, node) };
  }
  const node = only(call);
  if (node.children.arguments) return buildCall(b, node);
  const token = only(node.children.Identifier);
  const { text, span } = name(b, token);
  return { kind: "name", name: text, quoted: is(token, QuotedName), span };
}

function buildCall(b: TreeContext, node: cst.CallCstNode): ast.CallExpression {
  const { Identifier, Colon, Question } = node.children;
  return {
    kind: "call",
    callee: name(b, at(Identifier, Colon ? 1 : 0)),
    ...(Colon && { binder: name(b, at(Identifier, 0)) }),
    ...(Question && { optional: true }),
    arguments: argumentsOf(b, node.children.arguments),
    span: spanOf(b, node),
  };
}

function argumentsOf(b: TreeContext, list: readonly cst.ArgumentsCstNode[] | undefined): ast.Argument[] {
  return (list?.[0]?.children.argument ?? []).map((argument) => buildArgument(b, argument));
}

function buildArgument(b: TreeContext, node: cst.ArgumentCstNode): ast.Argument {
  const { DotDot, Identifier, ArgumentName, expression } = node.children;
  const span = spanOf(b, node);
  if (Identifier) return { kind: "rest", name: name(b, only(Identifier)), span };
  const value = buildExpression(b, only(expression));
  if (ArgumentName) return { kind: "named", name: name(b, only(ArgumentName)), value, span };
  if (DotDot) return { kind: "spread", value, span };
  return { kind: "positional", value, span };
}

export function buildType(b: TreeContext, node: cst.TypeCstNode): ast.TypeExpression {
  const { Identifier, expressions } = node.children;
  const shape = expressions ? only(expressions).children.expression : [];
  return {
    dtype: name(b, only(Identifier)),
    shape: shape.map((dimension) => buildExpression(b, dimension)),
    span: spanOf(b, node),
  };
}

/** A call of a word that is no op: a template, `preprocess`, `labels`. */
export function wordCall(
  b: TreeContext,
  word: IToken,
  list: readonly cst.ArgumentsCstNode[] | undefined,
): ast.CallExpression {
  const callee = name(b, word);
  return {
    kind: "call",
    callee,
    arguments: argumentsOf(b, list),
    span: list ? { ...callee.span, end: spanOf(b, only(list)).end } : callee.span,
  };
}
