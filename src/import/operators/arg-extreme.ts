// The place of the largest or least element along an axis.

import { combine } from "./broadcast.js";
import { int64 } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { scalar, valueOf } from "#import/lowering.js";
import { reduced } from "./reduce.js";
import { unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";

export interface ArgExtreme {
  readonly axis: number;
  readonly keepdims: boolean;
  /** Whether to find the largest element; else the least. */
  readonly ofLargest: boolean;
  /** Whether to take the last of equal elements; else the first. */
  readonly last: boolean;
}

/** The longest axis whose places f32 can tell apart in this computation. */
const placeLimit = 2 ** 20;

/** The places as integers, which f32 holds exactly up to 2²⁴. Of equal extreme elements, the first or the last counts. */
export function argExtreme(ctx: Lowering, x: Value, { axis, keepdims, ofLargest, last }: ArgExtreme): Value {
  const size = x.shape[axis] ?? 1;
  if (size > placeLimit) unsupported(`the place of an extreme among ${size} elements`);
  const extreme = reduced(ctx, ofLargest ? "reduce_max" : "reduce_min", x, [axis], true);
  const isExtreme = combine(ctx, "equal", [x, extreme]);
  const shape = x.shape.map((_, at) => (at === axis ? size : 1));
  const places = valueOf(
    ctx.build.literal(
      Array.from({ length: size }, (_, at) => at),
      shape,
    ),
  );
  const found = combine(ctx, "where", [isExtreme, places, scalar(ctx, last ? -1 : size)]);
  return { ...reduced(ctx, last ? "reduce_max" : "reduce_min", found, [axis], keepdims), type: int64 };
}
