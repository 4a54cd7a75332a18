// Gathers and scatters of all kinds, by places that may be computed. Each uses one op over one axis; several axes are merged into one
// first.

import { natural } from "#ir/axis-order.js";
import { elements, sameShape } from "#ir/type.js";
import type { ScatterReduction } from "#ops/gather.js";
import { batchAxis, keepBatch, mixed } from "#import/batch.js";
import { combine } from "./broadcast.js";
import { int64 } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { ordered, scalar, valueOf } from "#import/lowering.js";
import { joined, sliced } from "./parts.js";
import { reduced } from "./reduce.js";
import { refuse } from "#import/refusal.js";
import { reshaped } from "./reshape.js";
import type { Value } from "#import/value.js";

/** The most slices that replace a gather. */
const sliceLimit = 8;

/** The elements at known places along an axis: a few slices, or a gather. */
export function picked(ctx: Lowering, x: Value, axis: number, places: readonly number[]): Value {
  keepBatch(ctx, x, axis, "it takes single samples of the batch");
  if (places.length === 0) return sliced(ctx, x, axis, 0, 0);
  const runs: { begin: number; size: number; step: number }[] = [];
  for (let at = 0; at < places.length;) {
    const begin = places[at] ?? 0;
    const step = (places[at + 1] ?? begin) - begin;
    let size = 1;
    if (step > 0) while (places[at + size] === begin + size * step) size += 1;
    runs.push({ begin, size, step: size === 1 ? 1 : step });
    at += size;
  }
  if (runs.length > sliceLimit)
    return gathered(ctx, x, valueOf(ctx.build.literal(places, [places.length]), int64), axis);
  return joined(
    ctx,
    runs.map(({ begin, size, step }) => sliced(ctx, x, axis, begin, size, step)),
    axis,
  );
}

/** The elements at known places; the axis is replaced by the axes of `shape`. */
export function pickedIn(
  ctx: Lowering,
  x: Value,
  axis: number,
  places: readonly number[],
  shape: readonly number[],
): Value {
  const found = picked(ctx, x, axis, places);
  if (shape.length === 1) return found;
  const batch = batchAxis(ctx, found);
  const to = batch === undefined || batch < axis ? batch : batch + shape.length - 1;
  return reshaped(ctx, found, [...x.shape.slice(0, axis), ...shape, ...x.shape.slice(axis + 1)], to);
}

/**
 * The elements of x at places along an axis. In the result, the axes of `places` replace that axis. x and places begin with the same
 * `batch` axes, and the remaining axes of places are inserted. Axes keep their order.
 */
export function gathered(ctx: Lowering, x: Value, places: Value, axis: number, batch = 0): Value {
  if (batch < 0 || batch > axis || batch > places.shape.length)
    refuse("bad-model", `a gather along axis ${axis} cannot have ${batch} batch axes`);
  keepBatch(ctx, x, axis, "it takes single samples of the batch");
  const more = places.shape.length - batch - 1;
  const moved = (one: number): number => (one > axis ? one + more : one);
  if (batch === 0) {
    const inserted = places.order.map((one) => axis + one);
    // The axes of a computed value come before those of a constant table, as a batch does.
    const isTable = x.ref.kind === "constant" && places.ref.kind === "node";
    const order = isTable ? [axis, ...natural(x.shape.length).filter((one) => one !== axis)] : x.order;
    const at = order.indexOf(axis);
    const ref = ctx.build.emit("gather", [ctx.build.arranged(x, order), places.ref], { axis: at });
    const result = [...order.slice(0, at).map(moved), ...inserted, ...order.slice(at + 1).map(moved)];
    return ordered(ctx, ref, result, x.type);
  }
  const lead = natural(batch);
  const rest = natural(x.shape.length).filter((one) => one >= batch && one !== axis);
  const from = ctx.build.arranged(x, [...lead, axis, ...rest]);
  const refs = [from, ctx.build.arranged(places)];
  const ref = ctx.build.emit("gather", refs, { axis: batch, batched: true });
  const inserted = natural(more + 1).map((at) => axis + at);
  return ordered(ctx, ref, [...lead, ...inserted, ...rest.map(moved)], x.type);
}

