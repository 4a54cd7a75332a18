// Evaluates scalar expressions, in float64.

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
 * Evaluates an expression on `count` elements of each operand. One array per node of the expression is much faster than one
 * evaluation per element, since every loop runs a single function.
 */
export function evalScalars(scalar: Scalar, operands: readonly Float64Array[], count: number): Float64Array {
  return scalarsInto(scalar, operands, new Float64Array(count), new Temporaries(count));
}

/** Arrays of one length that are reused while an expression is evaluated. */
export class Temporaries {
  readonly #length: number;
  readonly #free: Float64Array[] = [];

  constructor(length: number) {
    this.#length = length;
  }

  take(): Float64Array {
    return this.#free.pop() ?? new Float64Array(this.#length);
  }

  giveBack(array: Float64Array): void {
    this.#free.push(array);
  }
}

/**
 * Like `evalScalars`, without new memory: returns `out` with the values, or the operand if the expression is an operand.
 * Operands and temporaries must be at least as long as `out`, and `out` must not be one of them.
 */
export function scalarsInto(
  scalar: Scalar,
  operands: readonly Float64Array[],
  out: Float64Array,
  temporaries: Temporaries,
): Float64Array {
  const count = out.length;
  /** Calls `use` with the values of a part, in a temporary array. */
  const withPart = (part: Scalar, use: (values: Float64Array) => void): void => {
    const own = temporaries.take();
    use(scalarsInto(part, operands, own.length === count ? own : own.subarray(0, count), temporaries));
    temporaries.giveBack(own);
  };
  switch (scalar.kind) {
    case "operand":
      return operands[scalar.index] ?? out.fill(Number.NaN);
    case "number":
      return out.fill(scalar.value);
    case "unary": {
      const fn = unaryFunctions[scalar.fn];
      const x = scalarsInto(scalar.x, operands, out, temporaries);
      for (let index = 0; index < count; index += 1) out[index] = fn(x[index] as number);
      return out;
    }
    case "binary": {
      const a = scalarsInto(scalar.a, operands, out, temporaries);
      withPart(scalar.b, (b) => binaryInto(scalar.fn, a, b, out));
      return out;
    }
    case "select": {
      const { compare } = scalar;
      const a = scalarsInto(scalar.a, operands, out, temporaries);
      withPart(scalar.b, (b) =>
        withPart(scalar.then, (then) =>
          withPart(scalar.otherwise, (otherwise) => {
            for (let index = 0; index < count; index += 1) {
              const [x, y] = [a[index] as number, b[index] as number];
              const holds = compare === "lt" ? x < y : compare === "le" ? x <= y : x === y;
              out[index] = (holds ? then[index] : otherwise[index]) as number;
            }
          }),
        ),
      );
      return out;
    }
    default:
      return scalar satisfies never;
  }
}

/** Separate loops, since weights have millions of elements, and a call per element costs several times as much as the product. */
function binaryInto(fn: ScalarBinary, a: Float64Array, b: Float64Array, out: Float64Array): void {
  const count = out.length;
  switch (fn) {
    case "add":
      for (let index = 0; index < count; index += 1) out[index] = (a[index] as number) + (b[index] as number);
      return;
    case "mul":
      for (let index = 0; index < count; index += 1) out[index] = (a[index] as number) * (b[index] as number);
      return;
    default: {
      const apply = binaryFunctions[fn];
      for (let index = 0; index < count; index += 1)
        out[index] = apply(a[index] as number, b[index] as number);
    }
  }
}

/** Functions of one value in float64, by name. */
export const unaryFunctions: Readonly<Record<ScalarUnary, (x: number) => number>> = {
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
  f32: Math.fround,
  sin: Math.sin,
  cos: Math.cos,
};

/** Functions of two values in float64, by name. */
export const binaryFunctions: Readonly<Record<ScalarBinary, (a: number, b: number) => number>> = {
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
  // −0.3 rounds to −0, which 1 / round(x) makes visible.
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
