// Convolutions, and what the windows of all operators have in common: layouts, automatic padding, one-dimensional windows.

import { ordered } from "#import/lowering.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Ref, Value } from "#import/value.js";
import { channelsLast, sameOrder } from "#ir/axis-order.js";
import { computedConvolution } from "#import/operators/computed-convolution.js";
import { combine } from "#import/operators/broadcast.js";
import { reshaped } from "#import/operators/reshape.js";
import type { Along, AlongTransposed } from "#import/operators/windows.js";
import {
  convolved,
  still,
  transposedOver,
  transposedVolume,
  volumeConvolution,
  windowOver,
} from "#import/operators/windows.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** The image `[n, h, w, c]` of a value `[n, c, l]` or `[n, c, h, w]`. */
export function imageOf(ctx: Context, x: Value, what: string): Ref {
  const rank = x.shape.length;
  if (rank !== 3 && rank !== 4)
    unsupported(`${what} over ${rank - 2} axes`, "one- and two-dimensional ones are supported");
  const ref = ctx.build.arranged(x, channelsLast(rank));
  const [n = 1, l = 1, c = 1] = ref.shape;
  return rank === 4 ? ref : ctx.build.emit("reshape", [ref], { shape: [n, 1, l, c] });
}

/** The value of an image, with the rank of `x`. */
export function valueOfImage(ctx: Context, image: Ref, x: Value): Value {
  const rank = x.shape.length;
  const [n = 1, , w = 1, c = 1] = image.shape;
  const ref = rank === 4 ? image : ctx.build.emit("reshape", [image], { shape: [n, w, c] });
  return ordered(ctx, ref, channelsLast(rank), x.type);
}

function conv(node: OnnxNode, ctx: Context): Value {
  const [x, w, b] = [node.input(0), node.input(1), node.optional(2)];
  const groups = node.int("group", 1);
  const [, depth = 1] = x.shape;
  const [filters = 1, perGroup = 1] = w.shape;
  if (x.shape.length < 3 || w.shape.length !== x.shape.length)
    refuse("shape-mismatch", `the kernel [${w.shape.join(", ")}] does not fit [${x.shape.join(", ")}]`);
  if (!(groups >= 1) || perGroup * groups !== depth || filters % groups !== 0)
    refuse(
      "shape-mismatch",
      `the kernel [${w.shape.join(", ")}] with group=${groups} does not fit the ${depth} channels of [${x.shape.join(", ")}]`,
    );
  checkKernelShape(node, w);
  const along = windowAlong(node, x.shape.slice(2), w.shape.slice(2));
  if (along.length === 3) return volumeConvolution(ctx, x, w, b, along, groups);
  const image = imageOf(ctx, x, "Conv");
  const window = [along.at(-2) ?? { ...still, extent: 1 }, along.at(-1) ?? { ...still, extent: 1 }] as const;
  const kernel = kernelOf(ctx, w);
  const isFixed = kernel.kind === "constant";
  const own = isFixed && b?.ref.kind === "constant" ? [b.ref] : [];
  const result = isFixed
    ? convolved(ctx, image, [kernel, ...own], windowOver(window), groups)
    : computedConvolution(ctx, image, kernel, window, groups);
  const isShifted = b && own.length === 0;
  return valueOfImage(ctx, isShifted ? ctx.build.emit("add", [result, ctx.build.arranged(b)]) : result, x);
}

/** Refuses a `kernel_shape` that contradicts the shape of the weight. */
function checkKernelShape(node: OnnxNode, w: Value): void {
  const given = node.ints("kernel_shape");
  if (given && given.length > 0 && !sameOrder(given, w.shape.slice(2)))
    refuse("bad-model", `kernel_shape is [${given.join(", ")}], but the kernel is [${w.shape.join(", ")}]`);
}

/** `[m, c/g, kh, kw]` → `[kh, kw, c/g, m]`. */
function kernelOf(ctx: Context, w: Value): Ref {
  const [m = 1, c = 1, l = 1] = w.shape;
  if (w.shape.length === 4) return ctx.build.arranged(w, [2, 3, 1, 0]);
  return ctx.build.emit("reshape", [ctx.build.arranged(w, [2, 1, 0])], { shape: [1, l, c, m] });
}

/** The window of an operator along each of its axes; `input` has their extents. */
export function windowAlong(node: OnnxNode, input: readonly number[], kernel: readonly number[]): Along[] {
  const axes = input.length;
  const list = (name: string): readonly number[] => {
    const values = node.ints(name) ?? [];
    if (values.length !== 0 && values.length !== axes)
      refuse("bad-model", `\`${name}\` has ${values.length} numbers instead of ${axes}`);
    if (!values.every((value) => value >= 1 && value < 2 ** 31))
      refuse("bad-model", `\`${name}\` is [${values.join(", ")}]`);
    return values;
  };
  const [strides, dilations] = [list("strides"), list("dilations")];
  const automatic = node.text("auto_pad", "NOTSET");
  if (!["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(automatic))
    refuse("bad-model", `auto_pad is \`${automatic}\``);
  const pads = node.ints("pads") ?? new Array<number>(2 * axes).fill(0);
  if (automatic === "NOTSET" && (pads.length !== 2 * axes || !pads.every((pad) => pad >= 0 && pad < 2 ** 31)))
    refuse("bad-model", `\`pads\` is [${pads.join(", ")}]; ${2 * axes} whole numbers from 0 up are expected`);
  return input.map((extent, axis) => {
    const own = {
      extent,
      kernel: kernel[axis] ?? 1,
      stride: strides[axis] ?? 1,
      dilation: dilations[axis] ?? 1,
    };
    if (automatic === "NOTSET") return { ...own, before: pads[axis] ?? 0, after: pads[axes + axis] ?? 0 };
    if (automatic === "VALID") return { ...own, before: 0, after: 0 };
    const reach = (own.kernel - 1) * own.dilation + 1;
    const total = Math.max(0, (Math.ceil(extent / own.stride) - 1) * own.stride + reach - extent);
    const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)];
    return automatic === "SAME_UPPER"
      ? { ...own, before: less, after: more }
      : { ...own, before: more, after: less };
  });
}

