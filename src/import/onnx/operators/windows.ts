// Convolutions, and what windows of all operators have in common: layouts, automatic padding, one-dimensional windows.

import { ordered } from "#import/lowering.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Ref, Value } from "#import/value.js";
import { channelsLast, sameOrder } from "#ir/axis-order.js";
import { computedConvolution } from "#import/operators/computed-convolution.js";
import type { Along, Window } from "#import/operators/windows.js";
import { convolved, still, volumeConvolution, windowOver } from "#import/operators/windows.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** The image `[n, h, w, c]` of a value `[n, c, l]` or `[n, c, h, w]`. */
export function imageOf(ctx: Context, x: Value, what: string): Ref {
  const rank = x.shape.length;
  if (rank !== 3 && rank !== 4)
    unsupported(`${what} over ${rank - 2} axes`, "one- and two-dimensional ones are known");
  const ref = ctx.build.arranged(x, channelsLast(rank));
  const [n = 1, l = 1, c = 1] = ref.shape;
  return rank === 4 ? ref : ctx.build.emit("reshape", [ref], { shape: [n, 1, l, c] });
}

/** The value of an image, of the rank of `x`. */
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
    refuse("shape-mismatch", `a kernel [${w.shape.join(", ")}] for [${x.shape.join(", ")}]`);
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

/** The attribute says again what the weight's shape does. */
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

/** The window of an operator along each of its axes, whose extents in the input are given. */
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

/** The window's numbers. `axes` is how many the operator has. */
function windowOf(
  node: OnnxNode,
  input: readonly [number, number],
  kernel: readonly [number, number],
  axes: number,
): Window {
  const along = windowAlong(node, input.slice(2 - axes), kernel.slice(2 - axes));
  return windowOver([
    along.at(-2) ?? { ...still, extent: input[0] },
    along.at(-1) ?? { ...still, extent: input[1] },
  ]);
}

function convTranspose(node: OnnxNode, ctx: Context): Value {
  const [x, w, b] = [node.input(0), node.input(1), node.optional(2)];
  const axes = x.shape.length - 2;
  const image = imageOf(ctx, x, "ConvTranspose");
  const groups = node.int("group", 1);
  const ref = ctx.build.arranged(w);
  if (w.shape.length !== x.shape.length)
    refuse("shape-mismatch", `a kernel [${w.shape.join(", ")}] for [${x.shape.join(", ")}]`);
  checkKernelShape(node, w);
  // [g · c, m, kh, kw] → [kh, kw, c, g · m], with c and m per group.
  const [all = 1, m = 1, ...taps] = w.shape;
  if (!(groups >= 1) || all % groups !== 0) refuse("shape-mismatch", `${groups} groups of ${all} channels`);
  const sizes = axes === 1 ? [1, ...taps] : taps;
  const split = ctx.build.emit("reshape", [ref], { shape: [groups, all / groups, m, ...sizes] });
  const turned = ctx.build.emit("transpose", [split], { perm: [3, 4, 1, 0, 2] });
  const kernel = ctx.build.emit("reshape", [turned], { shape: [...sizes, all / groups, groups * m] });
  const [kh = 1, kw = 1] = kernel.shape;
  const [, height = 1, width = 1] = image.shape;
  const padding = transposedPadding(node, [height, width], [kh, kw], axes);
  const bias = b?.ref.kind === "constant" ? [b.ref] : [];
  const result = ctx.build.emit("conv2d_transpose", [image, kernel, ...bias], { ...padding, groups });
  const isShifted = b && bias.length === 0;
  return valueOfImage(ctx, isShifted ? ctx.build.emit("add", [result, ctx.build.arranged(b)]) : result, x);
}

/** Padding cuts rows off the result, `extra` adds some at its end; `output_shape` and `auto_pad` say them by the size wanted. */
function transposedPadding(
  node: OnnxNode,
  input: readonly [number, number],
  kernel: readonly [number, number],
  axes: number,
): {
  stride: readonly number[];
  dilation: readonly number[];
  padding: readonly number[];
  extra: readonly number[];
} {
  const automatic = node.text("auto_pad", "NOTSET");
  const { stride, dilation, padding } = windowOf(
    { ...node, text: (name, otherwise) => (name === "auto_pad" ? "NOTSET" : node.text(name, otherwise)) },
    input,
    kernel,
    axes,
  );
  const given = node.ints("output_padding") ?? new Array<number>(axes).fill(0);
  if (given.length !== axes || !given.every((pad) => pad >= 0 && pad < 2 ** 31))
    refuse("bad-model", `\`output_padding\` is [${given.join(", ")}]`);
  const extra = axes === 1 ? [0, given[0] ?? 0] : [...given];
  const shape = node.ints("output_shape");
  const isSame = automatic.startsWith("SAME");
  if (!shape && !isSame) return { stride, dilation, padding, extra };
  const wanted = shape?.slice(-axes) ?? [];
  const along = (axis: 0 | 1): readonly number[] => {
    if (axes === 1 && axis === 0) return [0, 0];
    const size = wanted[axes === 1 ? 0 : axis] ?? input[axis] * stride[axis];
    const full =
      (input[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 + (extra[axis] ?? 0);
    const total = full - size;
    if (total < 0) {
      // The wanted result is larger than what the kernel reaches: rows of the bias alone at the end.
      extra[axis] = (extra[axis] ?? 0) - total;
      return [0, 0];
    }
    const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)];
    return automatic === "SAME_UPPER" ? [less, more] : [more, less];
  };
  const cut = [...along(0), ...along(1)];
  return { stride, dilation, padding: cut, extra };
}

export const windows: OperatorTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
};
