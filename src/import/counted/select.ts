// Selections: the largest elements, the elements that are not zero, and the boxes that do not overlap. Their results are counted rows.

import { natural } from "#ir/axis-order.js";
import { elements } from "#ir/type.js";
import { batchAxis, keepBatch, mixed } from "#import/batch.js";
import { combine } from "#import/operators/broadcast.js";
import { bool, int64 } from "#import/element-type.js";
import { gathered, gatheredAlong } from "#import/operators/gather.js";
import type { Lowering } from "#import/lowering.js";
import { map, ordered, scalar, valueOf } from "#import/lowering.js";
import { joined, sliced } from "#import/operators/parts.js";
import { reduced } from "#import/operators/reduce.js";
import { refuse, unsupported } from "#import/refusal.js";
import { countRange } from "./bounds.js";
import { countOf, filledRows, uncounted, withCount } from "./rows.js";
import { reshaped } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";

/** The `k` largest or smallest elements along an axis, in order, and their places. */
export function topK(
  ctx: Lowering,
  given: Value,
  { axis, k, largest }: { readonly axis: number; readonly k: number; readonly largest: boolean },
): { readonly values: Value; readonly indices: Value } {
  const extent = given.shape[axis] ?? 1;
  if (!(Number.isInteger(k) && k >= 1 && k <= extent))
    refuse("bad-model", `it takes the ${k} largest of ${extent} elements`);
  keepBatch(ctx, given, axis, "it takes single samples of the batch");
  const x =
    countOf(ctx, given)?.axis === axis ? filledRows(ctx, given, largest ? -Infinity : Infinity) : given;
  // Only the selected axis moves, to the end; the other axes keep their order.
  const order = [...x.order.filter((one) => one !== axis), axis];
  const ref = ctx.build.emit("top_k", [ctx.build.arranged(x, order)], { k, largest });
  const indices = ordered(ctx, ref, order, int64);
  return { values: gatheredAlong(ctx, x, indices, axis), indices };
}

/**
 * The places of elements that are not zero, one row each, in reading order. The result has as many rows as x has elements; only the first
 * ones count.
 */
export function nonZeroRows(ctx: Lowering, given: Value): Value {
  if (batchAxis(ctx, given) !== undefined) mixed(ctx, "it takes elements of single samples");
  const x = filledRows(ctx, given, 0);
  const count = elements(x.shape);
  const zero = scalar(ctx, 0);
  const isZero = combine(ctx, "equal", [reshaped(ctx, x, [count]), zero], { type: bool });
  const marks = combine(ctx, "sub", [scalar(ctx, 1), isZero]);
  const { indices } = topK(ctx, marks, { axis: 0, k: count, largest: true });
  const columns = x.shape.map((extent, axis) => {
    const step = scalar(ctx, elements(x.shape.slice(axis + 1)));
    const whole = map(ctx, "floor", combine(ctx, "div", [indices, step]));
    const size = scalar(ctx, extent);
    const over = combine(ctx, "mul", [map(ctx, "floor", combine(ctx, "div", [whole, size])), size]);
    return reshaped(ctx, axis === 0 ? whole : combine(ctx, "sub", [whole, over]), [count, 1]);
  });
  const rows = x.shape.length === 1 ? reshaped(ctx, indices, [count, 1]) : joined(ctx, columns, 1);
  const found = reduced(ctx, "reduce_sum", marks, [0], false);
  return withCount(ctx, { ...rows, type: int64 }, 0, found);
}

export interface SuppressionOptions {
  /** The most boxes of a class. */
  readonly limit: number;
  readonly overlap: number;
  /** Boxes with this score or less are left out. */
  readonly score: number;
  readonly atEqual: boolean;
  readonly centered: boolean;
}

/**
 * The places of the boxes that are kept, [n, classes, limit], from boxes [n, boxes, 4] and scores [n, classes, boxes]. Entries after the
 * last kept box are −1.
 */
export function suppressed(
  ctx: Lowering,
  boxes: Value,
  given: Value,
  { limit, overlap, score, atEqual, centered }: SuppressionOptions,
): Value {
  const count = boxes.shape[1] ?? 1;
  if (!(Number.isInteger(limit) && limit >= 1)) unsupported(`a selection of ${limit} boxes`);
  const scores = countOf(ctx, given)?.axis === 2 ? filledRows(ctx, given, -Infinity) : given;
  const { indices } = topK(ctx, scores, { axis: 2, k: count, largest: true });
  const refs = [boxes, scores, indices].map((value) => ctx.build.arranged(value));
  const ref = ctx.build.emit("non_max_suppression", refs, {
    limit: Math.min(limit, count),
    overlap,
    score,
    at_equal: atEqual,
    centered,
  });
  return valueOf(ref, int64);
}

/** The number of places before the first −1 of each class. */
export function countPlaces(ctx: Lowering, x: Value, axes: readonly number[]): Value {
  const isPlace = combine(ctx, "less_equal", [scalar(ctx, 0), x]);
  return { ...reduced(ctx, "reduce_sum", isPlace, axes, false), type: int64 };
}

/** The rows in the same order, without the rows that begin with −1; the first rows of the result count. */
export function compactRows(ctx: Lowering, rows: Value): Value {
  const count = rows.shape[0] ?? 1;
  const first = reshaped(ctx, sliced(ctx, rows, 1, 0, 1), [count]);
  const isRow = combine(ctx, "less_equal", [scalar(ctx, 0), first]);
  const { indices } = topK(ctx, isRow, { axis: 0, k: count, largest: true });
  const sorted = gathered(ctx, rows, indices, 0);
  return withCount(ctx, sorted, 0, reduced(ctx, "reduce_sum", isRow, [0], false));
}

/**
 * Concatenates values along an axis where some have counted rows: the rows of a value begin where the counted rows of the values before it
 * end.
 */
export function joinedRows(ctx: Lowering, values: readonly Value[], axis: number): Value {
  const isCounted = values.some((value) => countOf(ctx, value)?.axis === axis);
  if (!isCounted) return joined(ctx, values, axis);
  const [first, ...rest] = values;
  if (!first) refuse("bad-model", "it concatenates no values");
  return rest.reduce((result, value) => appended(ctx, result, value, axis), first);
}

function appended(ctx: Lowering, a: Value, b: Value, axis: number): Value {
  const rowsOf = (x: Value): Value => {
    const counted = countOf(ctx, x);
    return counted?.axis === axis ? counted.count : scalar(ctx, x.shape[axis] ?? 1);
  };
  const [before, after] = [rowsOf(a), rowsOf(b)];
  const total = (a.shape[axis] ?? 1) + (b.shape[axis] ?? 1);
  const numbers = valueOf(ctx.build.literal(natural(total), [total]), int64);
  const along = a.shape.map((_, at) => (at === axis ? total : 1));
  // Places after the last row read the last row.
  const left = gathered(ctx, uncounted(ctx, a, axis), numbers, axis);
  const right = gathered(ctx, uncounted(ctx, b, axis), combine(ctx, "sub", [numbers, before]), axis);
  const isLeft = reshaped(ctx, combine(ctx, "less", [numbers, before]), along);
  const rows = combine(ctx, "where", [isLeft, left, right], { type: a.type });
  const count = combine(ctx, "add", [before, after]);
  const [least, most] = countRange(ctx, count) ?? [];
  if (least !== undefined && least === most) return sliced(ctx, rows, axis, 0, least);
  return withCount(ctx, rows, axis, { ...count, type: int64 });
}
