// Compiles the attributes of an op on the left side of a rule, and binds their variables.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { Argument, CallExpression, Expression } from "#grammar/ast.js";
import type { Span } from "#diagnostic/diagnostic.js";
import { printArgumentName } from "#grammar/printing/print-name.js";
import { meant } from "#diagnostic/suggest.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import { opOf } from "#ops/index.js";
import { bind } from "./bind.js";
import { noMatch, parseAttribute } from "./compile-attributes.js";
import { compileTerm } from "./compile-term.js";
import type { ValueType } from "./functions.js";
import type { AttributePattern } from "../rule.js";
import type { Scope } from "./scope.js";
import { fail, failWith } from "./fail.js";
import { isLiteralName } from "./scope.js";

interface PatternAttributes {
  readonly terms: readonly (readonly [string, AttributePattern])[];
  /** The name of all others. */
  readonly rest?: string;
  /** The ops that have all the attributes. */
  readonly ops: readonly OpName[];
}

export function compilePatternAttributes(
  scope: Scope,
  call: CallExpression,
  fitting: readonly OpName[],
): PatternAttributes | undefined {
  const { callee, span } = call;
  const attributes: (readonly [string, AttributePattern])[] = [];
  let ops = fitting;
  let rest: { readonly name: string; readonly span: Span } | undefined;
  const before = scope.diagnostics.length;
  for (const argument of call.arguments) {
    if (argument.kind === "positional" || argument.kind === "spread") continue;
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
      const { span } = argument.name;
      const message = `\`${callee.text}\` has no attribute \`${key}\``;
      failWith(scope, span, "unknown-attribute", message, meant(key, keys, span, printArgumentName));
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
  if (scope.diagnostics.length > before) return undefined;
  return { terms: attributes, ops, ...(rest ? { rest: rest.name } : {}) };
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
