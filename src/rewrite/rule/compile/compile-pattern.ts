// Compiles the left side of a rule and binds its variables.

import { given } from "#diagnostic/given.js";
import { ownEntry } from "#diagnostic/own-entry.js";
import type { Argument, CallExpression, Expression } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { didYouMean } from "#diagnostic/suggest.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import { opOf } from "#ops/index.js";
import { tensorOps } from "./arithmetic.js";
import { noMatch, parseAttribute } from "./compile-attributes.js";
import { compileTerm } from "./compile-term.js";
import type { ValueType } from "./functions.js";
import { sameValue } from "../match.js";
import type { AttributePattern, OpPattern, Pattern } from "../rule.js";
import type { Scope, Variable } from "./scope.js";
import { fail } from "./fail.js";
import { callOf, isLiteralName, opsOf } from "./scope.js";

/** Compiles the whole left side, which must be the call of an op. */
export function compileRoot(scope: Scope, expression: Expression): OpPattern | undefined {
  const pattern = compilePattern(scope, expression);
  if (!pattern || pattern.kind === "op") return pattern;
  return fail(scope, expression.span, "wrong-pattern", "the left side must be the call of an op");
}

function compilePattern(scope: Scope, expression: Expression): Pattern | undefined {
  switch (expression.kind) {
    case "name": {
      const { name, span } = expression;
      if (name === "inf") return { kind: "uniform", value: Number.POSITIVE_INFINITY };
      if (isLiteralName(expression))
        return fail(scope, span, "wrong-pattern", `\`${name}\` is a literal, not a variable`);
      return bind(scope, name, { kind: "tensor" }, span) ? { kind: "variable", name } : undefined;
    }
    case "number":
      return { kind: "uniform", value: expression.value };
    case "unary": {
      const { operator, operand, span } = expression;
      if (operator === "not")
        return fail(scope, span, "wrong-pattern", "`not` cannot be used on the left side", [
          "conditions stand after `when`",
        ]);
      if (operand.kind === "number") return { kind: "uniform", value: -operand.value };
      if (operand.kind === "name" && operand.name === "inf")
        return { kind: "uniform", value: Number.NEGATIVE_INFINITY };
      const inner = compilePattern(scope, operand);
      return inner && opPattern("neg", [inner]);
    }
    case "binary": {
      const { operator, left, right, span } = expression;
      const op = tensorOps[operator];
      if (!op)
        return fail(scope, span, "wrong-pattern", `\`${operator}\` cannot be used on the left side`, [
          "conditions stand after `when`",
        ]);
      const a = compilePattern(scope, left);
      const b = compilePattern(scope, right);
      return a && b && opPattern(op, [a, b]);
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
        expression.span,
        "wrong-pattern",
        "an operand on the left side must be a variable, a number or the call of an op",
      );
    default:
      return expression satisfies never;
  }
}

function opPattern(op: OpName, operands: readonly Pattern[]): OpPattern {
  return { kind: "op", ops: [op], operands, attributes: [] };
}

function compileCall(scope: Scope, call: CallExpression): OpPattern | undefined {
  const { callee, binder, span } = call;
  const named = opsOf(scope, call);
  if (!named) return undefined;
  const positional = call.arguments.filter((argument) => argument.kind === "positional");
  const operands = positional.map((argument) => compilePattern(scope, argument.value));
  const known = operands.filter((operand) => operand !== undefined);
  if (known.length < operands.length) return undefined;

  const fitting = named.filter((op) => takes(op, known.length));
  if (fitting.length === 0) {
    const [op] = named;
    const names = op ? opOf(op).operands.map((operand) => operand.name) : [];
    return fail(
      scope,
      span,
      "wrong-operand-count",
      `\`${callee.text}\` does not take ${known.length === 1 ? "one operand" : `${known.length} operands`}`,
      [`it takes ${names.length === 1 ? "one" : names.length}: ${names.join(", ")}`],
    );
  }
  const attributes: (readonly [string, AttributePattern])[] = [];
  let ops = fitting;
  let rest: { readonly name: string; readonly span: Span } | undefined;
  const before = scope.diagnostics.length;
  for (const argument of call.arguments) {
    if (argument.kind === "positional") continue;
    const key = argument.name.text;
    if (argument.kind === "rest") {
      if (rest)
        fail(scope, argument.span, "repeated-argument", "the rest of the attributes can have only one name");
      rest = { name: key, span: argument.span };
      continue;
    }
    if (attributes.some(([one]) => one === key)) {
      fail(scope, argument.name.span, "repeated-argument", `\`${key}\` is mentioned twice`);
      continue;
    }
    const having = ops.filter((op) => hasAttribute(op, key));
    if (having.length === 0) {
      const keys = ops.flatMap((op) => [
        ...Object.keys(opOf(op).attributes),
        ...Object.keys(opOf(op).derived ?? {}),
      ]);
      fail(
        scope,
        argument.name.span,
        "unknown-attribute",
        `\`${callee.text}\` has no attribute \`${key}\``,
        didYouMean(key, keys),
      );
      continue;
    }
    ops = having;
    const pattern = compileAttribute(scope, argument, ops);
    if (pattern) attributes.push([key, pattern]);
  }
  if (rest) bindRest(scope, rest.name, rest.span, ops, attributes);
  else {
    // The left side must mention an attribute that has no default.
    const complete = ops.filter((op) => missingAttribute(op, attributes) === undefined);
    const [op] = ops;
    const missing = op && missingAttribute(op, attributes);
    if (complete.length === 0 && op && missing !== undefined)
      fail(
        scope,
        span,
        "missing-attribute",
        `\`${op}\` has no default for \`${missing}\`, so the left side must mention it`,
        [`write \`${missing}=name\`, or \`..name\` for all the rest`],
      );
    ops = complete;
  }
  if (binder && !bind(scope, binder.text, { kind: "op", ops }, binder.span)) return undefined;
  if (scope.diagnostics.length > before) return undefined;
  return {
    kind: "op",
    ops,
    operands: known,
    attributes,
    ...(callee.text === "pointwise" ? { memberOf: "pointwise" } : {}),
    ...given({ binder: binder?.text, rest: rest?.name }),
  };
}

