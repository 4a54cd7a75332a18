// Scalar expressions: the meaning of an elementwise op, one element at a time, as data.

/** Functions of one value. */
export type ScalarUnary =
  "neg" | "abs" | "sqrt" | "exp" | "log" | "tanh" | "erf" | "floor" | "ceil" | "round" | "sin" | "cos";

/** Functions of two values; comparisons give a condition, usable in `select` only. `min` and `max` give NaN if either is NaN. */
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
