// Resize and Upsample in all their coordinate modes. Our own op `resize` is used where it computes the same. Other modes become a product
// with a matrix for each axis, which holds the weights of the input elements.

import { greatest, least } from "#diagnostic/extremes.js";
import { elements } from "#ir/type.js";
import type { Resampling } from "#ops/resize.js";
import { coordinateModes, resizeTaps, roundings } from "#ops/resize.js";
import { batchAxis, mixed, powersIn } from "#import/batch.js";
import { combine } from "#import/operators/broadcast.js";
import { axisOf, knownNumbers, numbersOf, ordered, valueOf } from "#import/lowering.js";
import { timesMatrix } from "#import/operators/product.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { channelsLast, natural } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** How one axis is resized. */
interface Axis {
  readonly input: number;
  readonly output: number;
  /** The number of result elements per input element as the model gives it, an f32; undefined where it is `output / input`. */
  readonly scale: number | undefined;
  /** The part of the axis that `tf_crop_and_resize` takes, in 0 … 1. */
  readonly start: number;
  readonly end: number;
}

interface Mode {
  readonly method: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  readonly extrapolation: number;
}

/** How one element of the result is computed: the weights of elements of the input, and a constant. */
interface Row {
  readonly taps: ReadonlyMap<number, number>;
  readonly constant: number;
}

/** The most elements of a matrix. */
const matrixLimit = 2 ** 22;

const { fround } = Math;

/** The longest axis that is resized. */
const axisLimit = 65_536;

function resize(node: OnnxNode, ctx: Context): Value {
  const isOld = node.op === "Upsample" || node.opset < 11;
  const mode: Mode = {
    method: node.text("mode", "nearest"),
    coordinates: isOld ? "asymmetric" : node.text("coordinate_transformation_mode", "half_pixel"),
    // Opset 10 does not say which neighbour is taken; onnxruntime takes the one above where an axis shrinks.
    nearest: isOld ? "simple" : node.text("nearest_mode", "round_prefer_floor"),
    cubic: node.float("cubic_coeff_a", -0.75),
    excludeOutside: node.int("exclude_outside", 0) === 1,
    antialias: node.int("antialias", 0) === 1,
    extrapolation: node.float("extrapolation_value", 0),
  };
  const x = node.input(0);
  const axes = axesOf(node, ctx, x, isOld);
  const image = asImage(ctx, x, axes, mode);
  if (image) return image;
  let result = x;
  for (const [at, axis] of axes.entries()) result = resizeAxis(ctx, result, at, axis, mode);
  return result;
}

