// Compiles the attributes of an op on the right side of a rule.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { Argument, Expression } from "#grammar/ast.js";
import { printArgumentName, printName } from "#grammar/printing/print-name.js";
import { meant } from "#diagnostic/suggest.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { Literal } from "#ops/attributes.js";
import { opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import type { Match } from "../rule.js";
import type { Scope } from "./scope.js";
import { fail, failWith } from "./fail.js";
import type { CompileTerm } from "./scope.js";
import { usable } from "./scope.js";
import type { ValueTerm } from "./term.js";

export type ComputeAttributes = (match: Match, op: OpName, item?: number) => Attributes | undefined;

export function compileAttributes(
  scope: Scope,
  compile: CompileTerm,
  args: readonly Argument[],
  ops: readonly OpName[],
  callee: string,
  span: Expression["span"],
): ComputeAttributes | undefined {
  const before = scope.diagnostics.length;
  const rests: string[] = [];
  const named: { readonly key: string; readonly term: ValueTerm }[] = [];
  const restKeys = new Set<string>();
  // All attributes that the call mentions, also those with wrong values.
  const given = new Set<string>();
  for (const argument of args) {
    if (argument.kind === "positional" || argument.kind === "spread") continue;
    const key = argument.name.text;
    if (argument.kind === "rest") {
      const variable = usable(scope, key, argument.span);
      if (variable === "error") continue;
      if (variable?.kind !== "rest") {
        const known = [...scope.variables].filter(([, one]) => one.kind === "rest").map(([name]) => name);
        failWith(
          scope,
          argument.span,
          "unbound-variable",
          `no op of the left side leaves its attributes to \`..${key}\``,
          meant(key, known, argument.name.span, printName),
        );
        continue;
      }
      const unknown = [...variable.keys].filter(
        (one) => !ops.some((op) => Object.hasOwn(opOf(op).attributes, one)),
      );
      if (unknown.length > 0)
        fail(
          scope,
          argument.span,
          "unknown-attribute",
          `\`..${key}\` holds ${unknown.map((one) => `\`${one}\``).join(", ")}, which \`${callee}\` does not have`,
        );
      for (const one of variable.keys) restKeys.add(one);
      rests.push(key);
      continue;
    }
    if (!ops.some((op) => Object.hasOwn(opOf(op).attributes, key))) {
      const derived = ops.some((op) => Object.hasOwn(opOf(op).derived ?? {}, key));
      if (derived)
        fail(
          scope,
          argument.name.span,
          "unknown-attribute",
          `\`${key}\` follows from the operands of \`${callee}\`, so it cannot be given`,
        );
      else
        failWith(
          scope,
          argument.name.span,
          "unknown-attribute",
          `\`${callee}\` has no attribute \`${key}\``,
          meant(
            key,
            ops.flatMap((op) => Object.keys(opOf(op).attributes)),
            argument.name.span,
            printArgumentName,
          ),
        );
      continue;
    }
    if (named.some((one) => one.key === key)) {
      fail(scope, argument.name.span, "repeated-argument", `\`${key}\` is given twice`);
      continue;
    }
    given.add(key);
    const term = compile(scope, argument.value);
    if (term?.kind === "tensor")
      fail(scope, argument.value.span, "wrong-type", `attribute \`${key}\` must be a value, not a tensor`);
    else if (term) {
      const value = term.closed ? term.compute(noMatch) : undefined;
      const op = ops.find((one) => Object.hasOwn(opOf(one).attributes, key));
      if (op && value !== undefined && parseAttribute(op, key, value) === undefined)
        fail(
          scope,
          argument.value.span,
          "wrong-attribute",
          `\`${key}\` of \`${callee}\` must be ${ownEntry(opOf(op).attributes, key)?.expects}`,
        );
      named.push({ key, term });
    }
  }
  for (const op of ops.length === 1 ? ops : []) {
    for (const [key, kind] of Object.entries(opOf(op).attributes)) {
      if (kind.default === undefined && !restKeys.has(key) && !given.has(key))
        fail(scope, span, "missing-attribute", `\`${op}\` needs \`${key}\`: ${kind.expects}`);
    }
  }
  if (scope.diagnostics.length > before) return undefined;
  return (match, op, item) => {
    const attributes: Record<string, AttributeValue> = {};
    for (const rest of rests) Object.assign(attributes, match.rests.get(rest));
    for (const { key, term } of named) {
      const value = term.compute(match, item);
      const parsed = value === undefined ? undefined : parseAttribute(op, key, value);
      if (parsed === undefined) return undefined;
      attributes[key] = parsed;
    }
    return attributes;
  };
}

export function parseAttribute(op: OpName, key: string, value: AttributeValue): AttributeValue | undefined {
  const kind = ownEntry(opOf(op).attributes, key) ?? ownEntry(opOf(op).layer?.attributes, key);
  // A derived attribute that no layer form takes would have no kind, and any value would do. No op has one today.
  if (!kind) return value;
  const literals: Literal[] =
    typeof value === "number"
      ? [{ kind: "number", value }]
      : typeof value === "object"
        ? [{ kind: "list", value, size: false }]
        : [
            { kind: "name", value: String(value) },
            { kind: "string", value: String(value) },
          ];
  for (const one of literals) {
    const parsed = kind.parse(one);
    if (parsed !== undefined) return parsed;
  }
  return undefined;
}

export const noMatch = undefined as unknown as Match;