/**
 * The result has the shape of `indices`. Each element is that of x at the same place, except along the axis, where the index gives the
 * place.
 */
export function gatheredAlong(ctx: Lowering, x: Value, indices: Value, axis: number): Value {
  const rank = x.shape.length;
  if (indices.shape.length !== rank)
    refuse("shape-mismatch", `the indices [${indices.shape.join(", ")}] do not fit [${x.shape.join(", ")}]`);
  const order = orderAlong(ctx, [x, indices], axis, "it takes elements of single samples");
  let part = x;
  for (const [one, extent] of indices.shape.entries())
    if (one !== axis) part = sliced(ctx, part, one, 0, extent);
  const refs = [ctx.build.arranged(part, order), ctx.build.arranged(indices, order)];
  return ordered(ctx, ctx.build.emit("gather", refs, { axis: -1, batched: true }), order, x.type);
}

/** A common order for values of the same axes: the given axis last, and the batch axis, which all or none have, first. */
function orderAlong(ctx: Lowering, values: readonly Value[], axis: number, what: string): number[] {
  const [batch, ...others] = values.map((value) => batchAxis(ctx, value));
  if (batch === axis || others.some((other) => other !== batch)) mixed(ctx, what);
  const rest = natural(values[0]?.shape.length ?? 0).filter((one) => one !== axis && one !== batch);
  return [...(batch === undefined ? [] : [batch]), ...rest, axis];
}

/** Gathers by rows of indices. After the `batch` axes that both values have, a row gives a place along each of the next axes of x. */
export function gatheredRows(ctx: Lowering, x: Value, indices: Value, batch: number): Value {
  const depth = indices.shape.at(-1) ?? 0;
  if (depth < 1 || batch + depth > x.shape.length || batch >= indices.shape.length)
    refuse(
      "shape-mismatch",
      `the rows of indices [${indices.shape.join(", ")}] do not fit [${x.shape.join(", ")}]`,
    );
  const own = batchAxis(ctx, x);
  if (own !== undefined && own >= batch && own < batch + depth)
    mixed(ctx, "it takes elements of single samples");
  const lead = x.shape.slice(0, batch);
  const counted = x.shape.slice(batch, batch + depth);
  const to = own === undefined || own < batch ? own : own - depth + 1;
  const flat = reshaped(ctx, x, [...lead, elements(counted), ...x.shape.slice(batch + depth)], to);
  return gathered(ctx, flat, flatPlaces(ctx, indices, counted), batch, batch);
}

/**
 * Converts rows with a place in each axis of these extents to places in the merged axis, in reading order. Each place is clamped to its
 * axis, so that it cannot reach another row.
 */
function flatPlaces(ctx: Lowering, rows: Value, extents: readonly number[]): Value {
  const table = (numbers: readonly number[]): Value =>
    valueOf(ctx.build.literal(numbers, [numbers.length]), int64);
  const all = table(extents);
  const fromEnd = combine(ctx, "add", [rows, all]);
  const isBelow = combine(ctx, "less", [rows, table([0])]);
  const positive = combine(ctx, "where", [isBelow, fromEnd, rows]);
  const last = table(extents.map((extent) => extent - 1));
  const inside = combine(ctx, "min", [combine(ctx, "max", [positive, table([0])]), last]);
  const steps = table(extents.map((_, axis) => elements(extents.slice(axis + 1))));
  const sum = reduced(
    ctx,
    "reduce_sum",
    combine(ctx, "mul", [inside, steps]),
    [rows.shape.length - 1],
    false,
  );
  return { ...sum, type: int64 };
}

