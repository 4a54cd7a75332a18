// Builds the `Ast` from the concrete syntax tree.

import { given } from "#diagnostic/given.js";
import type { IToken } from "chevrotain";
import { bug, error, type Diagnostic } from "#diagnostic/diagnostic.js";
import type * as ast from "../ast.js";
import type { DocOf } from "./doc-comments.js";
import { at, documented, only, spanOf, spanOfToken, type TreeContext } from "./tree-context.js";
import type * as cst from "./cst.js";
import { buildOperation } from "./operation.js";
import { printName } from "../printing/print-name.js";
import { is, QuotedName, unescaped } from "../tokens/tokens.js";

/** Builds the tree of a file while it is parsed. */
export interface TreeBuilder {
  /** The errors in what was built so far. */
  readonly diagnostics: readonly Diagnostic[];
  /** Builds a statement and frees its concrete tree: the one of a whole file would fill the memory. */
  statement(node: cst.StatementCstNode): void;
  /** The same for an expression that is not inside an open `-` or `not`. */
  expression(node: cst.ExpressionCstNode): void;
  /** The items of the file, in order. */
  items(tree: cst.FileCstNode): ast.Item[];
}

export function createTreeBuilder(file: string, docOf: DocOf): TreeBuilder {
  const b: TreeContext = {
    file,
    docOf,
    diagnostics: [],
    prefixes: 0,
    statements: new Map(),
    expressions: new Map(),
  };
  return {
    diagnostics: b.diagnostics,
    statement: (node) => {
      b.statements.set(node, buildStatement(b, node));
      node.children = noStatement;
    },
    expression: (node) => {
      b.expressions.set(node, buildExpression(b, node));
      node.children = noExpression;
    },
    items: (tree) => (tree.children.item ?? []).map((node) => buildItem(b, node)),
  };
}

const noStatement: cst.StatementCstChildren = { Newline: [] };
const noExpression: cst.ExpressionCstChildren = { operation: [] };

// ── Items ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function buildItem(b: TreeContext, { children }: cst.ItemCstNode): ast.Item {
  const { netItem, blockItem, classItem, ruleItem, ruleSetItem, fuseItem, constItem, importItem } = children;
  if (netItem) return buildNet(b, only(netItem));
  if (blockItem) return buildBlock(b, only(blockItem));
  if (classItem) return buildClass(b, only(classItem));
  if (ruleItem) return buildRule(b, only(ruleItem));
  if (ruleSetItem) return buildRuleSet(b, only(ruleSetItem));
  if (fuseItem) return buildFuse(b, only(fuseItem));
  if (importItem) return buildImport(b, only(importItem));
  return buildConst(b, only(constItem));
}

function buildImport(b: TreeContext, node: cst.ImportItemCstNode): ast.ImportItem {
  const { Identifier, StringToken } = node.children;
  return {
    kind: "import",
    names: Identifier.map((token) => name(b, token)),
    path: string(b, only(StringToken)),
    span: spanOf(b, node),
  };
}

function buildNet(b: TreeContext, node: cst.NetItemCstNode): ast.NetItem {
  const { Identifier, body } = node.children;
  return {
    kind: "net",
    name: name(b, only(Identifier)),
    body: buildBody(b, only(body)),
    ...documented(b, node),
  };
}

function buildBlock(b: TreeContext, node: cst.BlockItemCstNode): ast.BlockItem {
  const { Identifier, parameters, body } = node.children;
  return {
    kind: "block",
    name: name(b, only(Identifier)),
    parameters: (only(parameters).children.parameter ?? []).map((parameter) => buildParameter(b, parameter)),
    parametersSpan: spanOf(b, only(parameters)),
    body: buildBody(b, only(body)),
    ...documented(b, node),
  };
}

function buildParameter(b: TreeContext, node: cst.ParameterCstNode): ast.Parameter {
  const { Identifier, expression } = node.children;
  return {
    name: name(b, only(Identifier)),
    ...given({ default: expression && buildExpression(b, only(expression)) }),
    ...documented(b, node),
  };
}

function buildClass(b: TreeContext, node: cst.ClassItemCstNode): ast.ClassItem {
  const { Identifier, classMember } = node.children;
  return {
    kind: "class",
    name: name(b, only(Identifier)),
    members: classMember.map(({ children }) => name(b, only(children.Identifier))),
    span: spanOf(b, node),
  };
}

function buildRule(b: TreeContext, node: cst.RuleItemCstNode): ast.RuleItem {
  const { Identifier, tolerance, benefit, expression, FatArrow, whereBinding, condition } = node.children;
  const arrow = only(FatArrow).startOffset;
  const [left, right] = [true, false].map((isLeft) =>
    expression.filter((one) => spanOf(b, one).start < arrow === isLeft).map((one) => buildExpression(b, one)),
  );
  return {
    kind: "rule",
    name: name(b, only(Identifier)),
    ...given({
      approx: tolerance && buildExpression(b, only(only(tolerance).children.expression)),
      benefit: benefit && buildExpression(b, only(only(benefit).children.expression)),
    }),
    patterns: left ?? [],
    replacements: right ?? [],
    where: (whereBinding ?? []).map((binding) => ({
      name: name(b, only(binding.children.Identifier)),
      value: buildExpression(b, only(binding.children.expression)),
      span: spanOf(b, binding),
    })),
    ...given({ when: condition && buildCondition(b, only(condition)) }),
    span: spanOf(b, node),
  };
}

