// Selections: the largest elements, boxes that do not overlap, elements for which a condition holds.

import { natural } from "#ir/axis-order.js";
import { elements } from "#ir/type.js";
import { keepBatch } from "#import/batch.js";
import { combine } from "#import/operators/broadcast.js";
import { topRows } from "#import/counted/first-rows.js";
import { int64 } from "#import/element-type.js";
import { gathered, picked } from "#import/operators/gather.js";
import { axisOf, intsValue, numberOf, numbersOf, scalar, valueOf } from "#import/lowering.js";
import { joined } from "#import/operators/parts.js";
import { refuse } from "#import/refusal.js";
import { reshaped, transposed } from "#import/operators/reshape.js";
import { countOf, withCount } from "#import/counted/rows.js";
import { compactRows, countPlaces, nonZeroRows, suppressed } from "#import/counted/select.js";
import type { Value } from "#import/value.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

function topKOf(node: OnnxNode, ctx: Context): Value[] {
  const x = node.input(0);
  const k = node.opset < 10 ? scalar(ctx, node.int("k")) : node.input(1);
  const { values, indices } = topRows(ctx, x, {
    axis: axisOf(node.int("axis", -1), x.shape.length),
    k,
    largest: node.opset < 11 || node.int("largest", 1) === 1,
  });
  return [values, indices];
}

/** Rows of sample, class and box, ordered by class. */
function nonMaxSuppression(node: OnnxNode, ctx: Context): Value {
  const [boxes, scores] = [node.input(0), node.input(1)];
  const number = (at: number, what: string, otherwise: number): number => {
    const value = node.optional(at);
    return value && elements(value.shape) > 0
      ? numberOf(value, `the ${what} of NonMaxSuppression`)
      : otherwise;
  };
  keepBatch(ctx, boxes, 0, "it gives rows of all samples");
  const places = suppressed(ctx, boxes, scores, {
    limit: number(2, "largest number of boxes", 0),
    overlap: number(3, "overlap", 0),
    score: number(4, "least score", Number.NEGATIVE_INFINITY),
    atEqual: false,
    centered: node.int("center_point_box", 0) === 1,
  });
  const [n = 1, classes = 1, limit = 1] = places.shape;
  const count = n * classes * limit;
  const flat = reshaped(ctx, places, [count, 1]);
  const isPlace = combine(ctx, "less_equal", [scalar(ctx, 0), flat]);
  const column = (of: (row: number) => number): Value => {
    const numbers = valueOf(ctx.build.literal(natural(count).map(of), [count, 1]), int64);
    return combine(ctx, "where", [isPlace, numbers, scalar(ctx, -1)], { type: int64 });
  };
  const rows = joined(
    ctx,
    [
      column((row) => Math.floor(row / (classes * limit))),
      column((row) => Math.floor(row / limit) % classes),
      flat,
    ],
    1,
  );
  if (n * classes > 1) return compactRows(ctx, rows);
  return withCount(ctx, rows, 0, countPlaces(ctx, places, [0, 1, 2]));
}

/** The places of the elements that are not zero, one column each. */
function nonZero(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  if (x.ref.kind !== "constant") return transposed(ctx, nonZeroRows(ctx, x), [1, 0]);
  const numbers = numbersOf(x, "the operand of NonZero");
  const found = natural(numbers.length).filter((at) => numbers[at] !== 0);
  const rows = x.shape.map((extent, axis) => {
    const inner = elements(x.shape.slice(axis + 1));
    return found.map((at) => Math.floor(at / inner) % extent);
  });
  return intsValue(ctx, rows.flat(), [x.shape.length, found.length]);
}

/** The slices along an axis, or the elements, for which a condition holds. */
function compress(node: OnnxNode, ctx: Context): Value {
  const [given, condition] = [node.input(0), node.input(1)];
  const axis = node.int("axis", Number.NaN);
  const isFlat = Number.isNaN(axis);
  const x = isFlat ? reshaped(ctx, given, [elements(given.shape)]) : given;
  const at = isFlat ? 0 : axisOf(axis, x.shape.length);
  const extent = condition.shape[0] ?? 0;
  if (condition.shape.length !== 1 || extent > (x.shape[at] ?? 1))
    refuse(
      "shape-mismatch",
      `the condition [${condition.shape.join(", ")}] does not fit ${x.shape[at]} elements`,
    );
  if (condition.ref.kind !== "constant") {
    const places = nonZeroRows(ctx, condition);
    const counted = countOf(ctx, places);
    const flat = reshaped(ctx, places, [extent]);
    return gathered(ctx, x, counted ? withCount(ctx, flat, 0, counted.count) : flat, at);
  }
  const numbers = numbersOf(condition, "the condition of Compress");
  return picked(
    ctx,
    x,
    at,
    natural(extent).filter((one) => numbers[one] !== 0),
  );
}

/** Reverses the first elements of each sample along an axis, as many as its length says. */
function reverseSequence(node: OnnxNode, ctx: Context): Value {
  const [x, lengths] = [node.input(0), node.input(1)];
  const [time, batch] = [node.int("time_axis", 0), node.int("batch_axis", 1)];
  const sizes = numbersOf(lengths, "the lengths of ReverseSequence");
  const [steps, samples] = [x.shape[time] ?? 1, x.shape[batch] ?? 1];
  if (time + batch !== 1 || x.shape.length < 2 || sizes.length !== samples)
    refuse("bad-model", `ReverseSequence has ${sizes.length} lengths for [${x.shape.join(", ")}]`);
  if (!sizes.every((size) => size >= 1 && size <= steps))
    refuse("bad-model", `ReverseSequence has the lengths [${sizes.join(", ")}] for ${steps} steps`);
  const numbers = sizes.flatMap((size) => natural(steps).map((at) => (at < size ? size - 1 - at : at)));
  const places = valueOf(ctx.build.literal(numbers, [samples, steps]), int64);
  const other = natural(x.shape.length).slice(2);
  const back = (value: Value): Value => (batch === 0 ? value : transposed(ctx, value, [1, 0, ...other]));
  return back(gathered(ctx, back(x), places, 1, 1));
}

export const selections: OperatorTable = {
  TopK: topKOf,
  NonMaxSuppression: nonMaxSuppression,
  NonZero: nonZero,
  Compress: compress,
  ReverseSequence: reverseSequence,
};