/**
 * x with updates at rows of places; a row has a place for each of the first axes of x. If two rows name the same place, the last update
 * wins, or all are combined.
 */
export function scatteredRows(
  ctx: Lowering,
  x: Value,
  rows: Value,
  updates: Value,
  reduction: ScatterReduction,
): Value {
  const depth = rows.shape.at(-1) ?? 0;
  const counted = x.shape.slice(0, depth);
  const behind = x.shape.slice(depth);
  const count = elements(rows.shape.slice(0, -1));
  if (depth < 1 || depth > x.shape.length || elements(updates.shape) !== count * elements(behind))
    refuse(
      "shape-mismatch",
      `updates [${updates.shape.join(", ")}] at rows [${rows.shape.join(", ")}] of [${x.shape.join(", ")}]`,
    );
  // Models that add nothing give an empty list.
  if (count === 0) return x;
  if ([x, rows, updates].some((value) => batchAxis(ctx, value) !== undefined))
    mixed(ctx, "it puts elements into single samples");
  const places = reshaped(ctx, flatPlaces(ctx, rows, counted), [count]);
  const flat = reshaped(ctx, x, [elements(counted), ...behind]);
  const given = reshaped(ctx, updates, [count, ...behind]);
  return reshaped(ctx, scattered(ctx, flat, places, given, reduction), x.shape);
}

/** x with updates. Each update goes to its own place in x, except along the axis, where an index gives the place. */
export function scatteredAlong(
  ctx: Lowering,
  x: Value,
  indices: Value,
  updates: Value,
  axis: number,
  reduction: ScatterReduction,
): Value {
  const rank = x.shape.length;
  const { shape } = indices;
  if (shape.length !== rank || !sameShape(shape, updates.shape))
    refuse("shape-mismatch", `updates [${updates.shape.join(", ")}] at [${shape.join(", ")}]`);
  if (elements(shape) === 0) return x;
  const order = orderAlong(ctx, [x, indices, updates], axis, "it puts elements into single samples");
  const others = order.slice(0, -1);
  if (others.every((one) => shape[one] === x.shape[one])) {
    const refs = [x, indices, updates].map((value) => ctx.build.arranged(value, order));
    return ordered(ctx, ctx.build.emit("scatter", refs, { axis: -1, reduction }), order, x.type);
  }
  if (batchAxis(ctx, x) !== undefined) mixed(ctx, "it puts elements into parts of single samples");
  // There are fewer updates than elements next to each other, so all places are counted in reading order.
  const steps = x.shape.map((_, one) => elements(x.shape.slice(one + 1)));
  const own = shape.map((_, one) => elements(shape.slice(one + 1)));
  const starts = natural(elements(shape)).map((at) =>
    others.reduce(
      (sum, one) => sum + (Math.floor(at / (own[one] ?? 1)) % (shape[one] ?? 1)) * (steps[one] ?? 1),
      0,
    ),
  );
  const along = flatPlaces(ctx, reshaped(ctx, indices, [elements(shape), 1]), [x.shape[axis] ?? 1]);
  const step = scalar(ctx, steps[axis] ?? 1);
  const places = combine(ctx, "add", [
    combine(ctx, "mul", [along, step]),
    valueOf(ctx.build.literal(starts, [starts.length]), int64),
  ]);
  const flat = reshaped(ctx, x, [elements(x.shape)]);
  const given = reshaped(ctx, updates, [elements(shape)]);
  return reshaped(ctx, scattered(ctx, flat, places, given, reduction), x.shape);
}

function scattered(
  ctx: Lowering,
  x: Value,
  places: Value,
  updates: Value,
  reduction: ScatterReduction,
): Value {
  const refs = [x, places, updates].map((value) => ctx.build.arranged(value));
  const ref = ctx.build.emit("scatter", refs, { axis: 0, reduction });
  return ordered(ctx, ref, natural(x.shape.length), x.type);
}
