// Compiles the left side of a rule and binds its variables.

import { given } from "#diagnostic/given.js";
import type { BinaryExpression, CallExpression, Expression } from "#grammar/ast.js";
import type { OpName } from "#ir/graph.js";
import { opOf } from "#ops/index.js";
import { tensorOps } from "./arithmetic.js";
import { bind, joinBranches } from "./bind.js";
import { compilePatternAttributes } from "./pattern-attributes.js";
import { depthsOf } from "../several-roots.js";
import type { EachPattern, OpPattern, Pattern } from "../rule.js";
import type { Scope } from "./scope.js";
import { fail } from "./fail.js";
import { callOf, isLiteralName, opsOf } from "./scope.js";

/** Compiles the whole left side: terms that are calls of ops, of which each after the first shares a variable with one before. */
export function compileRoots(scope: Scope, terms: readonly Expression[]): readonly Pattern[] | undefined {
  const outside = new Set(terms.flatMap(namesOutsideLists));
  const roots: Pattern[] = [];
  const bound = new Set<string>();
  for (const term of terms) {
    const pattern = compilePattern({ ...scope, outside }, term);
    if (!pattern) return undefined;
    if (!isCall(pattern))
      return fail(scope, term.span, "wrong-pattern", "the left side must be the call of an op");
    const own = [...depthsOf(pattern).keys()];
    if (roots.length > 0 && !own.some((name) => bound.has(name)))
      return fail(
        scope,
        term.span,
        "wrong-pattern",
        "this term shares no variable with the terms before it",
        ["terms of one left side must have a value in common, by which the compiler finds them"],
      );
    for (const name of own) bound.add(name);
    roots.push(pattern);
  }
  return roots;
}

/** Compiles a term of the left side, or one in a condition. */
export function compilePattern(scope: Scope, expression: Expression): Pattern | undefined {
  const { span } = expression;
  switch (expression.kind) {
    case "name": {
      const { name } = expression;
      if (name === "inf") return { kind: "uniform", value: Number.POSITIVE_INFINITY, span };
      if (isLiteralName(expression))
        return fail(scope, span, "wrong-pattern", `\`${name}\` is a literal, not a variable`);
      return bind(scope, name, { kind: "tensor" }, span) ? { kind: "variable", name, span } : undefined;
    }
    case "number":
      return { kind: "uniform", value: expression.value, span };
    case "unary": {
      const { operator, operand } = expression;
      if (operator === "not")
        return fail(scope, span, "wrong-pattern", "`not` cannot be used on the left side", [
          "conditions stand after `when`: `when not matches(x, relu(y))`",
        ]);
      if (operand.kind === "number") return { kind: "uniform", value: -operand.value, span };
      if (operand.kind === "name" && operand.name === "inf")
        return { kind: "uniform", value: Number.NEGATIVE_INFINITY, span };
      const inner = compilePattern(scope, operand);
      return inner && { kind: "op", ops: ["neg"], operands: [inner], attributes: [], span };
    }
    case "binary": {
      const { operator, left, right } = expression;
      if (operator === "|") return compileAlternatives(scope, expression);
      const op = tensorOps[operator];
      if (!op)
        return fail(scope, span, "wrong-pattern", `\`${operator}\` cannot be used on the left side`, [
          "conditions stand after `when`",
        ]);
      const a = compilePattern(scope, left);
      const b = compilePattern(scope, right);
      return a && b && { kind: "op", ops: [op], operands: [a, b], attributes: [], span };
    }
    case "call":
    case "pipe":
      return compileCall(scope, callOf(expression));
    case "size":
    case "string":
    case "list":
    case "index":
    case "conditional":
      return fail(
        scope,
        span,
        "wrong-pattern",
        "an operand on the left side must be a variable, a number or the call of an op",
      );
    default:
      return expression satisfies never;
  }
}

/** Each alternative binds its own variables. Those that all of them bind are bound afterwards. */
function compileAlternatives(scope: Scope, expression: BinaryExpression): Pattern | undefined {
  const { span } = expression;
  const branches = alternativesOf(expression).map((one) => {
    const variables = new Map(scope.variables);
    return { variables, pattern: compilePattern({ ...scope, variables }, one) };
  });
  const alternatives = branches.map(({ pattern }) => pattern).filter((one) => one !== undefined);
  if (alternatives.length < branches.length) return undefined;
  joinBranches(
    scope,
    branches.map(({ variables }) => variables),
    span,
  );
  return { kind: "either", alternatives, span };
}

function alternativesOf(expression: Expression): readonly Expression[] {
  return expression.kind === "binary" && expression.operator === "|"
    ? [...alternativesOf(expression.left), ...alternativesOf(expression.right)]
    : [expression];
}

