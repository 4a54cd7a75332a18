// Converts scalar expressions of the op table to values of the kernel IR.

import type { Scalar } from "#ops/scalar.js";
import type { Value } from "./ir.js";
import { binary, choose, f32, unary } from "./expressions.js";

/** The value of an expression on operands that are values: a vec if one of them is. Shared parts become one value. */
export function scalarValue(scalar: Scalar, operands: (index: number) => Value): Value {
  const made = new Map<Scalar, Value>();
  const of = (inner: Scalar): Value => {
    const value = made.get(inner) ?? valueOf(inner, operands, of);
    made.set(inner, value);
    return value;
  };
  return of(scalar);
}

function valueOf(scalar: Scalar, operands: (index: number) => Value, of: (inner: Scalar) => Value): Value {
  switch (scalar.kind) {
    case "operand":
      return operands(scalar.index);
    case "number":
      return f32(scalar.value);
    case "unary":
      return unary(scalar.fn, of(scalar.x));
    case "binary":
      return binary(scalar.fn, of(scalar.a), of(scalar.b));
    case "select":
      return choose(scalar.compare, {
        a: of(scalar.a),
        b: of(scalar.b),
        then: of(scalar.then),
        otherwise: of(scalar.otherwise),
      });
    default:
      return scalar satisfies never;
  }
}

/** How often an expression uses an operand; a value that is used twice is put into a register first. */
export function usesOf(scalar: Scalar, index: number): number {
  switch (scalar.kind) {
    case "operand":
      return scalar.index === index ? 1 : 0;
    case "number":
      return 0;
    case "unary":
      return usesOf(scalar.x, index);
    case "binary":
      return usesOf(scalar.a, index) + usesOf(scalar.b, index);
    case "select":
      return [scalar.a, scalar.b, scalar.then, scalar.otherwise].reduce(
        (sum, part) => sum + usesOf(part, index),
        0,
      );
    default:
      return scalar satisfies never;
  }
}