function axesOf(node: OnnxNode, ctx: Context, x: Value, isOld: boolean): Axis[] {
  const rank = x.shape.length;
  const list = (at: number, what: string): readonly number[] | undefined => {
    const value = node.optional(at);
    if (!value || elements(value.shape) === 0) return undefined;
    return numbersOf(value, what);
  };
  const which = node.ints("axes")?.map((axis) => axisOf(axis, rank)) ?? natural(rank);
  const scales =
    node.op === "Upsample" && node.opset < 9
      ? (node.floats("scales") ?? [])
      : list(isOld ? 1 : 2, "the scales of Resize");
  const sizesOperand = isOld ? undefined : node.optional(3);
  const hasSizes = sizesOperand !== undefined && elements(sizesOperand.shape) > 0;
  const sizes = hasSizes ? knownNumbers(sizesOperand, "the sizes of Resize") : undefined;
  const perBatch = hasSizes ? powersIn(sizesOperand) : [];
  // Older exporters write arbitrary values here if the mode does not use them.
  const isCrop = !isOld && node.text("coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize";
  const crop = isCrop ? list(1, "the region of Resize") : undefined;
  const given = sizes ?? scales;
  if (!given || given.length !== which.length)
    refuse("bad-model", `Resize has ${given?.length ?? 0} scales or sizes for ${which.length} axes`);
  const policy = node.text("keep_aspect_ratio_policy", "stretch");
  const batch = batchAxis(ctx, x);
  for (const [at, axis] of which.entries()) {
    const isSame = sizes ? perBatch[at] === 1 && given[at] === 1 : given[at] === 1;
    if (axis === batch && !isSame) mixed(ctx, "it resizes the batch");
    if (axis !== batch && perBatch[at]) mixed(ctx, "it resizes by the size of the batch");
  }
  const moved = natural(which.length).filter((at) => which[at] !== batch);
  const ratios = moved.map((at) => fround((given[at] ?? 1) / (x.shape[which[at] ?? 0] ?? 1)));
  const common =
    sizes && policy === "not_larger"
      ? least(ratios)
      : sizes && policy === "not_smaller"
        ? greatest(ratios)
        : undefined;
  return x.shape.map((input, axis): Axis => {
    const at = which.indexOf(axis);
    if (at < 0 || axis === batch) return { input, output: input, scale: 1, start: 0, end: 1 };
    const [start, end] = crop ? [crop[at] ?? 0, crop[at + which.length] ?? 1] : [0, 1];
    const wanted = given[at] ?? 1;
    const axisScale = sizes ? common : wanted;
    // Sizes are products in f32, as in the model: in f32 10 · 0.7 is 7, while without rounding it is 6.99999988.
    const size = (scale: number): number => fround(fround(scale * fround(end - start)) * input);
    const output =
      sizes && common === undefined
        ? wanted
        : sizes
          ? Math.round(fround((common ?? 1) * input))
          : Math.floor(size(wanted));
    if (!Number.isInteger(output) || output < 1 || (output !== input && output > axisLimit))
      refuse("shape-mismatch", `Resize makes ${output} of the ${input} elements of axis ${axis}`);
    return { input, output, scale: axisScale, start, end };
  });
}

/** The result of our own op, if it takes the same neighbours with the same weights. */
function asImage(ctx: Context, x: Value, axes: readonly Axis[], mode: Mode): Value | undefined {
  const method = mode.method === "nearest" ? "nearest" : mode.method === "linear" ? "bilinear" : undefined;
  const rank = x.shape.length;
  const stays = axes.slice(0, 2).every(({ input, output }) => input === output);
  if (!method || !stays || mode.antialias || (rank !== 3 && rank !== 4)) return undefined;
  const [height, width] = rank === 4 ? axes.slice(2) : [undefined, axes[2]];
  if (!width) return undefined;
  const moved = [height, width].filter((axis) => axis !== undefined);
  const wanted = moved.map((axis) => rowsOf(axis, mode));
  for (const coordinates of coordinateModes) {
    for (const rounding of method === "nearest" ? roundings : (["auto"] as const)) {
      const resampling = { method, coordinates, rounding } as const;
      if (!moved.every((axis, at) => isSame(axis, wanted[at] ?? [], resampling))) continue;
      const order = channelsLast(rank);
      const ref = ctx.build.arranged(x, order);
      const [n = 1, l = 1, c = 1] = ref.shape;
      const image = rank === 4 ? ref : ctx.build.emit("reshape", [ref], { shape: [n, 1, l, c] });
      const size = [height?.output ?? 1, width.output];
      const result = ctx.build.emit("resize", [image], { size, ...resampling });
      const back = rank === 4 ? result : ctx.build.emit("reshape", [result], { shape: [n, width.output, c] });
      return ordered(ctx, back, order, x.type);
    }
  }
  return undefined;
}

function isSame(axis: Axis, rows: readonly Row[], resampling: Resampling): boolean {
  const taps = resizeTaps(axis.input, axis.output, resampling);
  return taps.every(({ low, high, share }, at) => {
    const row = rows[at];
    if (!row || row.constant !== 0) return false;
    const own = new Map<number, number>([[low, 1 - share]]);
    own.set(high, (own.get(high) ?? 0) + share);
    const all = new Set([...own.keys(), ...row.taps.keys()]);
    return [...all].every((place) => Math.abs((own.get(place) ?? 0) - (row.taps.get(place) ?? 0)) < 1e-6);
  });
}

/** Resizes one axis by a product with the matrix of its weights. */
function resizeAxis(ctx: Context, x: Value, at: number, axis: Axis, mode: Mode): Value {
  const rows = rowsOf(axis, mode);
  const isIdentity =
    axis.input === axis.output &&
    rows.every((row, k) => row.constant === 0 && row.taps.get(k) === 1 && row.taps.size === 1);
  if (isIdentity) return x;
  if (axis.input * axis.output > matrixLimit)
    unsupported(
      `Resize of ${axis.input} to ${axis.output} elements with mode=${mode.method} and coordinates ${mode.coordinates}`,
    );
  const shares = new Float64Array(axis.output * axis.input);
  for (const [row, { taps }] of rows.entries())
    for (const [place, share] of taps) shares[row * axis.input + place] = share;
  const result = timesMatrix(ctx, x, at, shares, axis.output);
  if (rows.every(({ constant }) => constant === 0)) return result;
  const constants = ctx.build.literal(
    rows.map(({ constant }) => constant),
    x.shape.map((_, other) => (other === at ? axis.output : 1)),
  );
  return combine(ctx, "add", [result, valueOf(constants)]);
}

/** The weights of every element of the result. */
function rowsOf(axis: Axis, mode: Mode): Row[] {
  return natural(axis.output).map((index) => rowOf(axis, index, mode));
}

function rowOf(axis: Axis, index: number, mode: Mode): Row {
  const isWhole = axis.start === 0 && axis.end === 1;
  if (axis.input === axis.output && (axis.scale === undefined || axis.scale === 1) && isWhole)
    return { taps: new Map([[index, 1]]), constant: 0 };
  const place = placeOf(axis, index, mode);
  const last = axis.input - 1;
  if (mode.coordinates === "tf_crop_and_resize" && (place < 0 || place > last))
    return { taps: new Map(), constant: mode.extrapolation };
  const shares = sharesAt(place, axis, mode);
  const taps = new Map<number, number>();
  let total = 0;
  for (const [at, share] of shares) {
    const isInside = at >= 0 && at <= last;
    if (mode.excludeOutside && !isInside) continue;
    const near = Math.min(Math.max(at, 0), last);
    taps.set(near, (taps.get(near) ?? 0) + share);
    total += share;
  }
  if (mode.excludeOutside || mode.antialias) for (const [at, share] of taps) taps.set(at, share / total);
  for (const [at, share] of taps) if (share === 0) taps.delete(at);
  return { taps, constant: 0 };
}

/**
 * The coordinate in the input of an element of the result. The nearest neighbour jumps where the coordinate passes the middle, so for that
 * method the coordinate is computed in f32, as runtimes do. For the other methods, the exact ratio of the sizes is used if sizes are given,
 * or if the scale is their ratio.
 */
function placeOf(axis: Axis, index: number, { method, coordinates }: Mode): number {
  const { input, output, start, end } = axis;
  const isOwnRatio = axis.scale === undefined || fround(output / input) === axis.scale;
  const isExact = axis.scale === undefined || method !== "nearest";
  const f = isExact ? (value: number): number => value : fround;
  /** Maps a coordinate of the result, counted from its left side, to the input. */
  const back = (at: number): number =>
    isExact && isOwnRatio ? (at * input) / output : f(at / (axis.scale ?? output / input));
  switch (coordinates) {
    case "half_pixel":
      return f(back(index + 0.5) - 0.5);
    case "half_pixel_symmetric": {
      const whole = f((axis.scale ?? output / input) * input);
      const offset = f(f(input / 2) * f(1 - f(output / whole)));
      return f(offset + (index + 0.5) / (axis.scale ?? output / input) - 0.5);
    }
    case "pytorch_half_pixel":
      return output > 1 ? f(back(index + 0.5) - 0.5) : 0;
    case "align_corners":
      return output > 1 ? f(f(index * (input - 1)) / (output - 1)) : 0;
    case "asymmetric":
      return back(index);
    case "tf_half_pixel_for_nn":
      return back(index + 0.5);
    case "tf_crop_and_resize":
      return output > 1
        ? start * (input - 1) + (index * (end - start) * (input - 1)) / (output - 1)
        : 0.5 * (start + end) * (input - 1);
    default:
      return refuse("bad-model", `Resize has the unknown coordinate_transformation_mode ${coordinates}`);
  }
}

/** The weights of the neighbours of a coordinate; they may be outside the input. */
function sharesAt(
  place: number,
  { input, output, scale = output / input }: Axis,
  mode: Mode,
): [number, number][] {
  // Where an image shrinks, antialiasing widens the filter.
  const spread = mode.antialias && scale < 1 ? scale : 1;
  const spanned = (radius: number, weight: (distance: number) => number): [number, number][] => {
    const reach = radius / spread;
    const result: [number, number][] = [];
    for (let at = Math.floor(place - reach) + 1; at < place + reach; at += 1)
      result.push([at, weight(Math.abs(at - place) * spread)]);
    return result;
  };
  switch (mode.method) {
    case "nearest":
      return [[nearest(place, mode.nearest === "simple" ? (scale < 1 ? "ceil" : "floor") : mode.nearest), 1]];
    case "linear":
      return spanned(1, (distance) => Math.max(0, 1 - distance));
    case "cubic":
      return spanned(2, (distance) => cubic(distance, mode.cubic));
    default:
      return refuse("bad-model", `Resize has the unknown mode ${mode.method}`);
  }
}

/**
 * A coordinate this near to the middle between two elements counts as the middle, since f32 is no more exact. onnxruntime has the same
 * tolerance.
 */
const nearMiddle = 1e-6;

function nearest(place: number, mode: string): number {
  switch (mode) {
    case "round_prefer_floor":
      return Math.ceil(place - 0.5 - nearMiddle);
    case "round_prefer_ceil":
      return Math.floor(place + 0.5 + nearMiddle);
    case "floor":
      return Math.floor(place);
    case "ceil":
      return Math.ceil(place);
    default:
      return refuse("bad-model", `Resize has the unknown nearest_mode ${mode}`);
  }
}

/** Keys, "Cubic convolution interpolation for digital image processing", 1981. */
function cubic(distance: number, a: number): number {
  const x = distance;
  if (x <= 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  return x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
}

export const resizes: OperatorTable = { Resize: resize, Upsample: resize };
