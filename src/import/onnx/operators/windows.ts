// Convolutions and pools: layouts, automatic padding, one-dimensional windows.

import type { OpName } from "#ir/graph.js";
import { ordered, weightOf } from "#import/lowering.js";
import { refuse, unsupported } from "#import/refusal.js";
import type { Ref, Value } from "#import/value.js";
import { channelsLast, sameOrder } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** Strides and the like of a window over one or two axes; a window over one axis has height 1. */
interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** `[top, bottom, left, right]`. */
  readonly padding: readonly number[];
}

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
  const kernel = kernelOf(ctx, w, "Conv");
  const image = imageOf(ctx, x, "Conv");
  const groups = node.int("group", 1);
  const [, height = 1, width = 1, depth = 1] = image.shape;
  const [kh = 1, kw = 1, perGroup = 1, filters = 1] = kernel.shape;
  if (!(groups >= 1) || perGroup * groups !== depth || filters % groups !== 0)
    refuse(
      "shape-mismatch",
      `the kernel [${w.shape.join(", ")}] with group=${groups} does not fit the ${depth} channels of [${x.shape.join(", ")}]`,
    );
  checkKernelShape(node, w);
  const { kernel: _, ...window } = windowOf(node, [height, width], [kh, kw], x.shape.length - 2);
  const bias = b ? [weightOf(b, "the bias of Conv")] : [];
  const result =
    groups === depth && groups > 1
      ? ctx.build.emit("depthwise_conv2d", [image, kernel, ...bias], { ...window })
      : ctx.build.emit("conv2d", [image, kernel, ...bias], { ...window, groups });
  return valueOfImage(ctx, result, x);
}

/** The attribute says again what the weight's shape does. */
function checkKernelShape(node: OnnxNode, w: Value): void {
  const given = node.ints("kernel_shape");
  if (given && given.length > 0 && !sameOrder(given, w.shape.slice(2)))
    refuse("bad-model", `kernel_shape is [${given.join(", ")}], but the kernel is [${w.shape.join(", ")}]`);
}

/** `[m, c/g, kh, kw]` → `[kh, kw, c/g, m]`. */
function kernelOf(ctx: Context, w: Value, what: string): Ref {
  const ref = weightOf(w, `the kernel of ${what}`);
  const [m = 1, c = 1, l = 1] = w.shape;
  if (w.shape.length === 4) return ctx.build.emit("transpose", [ref], { perm: [2, 3, 1, 0] });
  if (w.shape.length !== 3) unsupported(`${what} over ${w.shape.length - 2} axes`);
  const lying = ctx.build.emit("transpose", [ref], { perm: [2, 1, 0] });
  return ctx.build.emit("reshape", [lying], { shape: [1, l, c, m] });
}

/** The window's numbers. `axes` is how many the operator has. */
function windowOf(
  node: OnnxNode,
  input: readonly [number, number],
  kernel: readonly [number, number],
  axes: number,
): Window {
  const pair = (name: string, least: number): readonly [number, number] => {
    const values = node.ints(name) ?? [];
    const [first = 1, second = 1] = values;
    if (values.length !== 0 && values.length !== axes)
      refuse("bad-model", `\`${name}\` has ${values.length} numbers instead of ${axes}`);
    if (!values.every((value) => value >= least && value < 2 ** 31))
      refuse("bad-model", `\`${name}\` is [${values.join(", ")}]`);
    return axes === 1 ? [1, first] : [first, second];
  };
  const stride = pair("strides", 1);
  const dilation = pair("dilations", 1);
  const window = { kernel, stride, dilation };
  return { ...window, padding: paddingOf(node, input, window, axes) };
}

function paddingOf(
  node: OnnxNode,
  input: readonly [number, number],
  { kernel, stride, dilation }: Omit<Window, "padding">,
  axes: number,
): readonly number[] {
  const automatic = node.text("auto_pad", "NOTSET");
  if (automatic === "VALID") return [0, 0, 0, 0];
  if (automatic === "SAME_UPPER" || automatic === "SAME_LOWER") {
    const along = (axis: 0 | 1): number[] => {
      const outputs = Math.ceil(input[axis] / stride[axis]);
      const reach = (kernel[axis] - 1) * dilation[axis] + 1;
      const total = Math.max(0, (outputs - 1) * stride[axis] + reach - input[axis]);
      const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)];
      return automatic === "SAME_UPPER" ? [less, more] : [more, less];
    };
    return [...along(0), ...along(1)];
  }
  if (automatic !== "NOTSET") refuse("bad-model", `auto_pad is \`${automatic}\``);
  const pads = node.ints("pads") ?? new Array<number>(2 * axes).fill(0);
  if (pads.length !== 2 * axes || !pads.every((pad) => pad >= 0 && pad < 2 ** 31))
    refuse("bad-model", `\`pads\` is [${pads.join(", ")}]; ${2 * axes} whole numbers from 0 up are expected`);
  const [a = 0, b = 0, c = 0, d = 0] = pads;
  return axes === 1 ? [0, 0, a, b] : [a, c, b, d];
}

