// Scalar expressions: the meaning of an elementwise op for one element, as data.

/**
 * Functions of one value. `round` is to the nearest integer, ties to even, as in IEEE 754 and ONNX. `f32` is the nearest f32, ties to even:
 * the value itself on targets that compute in f32.
 */
export type ScalarUnary =
  | "neg"
  | "abs"
  | "sqrt"
  | "exp"
  | "log"
  | "tanh"
  | "erf"
  | "floor"
  | "ceil"
  | "round"
  | "f32"
  | "sin"
  | "cos";

/** Functions of two values. `min` and `max` give NaN if either is NaN. */
export type ScalarBinary = "add" | "sub" | "mul" | "div" | "min" | "max" | "pow";

export type ScalarCompare = "lt" | "le" | "eq";

/** An expression over the operands of an op. */
export type Scalar =
  | { readonly kind: "operand"; readonly index: number }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "unary"; readonly fn: ScalarUnary; readonly x: Scalar }
  | { readonly kind: "binary"; readonly fn: ScalarBinary; readonly a: Scalar; readonly b: Scalar }
  | {
      readonly kind: "select";
      readonly compare: ScalarCompare;
      readonly a: Scalar;
      readonly b: Scalar;
      readonly then: Scalar;
      readonly otherwise: Scalar;
    };

type Operand = Scalar | number;

export const operand = (index: number): Scalar => ({ kind: "operand", index });
export const unary = (fn: ScalarUnary, x: Operand): Scalar => ({ kind: "unary", fn, x: lift(x) });
export const binary = (fn: ScalarBinary, a: Operand, b: Operand): Scalar => ({
  kind: "binary",
  fn,
  a: lift(a),
  b: lift(b),
});
export const add = (a: Operand, b: Operand): Scalar => binary("add", a, b);
export const sub = (a: Operand, b: Operand): Scalar => binary("sub", a, b);
export const mul = (a: Operand, b: Operand): Scalar => binary("mul", a, b);
export const div = (a: Operand, b: Operand): Scalar => binary("div", a, b);
export const min = (a: Operand, b: Operand): Scalar => binary("min", a, b);
export const max = (a: Operand, b: Operand): Scalar => binary("max", a, b);
export const f32 = (x: Operand): Scalar => unary("f32", x);
export const exp = (x: Operand): Scalar => unary("exp", x);

/** `a compare b ? then : otherwise`. */
export const select = (
  compare: ScalarCompare,
  a: Operand,
  b: Operand,
  then: Operand,
  otherwise: Operand,
): Scalar => ({
  kind: "select",
  compare,
  a: lift(a),
  b: lift(b),
  then: lift(then),
  otherwise: lift(otherwise),
});

/** `1 / (1 + e^-x)`; e^x / (1 + e^x) below 0, since there e^-x may overflow although the result is representable. */
export const logistic = (x: Operand): Scalar => {
  const e = exp(unary("neg", unary("abs", x)));
  return div(select("lt", x, 0, e, 1), add(1, e));
};

/** eˣ − 1, exact for x near 0 too: 2t / (1 − t) with t = tanh(x/2). */
export const expm1 = (x: Operand): Scalar => {
  const t = unary("tanh", mul(x, 0.5));
  return div(mul(2, t), sub(1, t));
};

/**
 * log(1 + x) for x ≥ 0, exact near 0 too: log(u) · x / (u − 1), where u is 1 + x after rounding, since log(u)/(u − 1) hardly changes from
 * 1 + x to u (Goldberg 1991, "What Every Computer Scientist Should Know About Floating-Point Arithmetic", Theorem 4).
 */
export const log1p = (x: Scalar): Scalar => {
  const u = add(1, x);
  return select("eq", u, 1, x, mul(unary("log", u), div(x, sub(u, 1))));
};

const transcendental: ReadonlySet<string> = new Set(["exp", "log", "tanh", "erf", "sin", "cos", "pow"]);

/** Whether an expression has a function that no few additions and multiplications compute. */
export function isTranscendental(scalar: Scalar): boolean {
  switch (scalar.kind) {
    case "operand":
    case "number":
      return false;
    case "unary":
      return transcendental.has(scalar.fn) || isTranscendental(scalar.x);
    case "binary":
      return transcendental.has(scalar.fn) || isTranscendental(scalar.a) || isTranscendental(scalar.b);
    case "select":
      return [scalar.a, scalar.b, scalar.then, scalar.otherwise].some(isTranscendental);
    default:
      return scalar satisfies never;
  }
}

function lift(x: Operand): Scalar {
  return typeof x === "number" ? { kind: "number", value: x } : x;
}

/** The expression with some operands replaced by numbers. A factor or divisor that becomes 1 goes away. */
export function withNumbers(scalar: Scalar, numbers: ReadonlyMap<number, number>): Scalar {
  const made = new Map<Scalar, Scalar>();
  const of = (inner: Scalar): Scalar => {
    const value = made.get(inner) ?? replaced(inner, numbers, of);
    made.set(inner, value);
    return value;
  };
  return of(scalar);
}

function replaced(
  scalar: Scalar,
  numbers: ReadonlyMap<number, number>,
  of: (inner: Scalar) => Scalar,
): Scalar {
  switch (scalar.kind) {
    case "operand": {
      const value = numbers.get(scalar.index);
      return value === undefined ? scalar : { kind: "number", value };
    }
    case "number":
      return scalar;
    case "unary":
      return { ...scalar, x: of(scalar.x) };
    case "binary": {
      const [a, b] = [of(scalar.a), of(scalar.b)];
      const isOne = scalar.b.kind === "operand" && b.kind === "number" && b.value === 1;
      return isOne && (scalar.fn === "mul" || scalar.fn === "div") ? a : { ...scalar, a, b };
    }
    case "select":
      return {
        ...scalar,
        a: of(scalar.a),
        b: of(scalar.b),
        then: of(scalar.then),
        otherwise: of(scalar.otherwise),
      };
    default:
      return scalar satisfies never;
  }
}
