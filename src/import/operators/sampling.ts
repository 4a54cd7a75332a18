// Values between the elements of an image, at coordinates that may be computed: the neighbours of each point are gathered and summed with
// weights.

import { channelsLast, natural } from "#ir/axis-order.js";
import { elements } from "#ir/type.js";
import { combine } from "./broadcast.js";
import { int64 } from "#import/element-type.js";
import { gathered } from "./gather.js";
import type { Lowering } from "#import/lowering.js";
import { map, scalar, valueOf } from "#import/lowering.js";
import { joined } from "./parts.js";
import { reduced } from "./reduce.js";
import { reshaped, transposed } from "./reshape.js";
import type { Value } from "#import/value.js";

export type SampleMode = "nearest" | "linear" | "cubic";

/** Along one axis of the image: the places around a coordinate and their weights, both [a, …, taps]. */
export interface Taps {
  readonly places: Value;
  /** Absent if there is one tap, which is the result. */
  readonly weights: Value | undefined;
}

/** The value in the order of the language, [n, …, c]. */
export function channelsBehind(ctx: Lowering, x: Value): Value {
  return valueOf(ctx.build.arranged(x, channelsLast(x.shape.length)), x.type);
}

/** The taps of coordinates [a, …, 1], in elements from the centre of the first one. Their places may be outside the image. */
export function tapsAt(ctx: Lowering, at: Value, mode: SampleMode): Taps {
  if (mode === "nearest") return { places: map(ctx, "round", at), weights: undefined };
  const first = map(ctx, "floor", at);
  const rest = combine(ctx, "sub", [at, first]);
  const offsets = mode === "linear" ? [0, 1] : [-1, 0, 1, 2];
  const row = valueOf(
    ctx.build.literal(offsets, [...at.shape.slice(0, -1).map(() => 1), offsets.length]),
    int64,
  );
  const one = scalar(ctx, 1);
  const weights = mode === "linear" ? [combine(ctx, "sub", [one, rest]), rest] : cubicWeights(ctx, rest);
  return { places: combine(ctx, "add", [first, row]), weights: joined(ctx, weights, at.shape.length - 1) };
}

/** The weights of the four elements around a point at distance t from the second one (Keys 1981, with a = −0.75). */
function cubicWeights(ctx: Lowering, t: Value): Value[] {
  const a = -0.75;
  const number = (value: number): Value => scalar(ctx, value);
  const add = (left: Value, right: Value): Value => combine(ctx, "add", [left, right]);
  const times = (left: Value, right: Value): Value => combine(ctx, "mul", [left, right]);
  const sub = (left: Value, right: Value): Value => combine(ctx, "sub", [left, right]);
  /** ((a + 2)s − (a + 3))s² + 1, for distances up to 1 from the point. */
  const near = (s: Value): Value =>
    add(times(times(sub(times(number(a + 2), s), number(a + 3)), s), s), number(1));
  /** ((as − 5a)s + 8a)s − 4a, for distances between 1 and 2. */
  const far = (s: Value): Value =>
    sub(times(add(times(sub(times(number(a), s), number(5 * a)), s), number(8 * a)), s), number(4 * a));
  const back = sub(number(1), t);
  return [far(add(t, number(1))), near(t), near(back), far(add(back, number(1)))];
}

/** The numbers clamped to a range. */
export function clipped(ctx: Lowering, x: Value, low: number, high: number): Value {
  return map(ctx, "clip", x, { low, high });
}

/** The taps of all axes combined: places in an image whose axes are merged into one, and the products of the weights, both [a, …, taps]. */
export function crossed(ctx: Lowering, axes: readonly Taps[], sizes: readonly number[]): Taps {
  const spread = (value: Value, axis: number): Value => {
    const taps = value.shape.at(-1) ?? 1;
    return reshaped(ctx, value, [
      ...value.shape.slice(0, -1),
      ...sizes.map((_, at) => (at === axis ? taps : 1)),
    ]);
  };
  const merged = (value: Value): Value => {
    const lead = value.shape.slice(0, value.shape.length - sizes.length);
    return reshaped(ctx, value, [...lead, elements(value.shape.slice(lead.length))]);
  };
  const places = axes
    .map(({ places: own }, axis) => {
      const step = elements(sizes.slice(axis + 1));
      const spreadOut = spread(own, axis);
      return step === 1 ? spreadOut : combine(ctx, "mul", [spreadOut, scalar(ctx, step)]);
    })
    .reduce((sum, one) => combine(ctx, "add", [sum, one]));
  const weights = axes.flatMap(({ weights: own }, axis) => (own ? [spread(own, axis)] : []));
  return {
    places: { ...merged(places), type: int64 },
    weights:
      weights.length === 0
        ? undefined
        : merged(weights.reduce((all, one) => combine(ctx, "mul", [all, one]))),
  };
}

/**
 * The weighted sum of the rows [c] at the places of each point. With `isBatched`, of x [n, length, c] and taps [n, points, taps], for each
 * sample; else of x [length, c]. The result is [n, points, c].
 */
export function weighed(ctx: Lowering, x: Value, taps: Taps, isBatched: boolean): Value {
  const { places, weights } = taps;
  const [n = 1, points = 1, count = 1] = places.shape;
  const rows = rowsAt(ctx, x, places, isBatched);
  if (!weights) return reshaped(ctx, rows, [rows.shape[0] ?? n, points, rows.shape.at(-1) ?? 1]);
  const factors = reshaped(ctx, weights, [n, points, count, 1]);
  return reduced(ctx, "reduce_sum", combine(ctx, "mul", [rows, factors]), [2], false);
}