function pool(op: "max_pool" | "avg_pool", name: string): (node: OnnxNode, ctx: Context) => Value {
  return (node, ctx) => {
    const x = node.input(0);
    if (node.outputs[1] !== undefined) unsupported(`${name} whose indices are used`);
    if (node.int("storage_order", 0) !== 0) unsupported(`${name} with storage_order=1`);
    let image = imageOf(ctx, x, name);
    const [, height = 1, width = 1] = image.shape;
    const sizes = node.ints("kernel_shape") ?? [];
    const axes = x.shape.length - 2;
    if (sizes.length !== axes || !sizes.every((extent) => extent >= 1 && extent < 2 ** 31))
      refuse(
        "bad-model",
        `kernel_shape is [${sizes.join(", ")}]; ${axes} whole numbers from 1 up are expected`,
      );
    const [first = 1, second = 1] = sizes;
    const kernel = axes === 1 ? ([1, first] as const) : ([first, second] as const);
    const window = windowOf(node, [height, width], kernel, axes);
    const isCeil = node.int("ceil_mode", 0) === 1;
    const more = isCeil ? missing([height, width], window) : ([0, 0] as const);
    const [top = 0, bottom = 0, left = 0, right = 0] = window.padding;
    const grown = [top, bottom + more[0], left, right + more[1]];
    if (op === "max_pool")
      return valueOfImage(ctx, ctx.build.emit(op, [image], { ...window, padding: grown }), x);
    let counts = node.int("count_include_pad", 0) === 1;
    let padding: readonly number[] = grown;
    if (counts && (more[0] > 0 || more[1] > 0)) {
      // What ceil_mode adds at the end does not count, while the padding itself does.
      const [before, after] = [
        [0, top, left, 0],
        [0, bottom, right, 0],
      ];
      image = ctx.build.emit("pad", [image], { before, after });
      padding = [0, more[0], 0, more[1]];
      counts = false;
    }
    return valueOfImage(
      ctx,
      ctx.build.emit(op, [image], { ...window, padding, count_include_pad: counts }),
      x,
    );
  };
}

/** How much padding at the end makes the last, cut window of `ceil_mode` whole; a window has to begin before the padding. */
function missing(input: readonly [number, number], window: Window): readonly [number, number] {
  const along = (axis: 0 | 1): number => {
    const [start = 0, end = 0] = window.padding.slice(2 * axis, 2 * axis + 2);
    const [stride, extent] = [window.stride[axis], input[axis]];
    const reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
    const room = extent + start + end - reach;
    let outputs = Math.ceil(room / stride) + 1;
    if ((outputs - 1) * stride >= extent + start) outputs -= 1;
    return Math.max(0, (outputs - 1) * stride - room);
  };
  return [along(0), along(1)];
}

/** Over all axes but n and c, which stay with extent 1. */
function globalPool(op: OpName): (node: OnnxNode, ctx: Context) => Value {
  return (node, ctx) => {
    const x = node.input(0);
    const rank = x.shape.length;
    if (rank < 3) refuse("bad-model", `a global pool over [${x.shape.join(", ")}]`);
    const order = channelsLast(rank);
    const ref = ctx.build.arranged(x, order);
    const axes = order.slice(1, -1).map((_, at) => at + 1);
    return ordered(ctx, ctx.build.emit(op, [ref], { axes, keepdims: true }), order, x.type);
  };
}

function convTranspose(node: OnnxNode, ctx: Context): Value {
  const [x, w, b] = [node.input(0), node.input(1), node.optional(2)];
  const axes = x.shape.length - 2;
  const image = imageOf(ctx, x, "ConvTranspose");
  const groups = node.int("group", 1);
  const ref = weightOf(w, "the kernel of ConvTranspose");
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
  const bias = b ? [weightOf(b, "the bias of ConvTranspose")] : [];
  const result = ctx.build.emit("conv2d_transpose", [image, kernel, ...bias], { ...padding, groups });
  return valueOfImage(ctx, result, x);
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
  MaxPool: pool("max_pool", "MaxPool"),
  AveragePool: pool("avg_pool", "AveragePool"),
  GlobalAveragePool: globalPool("reduce_mean"),
  GlobalMaxPool: globalPool("reduce_max"),
};
