// Activations by their Keras name.

import { combine } from "#import/operators/broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { axisOf, map, ordered, scalar } from "#import/lowering.js";
import { geluTanh, selu, softsign } from "#import/operators/math.js";
import { reduced } from "#import/operators/reduce.js";
import type { Value } from "#import/value.js";

export type Activation = (ctx: Lowering, x: Value) => Value;

export const activations: Readonly<Record<string, Activation>> = {
  linear: (_, x) => x,
  relu: (ctx, x) => map(ctx, "relu", x),
  relu6: (ctx, x) => map(ctx, "relu6", x),
  elu: (ctx, x) => map(ctx, "elu", x, { alpha: 1 }),
  selu,
  sigmoid: (ctx, x) => map(ctx, "sigmoid", x),
  // As in TensorFlow.js and Keras 2. Keras 3 has x / 6 + ½ under the same name, which TensorFlow.js does not compute.
  hard_sigmoid: (ctx, x) => map(ctx, "hard_sigmoid", x, { alpha: 0.2, beta: 0.5 }),
  hard_silu: (ctx, x) => map(ctx, "hard_swish", x),
  hard_swish: (ctx, x) => map(ctx, "hard_swish", x),
  tanh: (ctx, x) => map(ctx, "tanh", x),
  softplus: (ctx, x) => map(ctx, "softplus", x),
  softsign,
  softmax: (ctx, x) => softmax(ctx, x, -1),
  log_softmax: (ctx, x) => logSoftmax(ctx, x, -1),
  swish: (ctx, x) => map(ctx, "silu", x),
  silu: (ctx, x) => map(ctx, "silu", x),
  mish: (ctx, x) => map(ctx, "mish", x),
  gelu: (ctx, x) => map(ctx, "gelu", x),
  gelu_new: geluTanh,
  exponential: (ctx, x) => map(ctx, "exp", x),
};

export function softmax(ctx: Lowering, x: Value, axis: number): Value {
  const at = x.order.indexOf(axisOf(axis, x.shape.length));
  return ordered(ctx, ctx.build.emit("softmax", [x.ref], { axis: at }), x.order, x.type);
}

/** x − max − log Σ e^(x − max). */
export function logSoftmax(ctx: Lowering, x: Value, axis: number): Value {
  const axes = [axisOf(axis, x.shape.length)];
  const shifted = combine(ctx, "sub", [x, reduced(ctx, "reduce_max", x, axes, true)]);
  const sum = reduced(ctx, "reduce_sum", map(ctx, "exp", shifted), axes, true);
  return combine(ctx, "sub", [shifted, map(ctx, "log", sum)]);
}

/** max(x, 0), limited to a greatest value; below the threshold slope · (x − threshold). */
export function rectified(
  ctx: Lowering,
  x: Value,
  { slope = 0, threshold = 0, most }: { slope?: number; threshold?: number; most?: number | undefined },
): Value {
  if (slope === 0 && threshold === 0)
    return most === undefined
      ? map(ctx, "relu", x)
      : most === 6
        ? map(ctx, "relu6", x)
        : map(ctx, "clip", x, { low: 0, high: most });
  if (threshold === 0 && most === undefined) return map(ctx, "leaky_relu", x, { alpha: slope });
  const isAbove = combine(ctx, "less_equal", [scalar(ctx, threshold), x]);
  const below = combine(ctx, "mul", [combine(ctx, "sub", [x, scalar(ctx, threshold)]), scalar(ctx, slope)]);
  const result = combine(ctx, "where", [isAbove, x, below], { type: x.type });
  return most === undefined ? result : combine(ctx, "min", [result, scalar(ctx, most)]);
}
