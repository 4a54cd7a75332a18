// Windows over images as TensorFlow has them: channels last or first, padding SAME or VALID.

import type { OpName } from "#ir/graph.js";
import type { Lowering } from "#import/lowering.js";
import { ordered } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import { reshaped, transposed } from "#import/operators/reshape.js";
import type { Along } from "#import/operators/windows.js";
import type { Ref, Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";

/** A window; sizes are height and width. */
export interface Window {
  readonly stride: readonly number[];
  readonly dilation?: readonly number[];
  /** `same`, `valid`, or [top, bottom, left, right]. */
  readonly padding: string | readonly number[];
}

/** Applies `make` to the image [n, h, w, c] of a value with four axes, and returns the result in the order of the value. */
export function withImage(
  ctx: Lowering,
  x: Value,
  isChannelsFirst: boolean,
  make: (image: Value) => Value,
): Value {
  if (x.shape.length !== 4) refuse("shape-mismatch", `an image has four axes, not [${x.shape.join(", ")}]`);
  if (!isChannelsFirst) return make(x);
  return transposed(ctx, make(transposed(ctx, x, [0, 2, 3, 1])), [0, 3, 1, 2]);
}

/** The value of an op's result, channels last. */
function emitted(
  ctx: Lowering,
  op: OpName,
  x: Value,
  refs: readonly Ref[],
  attributes: Parameters<Lowering["build"]["emit"]>[2],
): Value {
  const ref = ctx.build.emit(op, [ctx.build.arranged(x), ...refs], attributes);
  return ordered(ctx, ref, natural(4), x.type);
}

/** A convolution with a kernel [kh, kw, c / groups, filters]. */
export function convolution(
  ctx: Lowering,
  x: Value,
  kernel: Ref,
  bias: readonly Ref[],
  window: Window,
): Value {
  const [kh = 1, kw = 1, perGroup = 1, filters = 1] = kernel.shape;
  const depth = x.shape[3] ?? 1;
  const groups = depth / perGroup;
  if (kernel.shape.length !== 4 || !Number.isInteger(groups) || filters % groups !== 0)
    refuse(
      "shape-mismatch",
      `the kernel [${kernel.shape.join(", ")}] does not fit the ${depth} channels of [${x.shape.join(", ")}]`,
    );
  return emitted(ctx, "conv2d", x, [kernel, ...bias], { ...numbersOfWindow(x, [kh, kw], window), groups });
}

/** A depthwise convolution with a kernel [kh, kw, c, multiplier]. */
export function depthwise(ctx: Lowering, x: Value, kernel: Ref, bias: readonly Ref[], window: Window): Value {
  const [kh = 1, kw = 1, c = 1, multiplier = 1] = kernel.shape;
  if (kernel.shape.length !== 4 || c !== x.shape[3])
    refuse("shape-mismatch", `the kernel [${kernel.shape.join(", ")}] does not fit [${x.shape.join(", ")}]`);
  const flat = ctx.build.emit("reshape", [kernel], { shape: [kh, kw, 1, c * multiplier] });
  return emitted(ctx, "depthwise_conv2d", x, [flat, ...bias], numbersOfWindow(x, [kh, kw], window));
}

/** The greatest or the mean of each window; padding does not count. */
export function pool(
  ctx: Lowering,
  op: "max_pool" | "avg_pool",
  x: Value,
  kernel: readonly number[],
  window: Window,
): Value {
  return emitted(ctx, op, x, [], { kernel, ...numbersOfWindow(x, kernel, window) });
}

/**
 * A transposed convolution with a kernel [kh, kw, filters, c]. `size` is the size of the result. The padding follows from it: it is the
 * padding of the convolution that maps an image of that size to x.
 */
export function transposedConvolution(
  ctx: Lowering,
  x: Value,
  kernel: Ref,
  bias: readonly Ref[],
  { stride, dilation = [1, 1], size }: Omit<Window, "padding"> & { readonly size: readonly number[] },
): Value {
  if (kernel.shape.length !== 4 || kernel.shape[3] !== x.shape[3])
    refuse("shape-mismatch", `the kernel [${kernel.shape.join(", ")}] does not fit [${x.shape.join(", ")}]`);
  const turned = ctx.build.emit("transpose", [kernel], { perm: [0, 1, 3, 2] });
  const extra: number[] = [0, 0];
  const padding = [0, 1].flatMap((axis) => {
    const reach = ((kernel.shape[axis] ?? 1) - 1) * (dilation[axis] ?? 1) + 1;
    const full = ((x.shape[axis + 1] ?? 1) - 1) * (stride[axis] ?? 1) + reach;
    const total = full - (size[axis] ?? 1);
    // The requested result is larger than what the kernel reaches, so the last rows hold only the bias.
    if (total < 0) extra[axis] = -total;
    return total <= 0 ? [0, 0] : [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  return emitted(ctx, "conv2d_transpose", x, [turned, ...bias], { stride, dilation, padding, extra });
}

/** Resizes height and width. */
export function resized(
  ctx: Lowering,
  x: Value,
  size: readonly number[],
  {
    method,
    isCornerAligned = false,
    isHalfPixel = false,
  }: {
    readonly method: "nearest" | "bilinear";
    readonly isCornerAligned?: boolean;
    readonly isHalfPixel?: boolean;
  },
): Value {
  if (!size.every((extent) => extent >= 1 && extent <= 65_536))
    refuse("bad-model", `a resize to [${size.join(", ")}]`);
  const coordinates = isCornerAligned ? "align_corners" : isHalfPixel ? "half_pixel" : "asymmetric";
  // Half-pixel nearest takes ⌊(i + ½) · in/out⌋, which is the half-pixel coordinate rounded up at ½.
  const rounding = coordinates === "asymmetric" ? "always_down" : "half_up";
  const attributes = { size, method, coordinates, ...(method === "nearest" ? { rounding } : {}) };
  return emitted(ctx, "resize", x, [], attributes);
}

/** [n, h, w, b · b · c] → [n, h · b, w · b, c]. */
export function depthToSpace(ctx: Lowering, x: Value, block: number): Value {
  const [n = 1, h = 1, w = 1, c = 1] = x.shape;
  if (!(block >= 1) || c % block ** 2 !== 0)
    refuse("shape-mismatch", `${c} channels are not a multiple of ${block}²`);
  const rest = c / block ** 2;
  const split = reshaped(ctx, x, [n, h, w, block, block, rest]);
  return reshaped(ctx, transposed(ctx, split, [0, 1, 3, 2, 4, 5]), [n, h * block, w * block, rest]);
}

/** [n, h · b, w · b, c] → [n, h, w, b · b · c]. */
export function spaceToDepth(ctx: Lowering, x: Value, block: number): Value {
  const [n = 1, h = 1, w = 1, c = 1] = x.shape;
  if (!(block >= 1) || h % block !== 0 || w % block !== 0)
    refuse("shape-mismatch", `${h}x${w} is not a multiple of ${block}`);
  const split = reshaped(ctx, x, [n, h / block, block, w / block, block, c]);
  return reshaped(ctx, transposed(ctx, split, [0, 1, 3, 2, 4, 5]), [n, h / block, w / block, c * block ** 2]);
}

/** The attributes of a window over an image [n, h, w, c]; padding is [top, bottom, left, right]. */
export function numbersOfWindow(
  x: Value,
  kernel: readonly number[],
  { stride, dilation = [1, 1], padding }: Window,
): { stride: readonly number[]; dilation: readonly number[]; padding: readonly number[] } {
  for (const numbers of [kernel, stride, dilation])
    if (numbers.length !== 2 || !numbers.every((number) => number >= 1 && number < 2 ** 31))
      refuse("bad-model", `the kernel, stride or dilation of a window cannot be [${numbers.join(", ")}]`);
  if (typeof padding !== "string") {
    if (padding.length !== 4 || !padding.every((number) => number >= 0 && number < 2 ** 31))
      refuse("bad-model", `the padding cannot be [${padding.join(", ")}]`);
    return { stride, dilation, padding };
  }
  const name = padding.toLowerCase();
  if (name === "valid") return { stride, dilation, padding: [0, 0, 0, 0] };
  if (name !== "same") refuse("bad-model", `the padding \`${name.slice(0, 20)}\``);
  // TensorFlow's SAME: ⌈extent / stride⌉ windows, with the odd row of padding at the end.
  const along = (axis: 0 | 1): number[] => {
    const [extent, step] = [x.shape[axis + 1] ?? 1, stride[axis] ?? 1];
    const reach = ((kernel[axis] ?? 1) - 1) * (dilation[axis] ?? 1) + 1;
    const total = Math.max(0, (Math.ceil(extent / step) - 1) * step + reach - extent);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  return { stride, dilation, padding: [...along(0), ...along(1)] };
}

/** The window along each of any number of axes; padding is `same` or `valid`. */
export function windowsAlong(
  extents: readonly number[],
  kernel: readonly number[],
  {
    stride,
    dilation = [],
    padding,
  }: { readonly stride: readonly number[]; readonly dilation?: readonly number[]; readonly padding: string },
): Along[] {
  const name = padding.toLowerCase();
  if (name !== "same" && name !== "valid") refuse("bad-model", "the padding is neither same nor valid");
  return extents.map((extent, axis) => {
    const [own, step, distance] = [kernel[axis] ?? 0, stride[axis] ?? 0, dilation[axis] ?? 1];
    const isWindow = [own, step, distance].every((one) => one >= 1 && one < 2 ** 31);
    if (!isWindow) refuse("bad-model", `a window has the size ${own} and the stride ${step}`);
    const reach = (own - 1) * distance + 1;
    const total = name === "same" ? Math.max(0, (Math.ceil(extent / step) - 1) * step + reach - extent) : 0;
    const before = Math.floor(total / 2);
    return { extent, kernel: own, stride: step, dilation: distance, before, after: total - before };
  });
}
