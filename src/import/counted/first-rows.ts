// Rows whose number is computed: ranges up to a computed limit, and the first rows of other values.

import { natural } from "#ir/axis-order.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import { combine } from "#import/operators/broadcast.js";
import { smallLimit } from "#import/builder.js";
import { int64 } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { numberOf, scalar, valueOf } from "#import/lowering.js";
import { sliced } from "#import/operators/parts.js";
import { unsupported } from "#import/refusal.js";
import { reshaped } from "#import/operators/reshape.js";
import { mostOf, valuesTogether } from "./bounds.js";
import { countOf, uncounted, withCount } from "./rows.js";
import { topK } from "./select.js";
import type { Value } from "#import/value.js";

/** The numbers 0, 1, … up to a computed limit that has an upper bound; undefined for other ranges. */
export function countedRange(
  ctx: Lowering,
  [start, limit, step]: readonly (Value | undefined)[],
): Value | undefined {
  if (!start || !limit || !step || limit.ref.kind === "constant") return undefined;
  const most = mostOf(ctx, limit);
  if (most > smallLimit) return undefined;
  if (numberOf(start, "the start of Range") !== 0 || numberOf(step, "the step of Range") !== 1)
    unsupported("Range to a computed limit that does not count from 0 by 1");
  const count = Math.max(1, Math.floor(most));
  const numbers = valueOf(ctx.build.literal(natural(count), [count]), limit.type);
  // Only a node can have counted rows, so the constant becomes one.
  const none = combine(ctx, "mul", [reshaped(ctx, limit, []), scalar(ctx, 0)]);
  return withCount(ctx, combine(ctx, "add", [numbers, none], { type: limit.type }), 0, limit);
}

/**
 * The `k` largest or smallest elements along an axis, in order, and their places. If k is computed but has an upper bound, the results are
 * counted rows.
 */
export function topRows(
  ctx: Lowering,
  x: Value,
  { axis, k, largest }: { readonly axis: number; readonly k: Value; readonly largest: boolean },
): { readonly values: Value; readonly indices: Value } {
  const bound = k.ref.kind === "constant" ? Number.POSITIVE_INFINITY : mostOf(ctx, k);
  if (bound === Number.POSITIVE_INFINITY)
    return topK(ctx, x, { axis, k: numberOf(k, "the k of TopK"), largest });
  const most = Math.max(1, Math.min(x.shape[axis] ?? 1, Math.floor(bound)));
  const { values, indices } = topK(ctx, x, { axis, k: most, largest });
  return { values: withCount(ctx, values, axis, k), indices: withCount(ctx, indices, axis, k) };
}

/**
 * The first elements along each axis. The list `sizes` gives how many: each number is the extent of the shape, or follows from the counted
 * rows of x.
 */
export function firstRows(ctx: Lowering, x: Value, sizes: Value): Value {
  const counted = countOf(ctx, x);
  const all = counted && valuesTogether(ctx, [sizes, counted.count]);
  if (!counted || !all || elements(sizes.shape) !== x.shape.length)
    unsupported("a Slice whose size is not known");
  const { axis, count } = counted;
  // −1 means all elements.
  const taken = (size: number, extent: number): number => (size === -1 ? extent : size);
  const rowsOf = ([size, rows]: readonly Tensor[]): number =>
    taken(size?.data[axis] ?? 0, rows?.data[0] ?? 0);
  const fits = all.every(([size, rows]) =>
    size?.data.every((number, at) => {
      const extent = at === axis ? (rows?.data[0] ?? 0) : (x.shape[at] ?? 1);
      const own = taken(number, extent);
      return at === axis ? own >= 0 && own <= extent : own === extent;
    }),
  );
  if (!fits) unsupported("a Slice whose size is not known");
  const most = all.reduce((greatest, row) => Math.max(greatest, rowsOf(row)), 1);
  const part = sliced(ctx, uncounted(ctx, x, axis), axis, 0, most);
  const given = reshaped(ctx, sliced(ctx, sizes, 0, axis, 1), []);
  const isAll = combine(ctx, "less", [given, scalar(ctx, 0)]);
  return withCount(ctx, part, axis, combine(ctx, "where", [isAll, count, given], { type: int64 }));
}
