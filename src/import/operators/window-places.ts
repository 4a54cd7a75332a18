// The place of the greatest element of each window.

import { channelsLast, natural } from "#ir/axis-order.js";
import type { AttributeValue } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { placeLimit } from "#ops/gather.js";
import { batchAxis, mixed } from "#import/batch.js";
import { combine } from "./broadcast.js";
import { int64 } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { scalar, valueOf } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import { transposed } from "./reshape.js";
import type { Value } from "#import/value.js";
import type { Along } from "./windows.js";

/** The most taps of a window along one axis; each takes a slice. */
const tapLimit = 64;

/**
 * The places in x [n, c, …] of the greatest element of each window; of equal elements, the first in reading order. `steps` gives for each
 * axis the distance of neighbouring elements in the numbering; 0 for n numbers the elements of each sample alone. NaN is never the
 * greatest.
 */
export function placesOfGreatest(
  ctx: Lowering,
  x: Value,
  along: readonly Along[],
  [sampleStep = 0, channelStep = 0, ...steps]: readonly number[],
): Value {
  if (sampleStep !== 0 && batchAxis(ctx, x) !== undefined)
    mixed(ctx, "it numbers the elements of all samples");
  if (elements(x.shape) > placeLimit)
    refuse(
      "too-large",
      `places of ${elements(x.shape)} elements are not exact in f32, which holds up to 2^24`,
    );
  const rank = x.shape.length;
  const order = channelsLast(rank);
  const [n = 1, c = 1, ...sizes] = x.shape;
  const numbers = natural(elements(sizes)).map((at) =>
    sizes.reduce((sum, extent, axis) => {
      const inner = elements(sizes.slice(axis + 1));
      return sum + (Math.floor(at / inner) % extent) * (steps[axis] ?? 1);
    }, 0),
  );
  const given = valueOf(ctx.build.arranged(x, order), x.type);
  const least = scalar(ctx, Number.NEGATIVE_INFINITY);
  const isNumber = combine(ctx, "less_equal", [least, given]);
  let best = combine(ctx, "where", [isNumber, given, least], { type: x.type });
  let places = valueOf(ctx.build.literal(numbers, [1, ...sizes, 1]), int64);
  // Finds the greatest element of each row first, then the greatest of the rows. Both keep the first of equal elements, so the result is
  // the first in reading order.
  for (const [axis, window] of [...along.entries()].toReversed())
    ({ best, places } = greatestAlong(ctx, best, places, axis + 1, window));
  const starts = natural(n * c).map((at) => Math.floor(at / c) * sampleStep + (at % c) * channelStep);
  const lead = valueOf(ctx.build.literal(starts, [n, ...sizes.map(() => 1), c]), int64);
  const result = combine(ctx, "add", [places, lead], { type: int64 });
  const back = [0, rank - 1, ...natural(rank).slice(1, -1)];
  return transposed(ctx, result, back);
}

/** The greatest elements of windows along one axis, and their places. */
function greatestAlong(
  ctx: Lowering,
  x: Value,
  from: Value,
  axis: number,
  { extent, kernel, stride, dilation, before, after }: Along,
): { readonly best: Value; readonly places: Value } {
  if (kernel > tapLimit)
    refuse(
      "too-large",
      `places in windows of ${kernel} elements are not supported; up to ${tapLimit} elements are`,
    );
  const count = Math.floor((extent + before + after - ((kernel - 1) * dilation + 1)) / stride) + 1;
  if (count < 1)
    refuse("shape-mismatch", `a window of ${kernel} elements is larger than its axis of ${extent}`);
  const slices = (value: Value, fill: Readonly<Record<string, AttributeValue>>): ((tap: number) => Value) => {
    const around = (amount: number): number[] => value.shape.map((_, at) => (at === axis ? amount : 0));
    const ref = ctx.build.arranged(value);
    const padded =
      before + after === 0
        ? ref
        : ctx.build.emit("pad", [ref], { before: around(before), after: around(after), ...fill });
    return (tap) =>
      valueOf(
        ctx.build.emit("slice", [padded], {
          begin: around(tap * dilation),
          size: value.shape.with(axis, count),
          stride: value.shape.map((_, at) => (at === axis ? stride : 1)),
        }),
        value.type,
      );
  };
  const [valueAt, placeAt] = [slices(x, { value: Number.NEGATIVE_INFINITY }), slices(from, { mode: "edge" })];
  let [best, places] = [valueAt(0), placeAt(0)];
  for (let tap = 1; tap < kernel; tap += 1) {
    const [next, place] = [valueAt(tap), placeAt(tap)];
    const isGreater = combine(ctx, "less", [best, next]);
    places = combine(ctx, "where", [isGreater, place, places], { type: int64 });
    best = combine(ctx, "where", [isGreater, next, best], { type: x.type });
  }
  return { best, places };
}
