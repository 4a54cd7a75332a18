// Derivatives of scalar expressions, as scalar expressions.

import type { Scalar, ScalarCompare } from "#ops/scalar.js";
import * as scalar from "#ops/scalar.js";

/**
 * ∂e/∂xᵢ. At a kink this is the derivative from below, xᵢ → xᵢ⁻. So relu has 0 at 0, as in other frameworks. It is also right for smooth
 * functions that are written in pieces (`x < 0 ? …`, |x|), because all pieces are differentiated from the same side. Steps (`floor`, a
 * comparison) have derivative 0.
 */
export function differentiate(e: Scalar, index: number): Scalar {
  const of = (inner: Scalar): Scalar => differentiate(inner, index);
  switch (e.kind) {
    case "operand":
      return number(e.index === index ? 1 : 0);
    case "number":
      return number(0);
    case "unary":
      return unaryDerivative(e, of(e.x));
    case "binary":
      return binaryDerivative(e, of(e.a), of(e.b));
    case "select": {
      const [then, otherwise] = [of(e.then), of(e.otherwise)];
      return e.compare === "eq"
        ? choose("eq", e.a, e.b, then, otherwise)
        : chooseBelow(e.compare, [e.a, of(e.a)], [e.b, of(e.b)], then, otherwise);
    }
    default:
      return e satisfies never;
  }
}

function unaryDerivative(e: Extract<Scalar, { kind: "unary" }>, inner: Scalar): Scalar {
  const { x } = e;
  if (isNumber(inner, 0)) return inner;
  switch (e.fn) {
    case "neg":
      return negate(inner);
    case "abs":
      return chooseBelow("lt", [x, inner], [number(0), number(0)], negate(inner), inner);
    case "sqrt":
      return divide(times(inner, number(0.5)), e);
    case "exp":
      return times(inner, e);
    case "log":
      return divide(inner, x);
    case "tanh":
      return times(inner, scalar.mul(scalar.sub(1, e), scalar.add(1, e)));
    case "erf":
      return times(
        inner,
        scalar.mul(scalar.exp(scalar.unary("neg", scalar.mul(x, x))), 2 / Math.sqrt(Math.PI)),
      );
    case "sin":
      return times(inner, scalar.unary("cos", x));
    case "cos":
      return times(inner, scalar.unary("neg", scalar.unary("sin", x)));
    case "f32":
      return inner;
    case "floor":
    case "ceil":
    case "round":
      return number(0);
    default:
      return e.fn satisfies never;
  }
}

function binaryDerivative(e: Extract<Scalar, { kind: "binary" }>, da: Scalar, db: Scalar): Scalar {
  const { a, b } = e;
  switch (e.fn) {
    case "add":
      return plus(da, db);
    case "sub":
      return minus(da, db);
    case "mul":
      return plus(times(da, b), times(a, db));
    case "div":
      return minus(divide(da, b), divide(times(e, db), b));
    case "min":
      return chooseBelow("lt", [a, da], [b, db], da, db);
    case "max":
      return chooseBelow("lt", [b, db], [a, da], da, db);
    case "pow":
      return plus(
        times(times(da, b), scalar.binary("pow", a, scalar.sub(b, 1))),
        times(times(db, e), scalar.unary("log", a)),
      );
    default:
      return e.fn satisfies never;
  }
}

/** A value and its derivative. */
type WithDerivative = readonly [value: Scalar, derivative: Scalar];

/** The choice just below the point: where a = b, a was less than b if a grows faster. */
function chooseBelow(
  compare: ScalarCompare,
  [a, da]: WithDerivative,
  [b, db]: WithDerivative,
  then: Scalar,
  otherwise: Scalar,
): Scalar {
  if (da.kind === "number" && db.kind === "number") {
    const below = da.value > db.value ? "le" : da.value < db.value ? "lt" : compare;
    return choose(below, a, b, then, otherwise);
  }
  const tie = choose("lt", db, da, then, otherwise);
  return choose("lt", a, b, then, choose("eq", a, b, tie, otherwise));
}

function choose(compare: ScalarCompare, a: Scalar, b: Scalar, then: Scalar, otherwise: Scalar): Scalar {
  if (then.kind === "number" && isNumber(otherwise, then.value)) return then;
  return scalar.select(compare, a, b, then, otherwise);
}

function number(value: number): Scalar {
  return { kind: "number", value };
}

function isNumber(e: Scalar, value: number): boolean {
  return e.kind === "number" && e.value === value;
}

function negate(a: Scalar): Scalar {
  return a.kind === "number" ? number(-a.value) : scalar.unary("neg", a);
}

function plus(a: Scalar, b: Scalar): Scalar {
  if (a.kind === "number" && b.kind === "number") return number(a.value + b.value);
  return isNumber(a, 0) ? b : isNumber(b, 0) ? a : scalar.add(a, b);
}

function minus(a: Scalar, b: Scalar): Scalar {
  if (a.kind === "number" && b.kind === "number") return number(a.value - b.value);
  return isNumber(a, 0) ? negate(b) : isNumber(b, 0) ? a : scalar.sub(a, b);
}

function times(a: Scalar, b: Scalar): Scalar {
  if (a.kind === "number" && b.kind === "number") return number(a.value * b.value);
  if (isNumber(a, 0) || isNumber(b, 0)) return number(0);
  return isNumber(a, 1) ? b : isNumber(b, 1) ? a : scalar.mul(a, b);
}

function divide(a: Scalar, b: Scalar): Scalar {
  return isNumber(a, 0) || isNumber(b, 1) ? a : scalar.div(a, b);
}