/** The rows [n, points, taps, c] before the weights are applied. */
export function rowsAt(ctx: Lowering, x: Value, places: Value, isBatched: boolean): Value {
  if (!isBatched) return gathered(ctx, x, places, 0);
  const [n = 1, points = 1, count = 1] = places.shape;
  // All samples read the same places, so their number may be open.
  if (places.ref.kind === "constant" && n === 1)
    return gathered(ctx, x, reshaped(ctx, places, [points, count]), 1);
  return gathered(ctx, x, places, 1, 1);
}

export interface GridOptions {
  readonly mode: SampleMode;
  readonly padding: "zeros" | "border" | "reflection";
  /** Whether ±1 is the centre of the outermost elements, or else their outer edge. */
  readonly alignsCorners: boolean;
}

/**
 * Samples x [n, c, …] at the points of a grid [n, …, axes]: [n, c, …]. Coordinates go from −1 to 1; the last axis of x comes first. As
 * ONNX's GridSample, after Jaderberg et al. 2015.
 */
export function gridSampled(
  ctx: Lowering,
  x: Value,
  grid: Value,
  { mode, padding, alignsCorners }: GridOptions,
): Value {
  const [n = 1, c = 1, ...sizes] = x.shape;
  const points = grid.shape.slice(1, -1);
  const rank = sizes.length;
  const ring = padding === "zeros" ? 1 : 0;
  const image = channelsBehind(ctx, x);
  // The image gets a border of zeros, and places further outside are moved onto it.
  const around = [0, ...sizes.map(() => ring), 0];
  const padded =
    ring === 0
      ? image
      : valueOf(
          ctx.build.emit("pad", [ctx.build.arranged(image)], { before: around, after: around }),
          x.type,
        );
  const full = sizes.map((extent) => extent + 2 * ring);
  const flat = reshaped(ctx, padded, [n, elements(full), c]);
  const columns = reshaped(ctx, grid, [grid.shape[0] ?? 1, elements(points), rank]);
  const axes = sizes.map((extent, axis): Taps => {
    const ends = alignsCorners ? ([0, extent - 1] as const) : ([-0.5, extent - 0.5] as const);
    const column = gridColumn(ctx, columns, rank - 1 - axis);
    const { places, weights } = tapsAt(ctx, denormalized(ctx, column, extent, alignsCorners), mode);
    return { places: inside(ctx, places, padding, extent, ends), weights };
  });
  const result = weighed(ctx, flat, crossed(ctx, axes, full), true);
  const out = reshaped(ctx, result, [n, ...points, c]);
  return channelsSecond(ctx, out);
}

function gridColumn(ctx: Lowering, columns: Value, at: number): Value {
  const [n = 1, points = 1] = columns.shape;
  const ref = ctx.build.emit("slice", [ctx.build.arranged(columns)], {
    begin: [0, 0, at],
    size: [n, points, 1],
  });
  return valueOf(ref);
}

/** Converts coordinates from −1 … 1 to elements. */
function denormalized(ctx: Lowering, at: Value, extent: number, alignsCorners: boolean): Value {
  const shifted = combine(ctx, "add", [at, scalar(ctx, 1)]);
  if (alignsCorners) return combine(ctx, "mul", [shifted, scalar(ctx, (extent - 1) / 2)]);
  const scaled = combine(ctx, "mul", [shifted, scalar(ctx, extent)]);
  return combine(ctx, "mul", [combine(ctx, "sub", [scaled, scalar(ctx, 1)]), scalar(ctx, 0.5)]);
}

type Ends = readonly [low: number, high: number];

/** Moves places outside the image into it. Each tap is moved on its own, so that a curve continues after the last element. */
function inside(
  ctx: Lowering,
  places: Value,
  padding: GridOptions["padding"],
  extent: number,
  ends: Ends,
): Value {
  if (padding === "zeros") return combine(ctx, "add", [clipped(ctx, places, -1, extent), scalar(ctx, 1)]);
  return clipped(ctx, padding === "border" ? places : mirrored(ctx, places, ends), 0, extent - 1);
}

/** Coordinates reflected at both ends, as often as necessary. */
function mirrored(ctx: Lowering, at: Value, [low, high]: Ends): Value {
  const range = high - low;
  if (range === 0) return clipped(ctx, at, low, high);
  const period = scalar(ctx, 2 * range);
  const from = map(ctx, "abs", combine(ctx, "sub", [at, scalar(ctx, low)]));
  const turns = map(ctx, "floor", combine(ctx, "div", [from, period]));
  const within = combine(ctx, "sub", [from, combine(ctx, "mul", [turns, period])]);
  const back = map(ctx, "abs", combine(ctx, "sub", [scalar(ctx, range), within]));
  return combine(ctx, "sub", [scalar(ctx, high), back]);
}

/** [n, …, c] as [n, c, …]; no element moves. */
export function channelsSecond(ctx: Lowering, x: Value): Value {
  const rank = x.shape.length;
  return transposed(ctx, x, [0, rank - 1, ...natural(rank).slice(1, -1)]);
}
