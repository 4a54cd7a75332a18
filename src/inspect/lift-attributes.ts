// Attributes of a node as named arguments, without those that equal their defaults.

import type { Expression } from "#grammar/ast.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import type { AttributeKind } from "#ops/attributes.js";
import { normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { listExpression, literalName, numberExpression, stringExpression } from "./lift-expressions.js";

/** A named argument. */
export interface Named {
  readonly name: string;
  readonly value: Expression;
}

/**
 * The arguments for the attributes of a node on operands of these types, in the order of the op table. An attribute is
 * omitted if its default means the same, and padding is written as `same` or symmetric if that means the same.
 */
export function liftAttributes(op: OpName, inputs: readonly TensorType[], wanted: Attributes): Named[] {
  const kinds = opOf(op).attributes;
  const written: Record<string, AttributeValue> = { ...wanted };
  const comesToTheSame = (key: string, value: AttributeValue): boolean => {
    const normal = normalizeAttributes(op, inputs, { ...written, [key]: value });
    return !isProblem(normal) && Object.keys(wanted).every((one) => equal(normal[one], wanted[one]));
  };
  return Object.entries(kinds).flatMap(([name, kind]): Named[] => {
    const value = wanted[name];
    if (value === undefined) return [];
    for (const shorter of kind.default === undefined ? [] : [kind.default]) {
      if (!comesToTheSame(name, shorter)) continue;
      written[name] = shorter;
      return [];
    }
    if (kind.members?.includes("same") && comesToTheSame(name, "same")) {
      written[name] = "same";
      return [{ name, value: literalName("same") }];
    }
    return [{ name, value: liftValue(kind, value) }];
  });
}

/** An attribute's value as an expression that parses to the same value. */
function liftValue(kind: AttributeKind<AttributeValue>, value: AttributeValue): Expression {
  if (typeof value === "number") return numberExpression(value);
  if (typeof value === "boolean") return literalName(String(value));
  if (typeof value === "string")
    return kind.members?.includes(value) ? literalName(value) : stringExpression(value);
  const size = sizeOf(kind, value);
  if (size) return { kind: "size", values: size, span: { file: "", start: 0, end: 0 } };
  return listExpression(value.map((one) => numberExpression(one)));
}

/** `3x3` for a kind that parses sizes, and `1x2` for the padding [1, 1, 2, 2]. */
function sizeOf(
  kind: AttributeKind<AttributeValue>,
  value: readonly number[],
): readonly number[] | undefined {
  const [top, bottom, left, right] = value;
  const pair =
    value.length === 2 ? value : top === bottom && left === right ? [top ?? 0, left ?? 0] : undefined;
  if (!pair?.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) return undefined;
  const parsed = kind.parse({ kind: "list", value: pair, size: true });
  const isSize = !equal(kind.parse({ kind: "number", value: 1 }), [1]); // a kind for lists parses both as lists
  return isSize && equal(parsed, value) ? pair : undefined;
}

function equal(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  return a.length === b.length && a.every((one, at) => Object.is(one, b[at]));
}
