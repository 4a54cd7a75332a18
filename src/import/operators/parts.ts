// Slices, concatenations and repetitions of values.

import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { broadcastShapes } from "#ops/broadcast.js";
import { isProblem } from "#ops/op.js";
import type { Sizes } from "#import/batch.js";
import { batchAxis, mixed, perSample } from "#import/batch.js";
import { alike, combine } from "./broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { ordered, scalar } from "#import/lowering.js";
import { refuse, unsupported } from "#import/refusal.js";
import { reshaped } from "./reshape.js";
import { countRange } from "#import/counted/bounds.js";
import { countOf, uncounted, withCount } from "#import/counted/rows.js";
import type { Value } from "#import/value.js";
import { natural, permuted } from "#ir/axis-order.js";

/** `size` elements from `begin` along one axis, every `step`-th. The open batch has the extent 1 here, and can only be taken whole. */
export function sliced(ctx: Lowering, x: Value, axis: number, begin: number, size: number, step = 1): Value {
  if (begin === 0 && step === 1 && size === x.shape[axis]) return x;
  const counted = countOf(ctx, x);
  if (counted?.axis === axis) return slicedRows(ctx, x, axis, begin, size, step, counted.count);
  if (size === 0 && x.ref.kind === "constant") {
    const shape = x.shape.with(axis, 0);
    return { ...x, shape, ref: ctx.build.literal([], shape), order: natural(shape.length) };
  }
  const numbers = (value: number, others: Shape): number[] =>
    permuted(
      natural(x.shape.length).map((at) => (at === axis ? value : (others[at] ?? 0))),
      x.order,
    );
  const ref = ctx.build.emit("slice", [x.ref], {
    begin: numbers(
      begin,
      x.shape.map(() => 0),
    ),
    size: numbers(size, x.shape),
    stride: numbers(
      step,
      x.shape.map(() => 1),
    ),
  });
  return ordered(ctx, ref, x.order, x.type);
}

/** A slice of counted rows: from `begin` to the last row. */
function slicedRows(
  ctx: Lowering,
  x: Value,
  axis: number,
  begin: number,
  size: number,
  step: number,
  count: Value,
): Value {
  if (step !== 1) unsupported("a slice with a step of rows whose number is known only when the net runs");
  const part = sliced(ctx, uncounted(ctx, x, axis), axis, begin, size);
  const [least = 0] = countRange(ctx, count) ?? [];
  if (least >= begin + size) return part;
  const rest = combine(ctx, "sub", [count, scalar(ctx, begin)]);
  const inside = combine(ctx, "min", [combine(ctx, "max", [rest, scalar(ctx, 0)]), scalar(ctx, size)]);
  return withCount(ctx, part, axis, inside);
}

/** The values one after another along an axis. */
export function joined(ctx: Lowering, values: readonly Value[], axis: number): Value {
  // Empty constants come from shapes of which a slice left nothing.
  const full = values.filter((value) => elements(value.shape) > 0);
  const [first] = full.length > 0 ? full : values;
  if (!first) refuse("bad-model", "it concatenates no values");
  if (full.length <= 1) return first;
  const { refs, order } = alike(ctx, full);
  return ordered(ctx, ctx.build.emit("concat", refs, { axis: order.indexOf(axis) }), order, first.type);
}

/** Element `at` along an axis, without that axis. */
export function elementAt(ctx: Lowering, x: Value, axis: number, at: number): Value {
  return reshaped(ctx, sliced(ctx, x, axis, at, 1), x.shape.toSpliced(axis, 1));
}

/** The values next to each other along a new axis. */
export function stacked(ctx: Lowering, values: readonly Value[], axis: number): Value {
  const shaped = values.map((value) => reshaped(ctx, value, value.shape.toSpliced(axis, 0, 1)));
  return joined(ctx, shaped, axis);
}

/**
 * The value `count` times along an axis: a value [before, e·after], taken as an image of width 1, is stretched to width `count`, which
 * copies and computes nothing.
 */
export function repeated(ctx: Lowering, x: Value, axis: number, count: number): Value {
  const at = x.order.indexOf(axis);
  const { shape } = x.ref;
  // Axis 0 is kept apart, so that samples of a batch are not mixed.
  const [lead, from] = at === 0 ? [1, 0] : [shape[0] ?? 1, 1];
  const before = elements(shape.slice(from, at));
  const after = elements(shape.slice(at));
  const image = ctx.build.emit("reshape", [x.ref], { shape: [lead, before, 1, after] });
  const wide = ctx.build.emit("resize", [image], { size: [before, count] });
  const result = shape.with(at, (shape[at] ?? 1) * count);
  return ordered(ctx, ctx.build.emit("reshape", [wide], { shape: result }), x.order, x.type);
}

/**
 * The value repeated to the shape to which it and the given sizes broadcast. A constant that is repeated along the batch is the same for
 * each sample.
 */
export function expanded(ctx: Lowering, x: Value, { shape: wanted, batch }: Sizes): Value {
  const shape = broadcastShapes([x.shape, wanted]);
  if (isProblem(shape)) refuse("shape-mismatch", shape.problem);
  const [lead, more] = [shape.length - x.shape.length, shape.length - wanted.length];
  const own = batchAxis(ctx, x);
  const from = own === undefined ? undefined : own + lead;
  const to = batch === undefined ? undefined : batch + more;
  if (from !== undefined && to !== undefined && from !== to)
    mixed(ctx, `it repeats axis ${to - lead} for each sample of axis ${own}`);
  const full = lead > 0 ? reshaped(ctx, x, [...new Array<number>(lead).fill(1), ...x.shape], from) : x;
  let result = full;
  for (const [axis, extent] of shape.entries())
    if (result.shape[axis] !== extent) result = repeated(ctx, result, axis, extent);
  if (result.ref.kind === "constant") return perSample(ctx, result, to);
  if (result !== x) ctx.build.expansions.set(result.ref.id, { result, origin: x });
  return result;
}

/** The value repeated along each axis as often as `counts` says. A constant can also be repeated once for each sample. */
export function tiled(ctx: Lowering, x: Value, { shape: counts, batch }: Sizes): Value {
  if (counts.length !== x.shape.length || !counts.every((count) => Number.isInteger(count) && count >= 1))
    refuse("bad-model", `[${x.shape.join(", ")}] cannot be repeated [${counts.join(", ")}] times`);
  if (batch !== undefined && batchAxis(ctx, x) !== undefined)
    mixed(ctx, "it repeats the samples of the batch as often as there are samples");
  let result = x;
  for (const [axis, count] of counts.entries()) if (count > 1) result = repeated(ctx, result, axis, count);
  return perSample(ctx, result, batch);
}

/**
 * Refuses to join values with the open batch to values without it: along the axis there would be one sample of some values and all samples
 * of others.
 */
export function checkJoined(ctx: Lowering, values: readonly Value[]): void {
  const axes = values.map((value) => batchAxis(ctx, value));
  if (axes.some((axis) => axis !== axes[0])) mixed(ctx, "it joins a value of one sample to those of all");
}
