// Builds the `Ast` from the concrete syntax tree: items and statements.

import { given } from "#diagnostic/given.js";
import { bug, type Diagnostic } from "#diagnostic/diagnostic.js";
import type * as ast from "../ast.js";
import type { DocOf } from "./doc-comments.js";
import { buildExpression, buildType, wordCall } from "./expression-builder.js";
import { name, string } from "./literals.js";
import { at, documented, only, spanOf, type TreeContext } from "./tree-context.js";
import type * as cst from "./cst.js";

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