function buildRuleSet(b: TreeContext, node: cst.RuleSetItemCstNode): ast.RuleSetItem {
  const { Identifier, rulePlace, ruleLine } = node.children;
  return {
    kind: "rules",
    name: name(b, only(Identifier)),
    ...given({ place: rulePlace && buildPlace(b, only(rulePlace)) }),
    rules: (ruleLine ?? []).map(({ children }) => buildRule(b, only(children.ruleItem))),
    span: spanOf(b, node),
  };
}

function buildPlace(b: TreeContext, node: cst.RulePlaceCstNode): ast.RulePlace {
  const { Before, ArgumentName } = node.children;
  const names = ArgumentName.map((token) => name(b, token));
  const span = { ...at(names, 0).span, end: at(names, names.length - 1).span.end };
  return {
    side: Before ? "before" : "after",
    pass: { text: names.map(({ text }) => text).join("-"), span },
    span: spanOf(b, node),
  };
}

function buildCondition(b: TreeContext, { children }: cst.ConditionCstNode): ast.Expression {
  return buildExpression(b, only(children.expression));
}

function buildFuse(b: TreeContext, node: cst.FuseItemCstNode): ast.FuseItem {
  const { Identifier, fuseLink, condition } = node.children;
  return {
    kind: "fuse",
    name: name(b, only(Identifier)),
    links: fuseLink.map((link) => buildLink(b, link)),
    ...given({ when: condition && buildCondition(b, only(condition)) }),
    span: spanOf(b, node),
  };
}

function buildLink(b: TreeContext, node: cst.FuseLinkCstNode): ast.FuseLink {
  const { Identifier, Star, Plus, Question } = node.children;
  const repeat = Star ? "*" : Plus ? "+" : Question ? "?" : "one";
  return { name: name(b, only(Identifier)), repeat, span: spanOf(b, node) };
}

function buildConst(b: TreeContext, node: cst.ConstItemCstNode): ast.ConstItem {
  const { Identifier, expression } = node.children;
  return {
    kind: "const",
    name: name(b, only(Identifier)),
    value: buildExpression(b, only(expression)),
    ...documented(b, node),
  };
}

// ── Statements ─────────────────────────────────────────────────────────────────────────────────────────────────────

function buildBody(b: TreeContext, { children }: cst.BodyCstNode): ast.Statement[] {
  return (children.statement ?? []).map((node) => b.statements.get(node) ?? bug("a statement was not built"));
}

function buildStatement(b: TreeContext, { children }: cst.StatementCstNode): ast.Statement {
  const { weightsStatement, inputStatement, paramStatement, constItem, repeatStatement } = children;
  const { ifStatement, assertStatement, kernelStatement, outputStatement } = children;
  const { returnStatement, bindStatement } = children;
  if (weightsStatement) return buildWeights(b, only(weightsStatement));
  if (inputStatement) return buildInput(b, only(inputStatement));
  if (paramStatement) return buildParam(b, only(paramStatement));
  if (constItem) return buildConst(b, only(constItem));
  if (repeatStatement) return buildRepeat(b, only(repeatStatement));
  if (ifStatement) return buildIf(b, only(ifStatement));
  if (assertStatement) return buildAssert(b, only(assertStatement));
  if (kernelStatement) return buildKernel(b, only(kernelStatement));
  if (outputStatement) return buildOutput(b, only(outputStatement));
  if (returnStatement) return buildReturn(b, only(returnStatement));
  return buildBind(b, only(bindStatement));
}

function buildWeights(b: TreeContext, node: cst.WeightsStatementCstNode): ast.WeightsStatement {
  return { kind: "weights", path: string(b, only(node.children.StringToken)), span: spanOf(b, node) };
}

function buildInput(b: TreeContext, node: cst.InputStatementCstNode): ast.InputStatement {
  const { Identifier, type, Preprocess, arguments: list } = node.children;
  return {
    kind: "input",
    name: name(b, only(Identifier)),
    type: buildType(b, only(type)),
    ...given({ preprocess: Preprocess && wordCall(b, only(Preprocess), list) }),
    ...documented(b, node),
  };
}

function buildParam(b: TreeContext, node: cst.ParamStatementCstNode): ast.ParamStatement {
  const { Identifier, type, expression } = node.children;
  return {
    kind: "param",
    name: name(b, only(Identifier)),
    type: buildType(b, only(type)),
    ...given({ value: expression && buildExpression(b, only(expression)) }),
    ...documented(b, node),
  };
}

function buildRepeat(b: TreeContext, node: cst.RepeatStatementCstNode): ast.RepeatStatement {
  const { expression, Identifier, body } = node.children;
  return {
    kind: "repeat",
    count: buildExpression(b, only(expression)),
    ...given({ index: Identifier && name(b, only(Identifier)) }),
    body: buildBody(b, only(body)),
    span: spanOf(b, node),
  };
}

