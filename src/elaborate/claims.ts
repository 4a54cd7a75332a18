// What a text claims about its values: the types of bindings, and assertions.

import type { AssertStatement, Expression, TypeExpression } from "#grammar/ast.js";
import { printType } from "#ir/type.js";
import { elementTypeOf, extentOf, symbolOf } from "./dimensions.js";
import type { Scope, Elaboration } from "./elaboration.js";
import { describe, fail, typeOf } from "./elaboration.js";
import type { ExpressionValue } from "./expression-value.js";
import { truthOf } from "./expression-value.js";
import { conditionOf, evaluate } from "./expressions.js";

/**
 * Reports a value that does not have the written type. In it, `_` and names that are not bound stand for any extent; the same name
 * stands for the same extent. The open batch has its symbol, and is 1 too.
 */
export function checkType(
  state: Elaboration,
  scope: Scope,
  name: string,
  written: TypeExpression,
  value: ExpressionValue,
): void {
  if (value.kind === "none") return;
  if (value.kind !== "tensor") {
    fail(state, written.span, "not-a-tensor", `only a tensor has a type, not ${describe(state, value)}`);
    return;
  }
  const dtype = elementTypeOf(state, written);
  if (dtype === undefined) return;
  const type = typeOf(state, value.node);
  const open = state.batched.has(value.node);
  const symbols = new Map<string, number>();
  const failures = state.failures;
  const odd = written.shape.findIndex((extent, axis) => {
    const actual = type.shape[axis];
    const symbol = symbolOf(scope, extent);
    if (symbol === undefined || (scope.isNet && state.dims.has(symbol))) {
      const expected = extentOf(state, scope, extent);
      return expected !== undefined && actual !== expected;
    }
    if (symbol === "_" || actual === undefined) return false;
    if (scope.isNet && symbol === state.batch?.symbol) return axis !== 0 || !open;
    const known = symbols.get(symbol);
    symbols.set(symbol, actual);
    return known !== undefined && known !== actual;
  });
  if (state.failures > failures) return;
  const isRank = type.shape.length !== written.shape.length;
  if (type.dtype === dtype && !isRank && odd < 0) return;
  const place = written.shape[odd];
  const at = isRank || type.dtype !== dtype ? undefined : place;
  const made = state.places.get(value.node);
  fail(
    state,
    at?.span ?? written.span,
    "wrong-binding-type",
    `\`${name}\` is ${printType(type, open ? state.batch?.symbol : undefined)}, not of the written type`,
    {
      label: at
        ? `axis ${odd} is ${type.shape[odd]}`
        : type.dtype === dtype
          ? `it has ${type.shape.length} axes`
          : `its elements are ${type.dtype}`,
      ...(made && { others: [{ span: made, message: "made here" }] }),
    },
  );
}

/** Reports an assertion that does not hold, with the values of both sides. */
export function runAssert(
  state: Elaboration,
  scope: Scope,
  { condition, message, span }: AssertStatement,
): void {
  const holds = conditionOf(state, scope, scope.path, condition);
  if (holds !== false) return;
  const said = message && evaluate(state, scope, scope.path, message);
  if (message && said && said.kind !== "string") {
    if (said.kind !== "none")
      fail(
        state,
        message.span,
        "wrong-argument",
        `the message of an assertion is a string, not ${describe(state, said)}`,
      );
    return;
  }
  const part = falsePart(state, scope, condition);
  const label = sidesOf(state, scope, part) ?? "this is false";
  const text = said?.kind === "string" ? said.value : "the condition is false";
  fail(state, message ? part.span : span, "assertion-failed", `assertion failed: ${text}`, { label });
}

/** The first false part of conditions that `and` joins. */
function falsePart(state: Elaboration, scope: Scope, condition: Expression): Expression {
  let part = condition;
  while (part.kind === "binary" && part.operator === "and") {
    const left = truthOf(evaluate(state, scope, scope.path, part.left));
    part = left === false ? part.left : part.right;
  }
  return part;
}

/** The values of both sides of a comparison. */
function sidesOf(state: Elaboration, scope: Scope, condition: Expression): string | undefined {
  if (condition.kind !== "binary") return undefined;
  const { operator, left, right } = condition;
  if (operator === "or") return undefined;
  const [a, b] = [left, right].map((side) => describe(state, evaluate(state, scope, scope.path, side)));
  return `the left side is ${a}, the right side ${b}`;
}
