// The meaning of scalar expressions, in float64.

import type { Scalar, ScalarBinary, ScalarUnary } from "./scalar.js";

/** Evaluates an expression on the operands' values. */
export function evalScalar(scalar: Scalar, operands: ArrayLike<number>): number {
  switch (scalar.kind) {
    case "operand":
      return operands[scalar.index] ?? Number.NaN;
    case "number":
      return scalar.value;
    case "unary":
      return unaryFunctions[scalar.fn](evalScalar(scalar.x, operands));
    case "binary":
      return binaryFunctions[scalar.fn](evalScalar(scalar.a, operands), evalScalar(scalar.b, operands));
    case "select": {
      const a = evalScalar(scalar.a, operands);
      const b = evalScalar(scalar.b, operands);
      const holds = scalar.compare === "lt" ? a < b : scalar.compare === "le" ? a <= b : a === b;
      return evalScalar(holds ? scalar.then : scalar.otherwise, operands);
    }
    default:
      return scalar satisfies never;
  }
}

/**
 * Evaluates an expression on `count` elements at a time; each operand holds as many. An array a node is much faster than a
 * tree an element, since every loop runs one function.
 */
export function evalScalars(scalar: Scalar, operands: readonly Float64Array[], count: number): Float64Array {
  const all = (one: Scalar): Float64Array => evalScalars(one, operands, count);
  switch (scalar.kind) {
    case "operand":
      return operands[scalar.index] ?? new Float64Array(count).fill(Number.NaN);
    case "number":
      return new Float64Array(count).fill(scalar.value);
    case "unary": {
      const fn = unaryFunctions[scalar.fn];
      return all(scalar.x).map((x) => fn(x));
    }
    case "binary": {
      const fn = binaryFunctions[scalar.fn];
      const b = all(scalar.b);
      return all(scalar.a).map((a, index) => fn(a, b[index] as number));
    }
    case "select": {
      const { compare } = scalar;
      const [b, then, otherwise] = [all(scalar.b), all(scalar.then), all(scalar.otherwise)];
      return all(scalar.a).map((a, index) => {
        const other = b[index] as number;
        const holds = compare === "lt" ? a < other : compare === "le" ? a <= other : a === other;
        return (holds ? then[index] : otherwise[index]) as number;
      });
    }
    default:
      return scalar satisfies never;
  }
}

const unaryFunctions: Readonly<Record<ScalarUnary, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  erf,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  sin: Math.sin,
  cos: Math.cos,
};

const binaryFunctions: Readonly<Record<ScalarBinary, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  pow: (a, b) => a ** b,
};

/** To the nearest integer, ties to even (IEEE 754 roundToIntegralTiesToEven). */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  // 1 / round(x) tells zeros apart, and −0.3 rounds to −0.
  if (rest < 0.5) return floor;
  const rounded = rest > 0.5 || floor % 2 !== 0 ? floor + 1 : floor;
  return rounded === 0 && x < 0 ? -0 : rounded;
}

/**
 * The error function to about 1e-15: its Maclaurin series below 2.5 and the continued fraction of erfc above
 * (Abramowitz and Stegun 1964, 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 0; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
      term *= (2 * x * x) / (2 * n + 3);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n -= 1) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction));
}