function convTranspose(node: OnnxNode, ctx: Context): Value {
  const [x, w, b] = [node.input(0), node.input(1), node.optional(2)];
  const groups = node.int("group", 1);
  if (x.shape.length < 3 || w.shape.length !== x.shape.length)
    refuse("shape-mismatch", `the kernel [${w.shape.join(", ")}] does not fit [${x.shape.join(", ")}]`);
  checkKernelShape(node, w);
  const [all = 1, m = 1, ...sizes] = w.shape;
  if (!(groups >= 1) || all % groups !== 0 || all !== x.shape[1])
    refuse("shape-mismatch", `${groups} groups of ${all} channels do not fit [${x.shape.join(", ")}]`);
  const along = transposedAlong(node, x.shape.slice(2), sizes);
  const ref = ctx.build.arranged(w);
  if (along.length === 3) {
    const [, kh = 1, kw = 1] = sizes;
    const kernelAt = (tap: number): Ref => {
      const row = ctx.build.emit("slice", [ref], { begin: [0, 0, tap, 0, 0], size: [all, m, 1, kh, kw] });
      return transposedKernel(ctx, row, [kh, kw], groups);
    };
    const result = transposedVolume(ctx, x, kernelAt, along, groups);
    return b ? combine(ctx, "add", [result, reshaped(ctx, b, [...b.shape, 1, 1, 1])]) : result;
  }
  const image = imageOf(ctx, x, "ConvTranspose");
  const kernel = transposedKernel(ctx, ref, sizes.length === 1 ? [1, ...sizes] : sizes, groups);
  const none = { ...still, extent: 1, extra: 0 };
  const window = transposedOver([along.at(-2) ?? none, along.at(-1) ?? none]);
  const bias = b?.ref.kind === "constant" ? [b.ref] : [];
  const result = ctx.build.emit("conv2d_transpose", [image, kernel, ...bias], { ...window, groups });
  const isShifted = b && bias.length === 0;
  return valueOfImage(ctx, isShifted ? ctx.build.emit("add", [result, ctx.build.arranged(b)]) : result, x);
}

/** [g · c, m, …] → [kh, kw, c, g · m], with c and m per group. */
function transposedKernel(ctx: Context, ref: Ref, sizes: readonly number[], groups: number): Ref {
  const [all = 1, m = 1] = ref.shape;
  const split = ctx.build.emit("reshape", [ref], { shape: [groups, all / groups, m, ...sizes] });
  const turned = ctx.build.emit("transpose", [split], { perm: [3, 4, 1, 0, 2] });
  return ctx.build.emit("reshape", [turned], { shape: [...sizes, all / groups, groups * m] });
}

/** The window along each axis. `output_shape` or `auto_pad` determine how much is cropped to get the requested size. */
function transposedAlong(
  node: OnnxNode,
  input: readonly number[],
  kernel: readonly number[],
): AlongTransposed[] {
  const axes = input.length;
  const automatic = node.text("auto_pad", "NOTSET");
  const own: OnnxNode = {
    ...node,
    text: (name, otherwise) => (name === "auto_pad" ? "NOTSET" : node.text(name, otherwise)),
  };
  const given = node.ints("output_padding") ?? new Array<number>(axes).fill(0);
  if (given.length !== axes || !given.every((pad) => pad >= 0 && pad < 2 ** 31))
    refuse("bad-model", `\`output_padding\` is [${given.join(", ")}]`);
  const shape = node.ints("output_shape");
  const wanted = shape?.slice(-axes) ?? [];
  return windowAlong(own, input, kernel).map((one, axis) => {
    const extra = given[axis] ?? 0;
    if (!shape && !automatic.startsWith("SAME")) return { ...one, extra };
    const full = (one.extent - 1) * one.stride + (one.kernel - 1) * one.dilation + 1 + extra;
    const total = full - (wanted[axis] ?? one.extent * one.stride);
    // The requested result is larger than what the kernel reaches, so the last rows hold only the bias.
    if (total < 0) return { ...one, before: 0, after: 0, extra: extra - total };
    const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)];
    return automatic === "SAME_UPPER"
      ? { ...one, before: less, after: more, extra }
      : { ...one, before: more, after: less, extra };
  });
}

export const windows: OperatorTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
};