function compileCall(scope: Scope, call: CallExpression): Pattern | undefined {
  const { callee, binder, optional, span } = call;
  const named = opsOf(scope, call);
  if (!named) return undefined;
  const before = scope.diagnostics.length;
  const operands: (Pattern | EachPattern)[] = [];
  /** The names that are bound even where an optional op is missing. */
  let always = new Set(scope.variables.keys());
  for (const argument of call.arguments) {
    if (argument.kind !== "positional" && argument.kind !== "spread") continue;
    const operand =
      argument.kind === "positional"
        ? compilePattern(scope, argument.value)
        : compileEach(scope, argument.value, argument.span);
    if (!operand) return undefined;
    if (operands.length === 0) always = new Set(scope.variables.keys());
    operands.push(operand);
  }
  const lists = operands.filter(({ kind }) => kind === "each").length;
  if (lists > 2)
    return fail(scope, span, "wrong-pattern", `at most two operands of an op may be lists, not ${lists}`);
  const fitting = named.ops.filter((op) => takes(op, operands.length - lists, lists > 0));
  if (fitting.length === 0) return wrongCount(scope, call, named.ops[0], operands.length);
  const attributes = compilePatternAttributes(scope, call, fitting);
  if (!attributes) return undefined;
  const { ops } = attributes;
  if (binder && !bind(scope, binder.text, { kind: "op", ops }, binder.span)) return undefined;
  if (scope.diagnostics.length > before) return undefined;
  const pattern: OpPattern = {
    kind: "op",
    ops,
    operands,
    attributes: attributes.terms,
    ...given({ pointwise: named.pointwise, binder: binder?.text, rest: attributes.rest }),
    span,
  };
  if (!optional || !binder) return pattern;
  if (scope.inEach)
    return fail(scope, span, "wrong-pattern", "an op in a list of operands cannot be optional", [
      "write alternatives: `(relu(xs) | xs)..`",
    ]);
  const [inner] = operands;
  if (!inner || inner.kind === "each")
    return fail(scope, span, "wrong-pattern", `without \`${callee.text}\`, its first operand must be there`, [
      "the first operand of an optional op is one term",
    ]);
  for (const [name, variable] of scope.variables) {
    if (always.has(name)) continue;
    scope.variables.set(name, { ...variable, optional: variable.optional ?? binder.text });
  }
  return { kind: "either", alternatives: [pattern, inner], optional: binder.text, span };
}

/** Compiles `p..`, where a variable that occurs nowhere else is a list. */
function compileEach(
  scope: Scope,
  expression: Expression,
  span: Expression["span"],
): EachPattern | undefined {
  if (scope.inEach)
    return fail(scope, span, "wrong-pattern", "a list of operands cannot be inside another one");
  const lists = new Set<string>();
  const pattern = compilePattern({ ...scope, inEach: lists }, expression);
  if (!pattern) return undefined;
  if (lists.size === 0)
    return fail(scope, span, "wrong-pattern", "this list of operands binds no variable of its own", [
      "as in `concat(xs..)` or `concat(relu(xs)..)`",
    ]);
  return { kind: "each", pattern, lists, span };
}

/** The names of a term outside its lists of operands. */
function namesOutsideLists(expression: Expression): string[] {
  switch (expression.kind) {
    case "name":
      return [expression.name];
    case "unary":
      return namesOutsideLists(expression.operand);
    case "binary":
      return [...namesOutsideLists(expression.left), ...namesOutsideLists(expression.right)];
    case "pipe":
    case "call": {
      const call = callOf(expression);
      const operands = call.arguments.flatMap((one) => (one.kind === "positional" ? [one.value] : []));
      return [...(call.binder ? [call.binder.text] : []), ...operands.flatMap(namesOutsideLists)];
    }
    default:
      return [];
  }
}

/** Whether a term is the call of an op, in all its alternatives. */
function isCall(pattern: Pattern): boolean {
  return pattern.kind === "either" ? pattern.alternatives.every(isCall) : pattern.kind === "op";
}

/** Whether an op may have so many operands, or with lists at least so many. */
function takes(name: OpName, count: number, more: boolean): boolean {
  const { operands } = opOf(name);
  const least = more ? 0 : operands.filter((operand) => !operand.optional && !operand.variadic).length;
  return (
    count >= Math.max(least, more ? 0 : 1) && (count <= operands.length || operands.at(-1)?.variadic === true)
  );
}

function wrongCount(scope: Scope, { callee, span }: CallExpression, op: OpName | undefined, count: number) {
  const names = op ? opOf(op).operands.map((operand) => operand.name) : [];
  return fail(
    scope,
    span,
    "wrong-operand-count",
    `\`${callee.text}\` does not take ${count === 1 ? "one operand" : `${count} operands`}`,
    [`it takes ${names.length === 1 ? "one" : names.length}: ${names.join(", ")}`],
  );
}
