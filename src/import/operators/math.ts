// Functions of values that take several ops.

import { combine } from "./broadcast.js";
import type { ElementType } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { elements } from "#ir/type.js";
import { smallLimit } from "#import/builder.js";
import { map, numbersOf, scalar, valueOf } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import type { Value } from "#import/value.js";

/** Rounds towards zero: sign(x) · ⌊|x|⌋. */
export function truncate(ctx: Lowering, x: Value): Value {
  return combine(ctx, "mul", [map(ctx, "sign", x), map(ctx, "floor", map(ctx, "abs", x))]);
}

/**
 * a − b · w, where w is the whole part of a / b. For an infinite b, w is 0 as long as a and b have the same sign; 0 · ∞ would be NaN there,
 * but the remainder is a.
 */
export function remainder(ctx: Lowering, a: Value, b: Value, whole: Value): Value {
  const product = combine(ctx, "mul", [b, whole]);
  const isNone = (): Value => combine(ctx, "equal", [whole, scalar(ctx, 0)]);
  const taken = canBeInfinite(b)
    ? combine(ctx, "where", [isNone(), scalar(ctx, 0), product], { type: b.type })
    : product;
  return combine(ctx, "sub", [a, taken], { type: a.type });
}

function canBeInfinite(x: Value): boolean {
  if (x.type.kind !== "float") return false;
  const isKnown = x.ref.kind === "constant" && elements(x.shape) <= smallLimit;
  return !isKnown || numbersOf(x, "a divisor").some((value) => Math.abs(value) === Infinity);
}

/** ½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))), the approximation of Hendrycks and Gimpel 2016. */
export function geluTanh(ctx: Lowering, x: Value): Value {
  const times = (a: Value, b: Value): Value => combine(ctx, "mul", [a, b]);
  const cube = times(map(ctx, "square", x), x);
  const inner = combine(ctx, "add", [x, times(cube, scalar(ctx, 0.044_715))]);
  const curve = map(ctx, "tanh", times(inner, scalar(ctx, Math.sqrt(2 / Math.PI))));
  return times(times(x, scalar(ctx, 0.5)), combine(ctx, "add", [curve, scalar(ctx, 1)]));
}

/** x where x > θ, else 0. */
export function thresholdedRelu(ctx: Lowering, x: Value, theta: number): Value {
  const isAbove = combine(ctx, "less", [scalar(ctx, theta), x]);
  return combine(ctx, "where", [isAbove, x, scalar(ctx, 0)], { type: x.type });
}

/** γ · (x where x > 0, else α(eˣ − 1)), with the constants of Klambauer et al. 2017. */
export function selu(
  ctx: Lowering,
  x: Value,
  alpha = 1.673_263_242_354_377_2,
  gamma = 1.050_700_987_355_480_5,
): Value {
  return combine(ctx, "mul", [map(ctx, "elu", x, { alpha }), scalar(ctx, gamma)]);
}

/** x / (|x| + 1). */
export function softsign(ctx: Lowering, x: Value): Value {
  return combine(ctx, "div", [x, combine(ctx, "add", [map(ctx, "abs", x), scalar(ctx, 1)])]);
}

/** atan(x / √((1 − x)(1 + x))): at ±1 the quotient is ±∞. */
function arcsin(ctx: Lowering, x: Value): Value {
  const factors = [combine(ctx, "sub", [scalar(ctx, 1), x]), combine(ctx, "add", [scalar(ctx, 1), x])];
  const root = map(ctx, "sqrt", combine(ctx, "mul", factors));
  return map(ctx, "atan", combine(ctx, "div", [x, root]));
}

/** π/2 − asin(x). */
function arccos(ctx: Lowering, x: Value): Value {
  return combine(ctx, "sub", [scalar(ctx, Math.PI / 2), arcsin(ctx, x)]);
}

/** Functions of one value that ONNX and TensorFlow call by the same names. */
export const functionsOfOne: Readonly<Record<string, (ctx: Lowering, x: Value) => Value>> = {
  Softsign: softsign,
  Sinh: (ctx, x) => map(ctx, "sinh", x),
  Cosh: (ctx, x) => map(ctx, "cosh", x),
  Asinh: (ctx, x) => map(ctx, "asinh", x),
  Acosh: (ctx, x) => map(ctx, "acosh", x),
  Atanh: (ctx, x) => map(ctx, "atanh", x),
  Asin: arcsin,
  Acos: arccos,
  Tan: (ctx, x) => combine(ctx, "div", [map(ctx, "sin", x), map(ctx, "cos", x)]),
};

/** 1 − x: the negated truth value. */
export function inverted(ctx: Lowering, x: Value): Value {
  return combine(ctx, "sub", [scalar(ctx, 1), x], { type: x.type });
}

/** Equally spaced numbers of a type; each is the sum of the number before it and the step. */
export function range(ctx: Lowering, start: number, step: number, count: number, type: ElementType): Value {
  if (!(count <= smallLimit)) refuse("bad-model", `Range makes ${count} numbers`);
  const numbers: number[] = [];
  for (let at = 0, value = start; at < count; at += 1, value = type.round(value + step)) numbers.push(value);
  return valueOf(ctx.build.literal(numbers, [numbers.length]), type);
}

/**
 * A cast. Known values wrap around in a small integer type, and floats outside the range of a 32-bit integer, or of the type, become the
 * nearest integer. Values that are computed when the net runs are not brought into the range of a small integer type.
 */
export function castTo(ctx: Lowering, x: Value, to: ElementType): Value {
  if (to.kind === "float" || x.type.kind === "bool") {
    const isKnown = x.ref.kind === "constant" && elements(x.shape) <= smallLimit;
    // Weights in f32 need no conversion; conversion to half floats changes them.
    if (!isKnown || to.size >= 4 || x.type.kind !== "float") return { ...x, type: to };
    return valueOf(ctx.build.literal(numbersOf(x, "a cast"), x.shape), to);
  }
  if (to.kind === "bool") {
    const isZero = combine(ctx, "equal", [x, scalar(ctx, 0)]);
    return { ...inverted(ctx, isZero), type: to };
  }
  if (x.type.kind === "int") return { ...x, type: to };
  const isSmall = to.size < 4;
  const [low, high] = to.low < 0 ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  const bounds = isSmall ? { low, high } : { low: to.low, high: to.high };
  const held = x.ref.kind === "constant" ? map(ctx, "clip", x, bounds) : x;
  return { ...truncate(ctx, held), type: to };
}