function buildKernel(b: TreeContext, node: cst.KernelStatementCstNode): ast.KernelStatement {
  const { Identifier, arguments: list, body } = node.children;
  return {
    kind: "kernel",
    name: name(b, at(Identifier, 0)),
    plan: wordCall(b, at(Identifier, 1), list),
    body: buildBody(b, only(body)),
    span: spanOf(b, node),
  };
}

/** A call of a word that is no op: a template, `preprocess`, `labels`. */
function wordCall(
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

function buildOutput(b: TreeContext, node: cst.OutputStatementCstNode): ast.OutputStatement {
  const outputs = node.children.outputValue.map(
    ({ children: { Identifier, Labels, arguments: list, expression } }) => ({
      name: name(b, only(Identifier)),
      ...given({
        labels: Labels && wordCall(b, only(Labels), list),
        value: expression && buildExpression(b, only(expression)),
      }),
    }),
  );
  return { kind: "output", outputs, span: spanOf(b, node) };
}

function buildReturn(b: TreeContext, node: cst.ReturnStatementCstNode): ast.ReturnStatement {
  const values = node.children.expression.map((value) => buildExpression(b, value));
  return { kind: "return", values, span: spanOf(b, node) };
}

function buildBind(b: TreeContext, node: cst.BindStatementCstNode): ast.BindStatement | ast.UnpackStatement {
  const targets = node.children.target.map(({ children: { Identifier, type } }) => ({
    name: name(b, only(Identifier)),
    ...given({ type: type && buildType(b, only(type)) }),
  }));
  const value = buildExpression(b, only(node.children.expression));
  const span = spanOf(b, node);
  return targets.length === 1
    ? { kind: "bind", ...only(targets), value, span }
    : { kind: "unpack", targets, value, span };
}

function buildIf(b: TreeContext, node: cst.IfStatementCstNode): ast.IfStatement {
  const { expression, body } = node.children;
  const bodies = body.map((one) => ({ statements: buildBody(b, one), span: spanOf(b, one) }));
  const branches = expression.map((condition, index) => ({
    condition: buildExpression(b, condition),
    body: at(bodies, index),
  }));
  return {
    kind: "if",
    branches,
    ...given({ otherwise: bodies[branches.length] }),
    span: spanOf(b, node),
  };
}

function buildAssert(b: TreeContext, node: cst.AssertStatementCstNode): ast.AssertStatement {
  const [condition, message] = node.children.expression.map((value) => buildExpression(b, value));
  return {
    kind: "assert",
    condition: condition ?? bug("an assertion without a condition"),
    ...given({ message }),
    span: spanOf(b, node),
  };
}

function buildType(b: TreeContext, node: cst.TypeCstNode): ast.TypeExpression {
  const { Identifier, expressions } = node.children;
  const shape = expressions ? only(expressions).children.expression : [];
  return {
    dtype: name(b, only(Identifier)),
    shape: shape.map((dimension) => buildExpression(b, dimension)),
    span: spanOf(b, node),
  };
}

// ── Expressions ────────────────────────────────────────────────────────────────────────────────────────────────────

function buildExpression(b: TreeContext, node: cst.ExpressionCstNode): ast.Expression {
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

// ── Tokens ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function name(b: TreeContext, token: IToken): ast.Name {
  const text = textOf(b, token);
  if (text === "")
    b.diagnostics.push(error("empty-name", "a name cannot be empty", { span: spanOfToken(b, token) }));
  const quoted = is(token, QuotedName) && printName(text) === text;
  return { text, ...(quoted && { quoted }), span: spanOfToken(b, token) };
}

function string(b: TreeContext, token: IToken): ast.StringLiteral {
  return { kind: "string", value: textOf(b, token), span: spanOfToken(b, token) };
}

/** The value of a token, with its escapes replaced; reports wrong escapes. */
function textOf(b: TreeContext, token: IToken): string {
  const { value, problems } = unescaped(token);
  for (const { start, end } of problems) {
    const span = { file: b.file, start: token.startOffset + start, end: token.startOffset + end };
    const escape = token.image.slice(start, end);
    const help = [
      'the escapes are \\n, \\r, \\t, \\\\, \\", \\` and \\u{…} with a code point in hexadecimal',
    ];
    b.diagnostics.push(error("bad-escape", `\`${escape}\` is not an escape`, { span, help }));
  }
  return value;
}

function number(b: TreeContext, token: IToken): ast.NumberLiteral {
  const value = Number(token.image);
  const span = spanOfToken(b, token);
  if (!Number.isFinite(value))
    b.diagnostics.push(error("bad-number", `${token.image} is too large a number`, { span }));
  return { kind: "number", value, text: token.image, span };
}

function size(b: TreeContext, token: IToken): ast.SizeLiteral {
  const values = token.image.split("x").map(Number);
  const span = spanOfToken(b, token);
  if (!values.every(Number.isSafeInteger)) {
    b.diagnostics.push(error("bad-number", `${token.image} is too large a size`, { span }));
  }
  return { kind: "size", values, span };
}
