// Reductions, and normalizations that use them.

import type { OpName } from "#ir/graph.js";
import { combine } from "./broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { map, ordered, scalar, valueOf } from "#import/lowering.js";
import { reshaped } from "./reshape.js";
import { countOf, filledRows } from "#import/counted/rows.js";
import type { Value } from "#import/value.js";
import { elements } from "#ir/type.js";
import { channelsLast, withoutAxes } from "#ir/axis-order.js";

/** Ops that reduce axes to one number. */
export type Reduction = Extract<OpName, `reduce_${string}`>;

/** A reduction over axes of the value. */
export function reduced(
  ctx: Lowering,
  op: Reduction,
  given: Value,
  axes: readonly number[],
  keepdims: boolean,
): Value {
  if (axes.length === 0) return given;
  const x = wholeRows(ctx, op, given, axes);
  const places = axes.map((axis) => x.order.indexOf(axis));
  const ref = ctx.build.emit(op, [x.ref], { axes: places, keepdims });
  return ordered(ctx, ref, keepdims ? x.order : withoutAxes(x.order, axes), x.type);
}

/** The neutral element of each reduction. A mean has none, so a mean of counted rows is refused. */
const neutral: Readonly<Record<Reduction, number | undefined>> = {
  reduce_mean: undefined,
  reduce_sum: 0,
  reduce_prod: 1,
  reduce_max: Number.NEGATIVE_INFINITY,
  reduce_min: Number.POSITIVE_INFINITY,
};

/** The value with the neutral element in the rows that do not count, if counted rows are reduced. */
function wholeRows(ctx: Lowering, op: Reduction, x: Value, axes: readonly number[]): Value {
  const counted = countOf(ctx, x);
  const fill = neutral[op];
  return counted && axes.includes(counted.axis) && fill !== undefined ? filledRows(ctx, x, fill) : x;
}

/** (x − mean) / √(variance + ε) over some axes. */
export function normalized(ctx: Lowering, x: Value, axes: readonly number[], epsilon: number): Value {
  return standardized(ctx, x, axes, epsilon).normal;
}

/** The same over all axes but the first, for each group of channels; the channels are axis 1. */
export function groupNormalized(ctx: Lowering, x: Value, groups: number, epsilon: number): Value {
  const [n = 1, c = 1, ...rest] = x.shape;
  const order = channelsLast(x.shape.length);
  if (x.order.at(-1) === 1 || x.shape.length < 3 || elements(rest) === 1)
    return ordered(
      ctx,
      ctx.build.emit("group_norm", [ctx.build.arranged(x, order)], { groups, epsilon }),
      order,
      x.type,
    );
  // If each channel is a plane, a group is a row of the reshaped value.
  const rows = reshaped(ctx, x, [n, groups, (c / groups) * elements(rest)]);
  const normal = ctx.build.emit("layer_norm", [ctx.build.arranged(rows)], { epsilon });
  return reshaped(ctx, valueOf(normal, x.type), x.shape);
}

/** The same, together with the mean and 1 / √(variance + ε). */
export function standardized(
  ctx: Lowering,
  x: Value,
  axes: readonly number[],
  epsilon: number,
): { normal: Value; mean: Value; spread: Value } {
  const mean = reduced(ctx, "reduce_mean", x, axes, true);
  const centered = combine(ctx, "sub", [x, mean]);
  const variance = reduced(ctx, "reduce_mean", map(ctx, "square", centered), axes, true);
  const spread = map(ctx, "rsqrt", combine(ctx, "add", [variance, scalar(ctx, epsilon)]));
  return { normal: combine(ctx, "mul", [centered, spread]), mean, spread };
}
