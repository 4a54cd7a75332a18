// Windows over two axes of images and over three axes of volumes.

import { channelsLast, permuted } from "#ir/axis-order.js";
import type { Lowering } from "#import/lowering.js";
import { ordered, weightOf } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import type { Ref, Value } from "#import/value.js";

/** Strides and the like of a window over one or two axes; a window over one axis has height 1. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** `[top, bottom, left, right]`. */
  readonly padding: readonly number[];
}

/** A window along one axis; `before` and `after` are padding. */
export interface Along {
  readonly extent: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

/** The attributes of an op over images. */
export function windowOver([rows, columns]: readonly [Along, Along]): Window {
  return {
    kernel: [rows.kernel, columns.kernel],
    stride: [rows.stride, columns.stride],
    dilation: [rows.dilation, columns.dilation],
    padding: [rows.before, rows.after, columns.before, columns.after],
  };
}

/** A window along an axis that does nothing. */
export const still: Omit<Along, "extent"> = { kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };

/** A convolution of an image; depthwise if each channel is a group. */
export function convolved(
  ctx: Lowering,
  image: Ref,
  weights: readonly Ref[],
  { stride, dilation, padding }: Window,
  groups: number,
): Ref {
  const window = { stride, dilation, padding };
  return groups > 1 && groups === image.shape[3]
    ? ctx.build.emit("depthwise_conv2d", [image, ...weights], window)
    : ctx.build.emit("conv2d", [image, ...weights], { ...window, groups });
}

/**
 * A convolution over three axes as a sum of convolutions over two: for each row of the kernel along the depth, all slices that it covers
 * are images.
 */
export function volumeConvolution(
  ctx: Lowering,
  x: Value,
  w: Value,
  b: Value | undefined,
  [depth, height, width]: readonly Along[],
  groups: number,
): Value {
  if (!depth || !height || !width) refuse("bad-model", "a convolution over three axes without their windows");
  const weight = weightOf(w, "the kernel of Conv over three axes");
  const lying = ctx.build.arranged(x, channelsLast(5));
  const { before, after, kernel, stride, dilation } = depth;
  const padded =
    before + after === 0
      ? lying
      : ctx.build.emit("pad", [lying], { before: [0, before, 0, 0, 0], after: [0, after, 0, 0, 0] });
  const [n = 1, d = 1, h = 1, wide = 1, c = 1] = padded.shape;
  const count = Math.floor((d - ((kernel - 1) * dilation + 1)) / stride) + 1;
  if (count < 1)
    refuse("shape-mismatch", `the kernel [${w.shape.join(", ")}] is larger than [${x.shape.join(", ")}]`);
  const [m = 1, perGroup = 1, , kh = 1, kw = 1] = w.shape;
  let sum: Ref | undefined;
  for (let tap = 0; tap < kernel; tap += 1) {
    const part = ctx.build.emit("slice", [padded], {
      begin: [0, tap * dilation, 0, 0, 0],
      size: [n, count, h, wide, c],
      stride: [1, stride, 1, 1, 1],
    });
    const images = ctx.build.emit("reshape", [part], { shape: [n * count, h, wide, c] });
    const row = ctx.build.emit("slice", [weight], {
      begin: [0, 0, tap, 0, 0],
      size: [m, perGroup, 1, kh, kw],
    });
    const flat = ctx.build.emit("reshape", [row], { shape: [m, perGroup, kh, kw] });
    const own = ctx.build.emit("transpose", [flat], { perm: [2, 3, 1, 0] });
    const bias = b && !sum ? [weightOf(b, "the bias of Conv")] : [];
    const result = convolved(ctx, images, [own, ...bias], windowOver([height, width]), groups);
    sum = sum ? ctx.build.emit("add", [sum, result]) : result;
  }
  const [, hh = 1, ww = 1] = sum?.shape ?? [];
  const result = ctx.build.emit("reshape", [sum ?? padded], { shape: [n, count, hh, ww, m] });
  return ordered(ctx, result, channelsLast(5), x.type);
}

/** A transposed window along one axis: `before` and `after` are cropped from the result, `extra` is added at its end. */
export interface AlongTransposed extends Along {
  readonly extra: number;
}

/** The attributes of a transposed convolution over images. */
export function transposedOver([rows, columns]: readonly [AlongTransposed, AlongTransposed]): Omit<
  Window,
  "kernel"
> & { readonly extra: readonly [number, number] } {
  const { stride, dilation, padding } = windowOver([rows, columns]);
  return { stride, dilation, padding, extra: [rows.extra, columns.extra] };
}

/**
 * A transposed convolution of x [n, c, d, h, w], made of one over images for each row of the kernel along the depth. Output slices with the
 * same remainder of their place divided by the stride are shifted and added; then the sums of all remainders are interleaved. `kernelAt`
 * gives a row [kh, kw, c / groups, m].
 */
export function transposedVolume(
  ctx: Lowering,
  x: Value,
  kernelAt: (tap: number) => Ref,
  [depth, height, width]: readonly AlongTransposed[],
  groups: number,
): Value {
  if (!depth || !height || !width) refuse("bad-model", "a convolution over three axes without their windows");
  const { build } = ctx;
  const { kernel, stride, dilation, before, after, extra } = depth;
  const lying = build.arranged(x, channelsLast(5));
  const [n = 1, d = 1, h = 1, w = 1, c = 1] = lying.shape;
  const images = build.emit("reshape", [lying], { shape: [n * d, h, w, c] });
  const reach = (d - 1) * stride + (kernel - 1) * dilation + 1;
  const size = reach - before - after + extra;
  if (size < 1) refuse("shape-mismatch", `nothing is left of the depth of [${x.shape.join(", ")}]`);
  const turns = Math.ceil(Math.max(reach, before + size) / stride);
  const sums = new Map<number, Ref>();
  for (let tap = 0; tap < kernel; tap += 1) {
    const made = build.emit("conv2d_transpose", [images, kernelAt(tap)], {
      ...transposedOver([height, width]),
      groups,
    });
    const [, hh = 1, ww = 1, m = 1] = made.shape;
    const slices = build.emit("reshape", [made], { shape: [n, d, hh, ww, m] });
    const [shift, remainder] = [Math.floor((tap * dilation) / stride), (tap * dilation) % stride];
    const part = build.emit("pad", [slices], {
      before: [0, shift, 0, 0, 0],
      after: [0, turns - d - shift, 0, 0, 0],
    });
    const sum = sums.get(remainder);
    sums.set(remainder, sum ? build.emit("add", [sum, part]) : part);
  }
  const [, , hh = 1, ww = 1, m = 1] = sums.get(0)?.shape ?? [];
  const remainders = [...sums.keys()].sort((a, b) => a - b);
  const parts = remainders.map((remainder, at) => {
    const own = build.emit("reshape", [sums.get(remainder) ?? images], { shape: [n, turns, 1, hh, ww, m] });
    // Places that no row of the kernel reaches.
    const gap = (remainders[at + 1] ?? stride) - remainder - 1;
    const around = [0, 0, 0, 0, 0, 0];
    return gap === 0 ? own : build.emit("pad", [own], { before: around, after: around.with(2, gap) });
  });
  const inTurn = parts.length === 1 ? parts[0] : build.emit("concat", parts, { axis: 2 });
  const all = build.emit("reshape", [inTurn ?? images], { shape: [n, turns * stride, hh, ww, m] });
  const result = build.emit("slice", [all], { begin: [0, before, 0, 0, 0], size: [n, size, hh, ww, m] });
  return ordered(ctx, result, channelsLast(5), x.type);
}

export type PoolOp = "max_pool" | "avg_pool";

/** A pool; `isCeil` keeps a last, incomplete window, `counts` includes the padding in the mean. */
export interface PoolKind {
  readonly op: PoolOp;
  readonly isCeil: boolean;
  readonly counts: boolean;
}

/** A pool over the rows and columns of an image. */
export function pooled(
  ctx: Lowering,
  given: Ref,
  along: readonly [Along, Along],
  { op, isCeil, counts }: PoolKind,
): Ref {
  const window = windowOver(along);
  const [rows, columns] = along;
  const more = isCeil ? ([missing(rows), missing(columns)] as const) : ([0, 0] as const);
  const padding = [rows.before, rows.after + more[0], columns.before, columns.after + more[1]];
  if (op === "max_pool") return ctx.build.emit(op, [given], { ...window, padding });
  if (!counts || (more[0] === 0 && more[1] === 0))
    return ctx.build.emit(op, [given], { ...window, padding, count_include_pad: counts });
  // The padding itself counts; the elements that ceil_mode adds at the end do not.
  const [before, after] = [
    [0, rows.before, columns.before, 0],
    [0, rows.after, columns.after, 0],
  ];
  const image = ctx.build.emit("pad", [given], { before, after });
  return ctx.build.emit(op, [image], {
    ...window,
    padding: [0, more[0], 0, more[1]],
    count_include_pad: false,
  });
}

/** The window with the padding at its end that `ceil_mode` adds. */
export function whole(along: Along): Along {
  return { ...along, after: along.after + missing(along) };
}

/** The padding at the end that completes the last window of `ceil_mode`. A window must begin before the padding at the end. */
function missing({ extent, kernel, stride, dilation, before, after }: Along): number {
  const room = extent + before + after - ((kernel - 1) * dilation + 1);
  let outputs = Math.ceil(room / stride) + 1;
  if ((outputs - 1) * stride >= extent + before) outputs -= 1;
  return Math.max(0, (outputs - 1) * stride - room);
}

/**
 * A pool over three axes as one over depth and height, where width and channels are the channels, and then one over width. The greatest is
 * the greatest of the greatest; the mean is the mean of the means, because each row of a window has the same number of elements that count.
 */
export function volumePool(
  ctx: Lowering,
  x: Value,
  [depth, height, width]: readonly Along[],
  kind: PoolKind,
): Value {
  if (!depth || !height || !width) refuse("bad-model", "a pool over three axes without their windows");
  const [n = 1, d = 1, h = 1, w = 1, c = 1] = permuted(x.shape, channelsLast(5));
  const lying = ctx.build.arranged(x, channelsLast(5));
  const rows = ctx.build.emit("reshape", [lying], { shape: [n, d, h, w * c] });
  const first = pooled(ctx, rows, [depth, height], kind);
  const [, dd = 1, hh = 1] = first.shape;
  const columns = ctx.build.emit("reshape", [first], { shape: [n, dd * hh, w, c] });
  const second = pooled(ctx, columns, [{ ...still, extent: dd * hh }, width], kind);
  const result = ctx.build.emit("reshape", [second], { shape: [n, dd, hh, second.shape[2] ?? 1, c] });
  return ordered(ctx, result, channelsLast(5), x.type);
}