function takes(name: OpName, count: number): boolean {
  const { operands } = opOf(name);
  const least = operands.filter((operand) => !operand.optional && !operand.variadic).length;
  return count >= Math.max(least, 1) && (count <= operands.length || operands.at(-1)?.variadic === true);
}

function hasAttribute(op: OpName, key: string): boolean {
  return Object.hasOwn(opOf(op).attributes, key) || Object.hasOwn(opOf(op).derived ?? {}, key);
}

function missingAttribute(
  op: OpName,
  attributes: readonly (readonly [string, unknown])[],
): string | undefined {
  return Object.entries(opOf(op).attributes).find(
    ([key, kind]) => kind.default === undefined && !attributes.some(([one]) => one === key),
  )?.[0];
}

function compileAttribute(
  scope: Scope,
  argument: Extract<Argument, { kind: "named" }>,
  ops: readonly OpName[],
): AttributePattern | undefined {
  const key = argument.name.text;
  const { value } = argument;
  const kind = ops.map((op) => ownEntry(opOf(op).attributes, key)).find((one) => one !== undefined);
  if (value.kind === "name" && !isLiteralName(value) && value.name !== "inf") {
    const type = kind?.default === undefined ? "any" : typeOf(kind.default);
    return bind(scope, value.name, { kind: "attribute", type }, value.span)
      ? { kind: "variable", name: value.name }
      : undefined;
  }
  if (value.kind === "list" && value.items.some((item) => item.kind === "name" && item.name !== "inf")) {
    const items = value.items.map((item): AttributePattern | undefined => {
      if (item.kind !== "name" || item.name === "inf") {
        const constant = closedValue(scope, item);
        return constant === undefined ? undefined : { kind: "value", value: constant };
      }
      return bind(scope, item.name, { kind: "attribute", type: "number" }, item.span)
        ? { kind: "variable", name: item.name }
        : undefined;
    });
    const known = items.filter((item) => item !== undefined);
    return known.length === items.length ? { kind: "list", items: known } : undefined;
  }
  const constant = closedValue(scope, value);
  if (constant === undefined) return undefined;
  const [op] = ops;
  const parsed = op && parseAttribute(op, key, constant);
  if (parsed !== undefined) return { kind: "value", value: parsed };
  return fail(
    scope,
    value.span,
    "wrong-attribute",
    `\`${key}\` must be ${kind?.expects ?? "something else"}`,
  );
}

/** The value of a term without variables. */
function closedValue(scope: Scope, expression: Expression): AttributeValue | undefined {
  const closed: Scope = { ...scope, variables: new Map(), where: new Map() };
  const term = compileTerm(closed, expression);
  if (!term) return undefined;
  if (term.kind === "value" && term.closed) {
    const value = term.compute(noMatch);
    if (value !== undefined) return value;
  }
  return fail(
    scope,
    expression.span,
    "wrong-pattern",
    "an attribute on the left side must be a variable, a literal or a list of them",
  );
}

function typeOf(value: AttributeValue): ValueType {
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "string" ? "text" : "list";
}

function bindRest(
  scope: Scope,
  name: string,
  span: Span,
  ops: readonly OpName[],
  attributes: readonly (readonly [string, unknown])[],
): void {
  const keys = new Set(
    ops
      .flatMap((op) => Object.keys(opOf(op).attributes))
      .filter((key) => !attributes.some(([one]) => one === key)),
  );
  bind(scope, name, { kind: "rest", keys }, span);
}

/** Binds a variable, or checks that it has the same kind as before. A repeated variable means equality. */
function bind(scope: Scope, name: string, variable: Variable, span: Span): boolean {
  const known = scope.variables.get(name);
  if (!known) {
    scope.variables.set(name, variable);
    return true;
  }
  const same =
    known.kind === variable.kind &&
    (known.kind !== "op" || variable.kind !== "op") &&
    (known.kind !== "rest" ||
      variable.kind !== "rest" ||
      sameValue([...known.keys].sort().join(), [...variable.keys].sort().join()));
  if (same) return true;
  fail(
    scope,
    span,
    "repeated-variable",
    `\`${name}\` cannot be ${described(variable)} here: it is ${described(known)} before`,
  );
  return false;
}

function described(variable: Variable): string {
  switch (variable.kind) {
    case "tensor":
      return "a tensor";
    case "op":
      return "an op";
    case "attribute":
      return "an attribute";
    case "rest":
      return "the rest of the attributes of an op";
    default:
      return variable satisfies never;
  }
}
