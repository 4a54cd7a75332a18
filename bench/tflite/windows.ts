// Convolutions and pools for TensorFlow Lite. Their operators have two kinds of padding; any other padding is a separate operator.

import type { NodeId, NodeOf } from "../../src/ir/graph.js";
import type { Shape } from "../../src/ir/type.js";
import type { Padding, Size } from "../../src/ops/attributes.js";
import { convOptions, depthwiseOptions, poolOptions } from "./schema.js";
import type { TfliteBuilder } from "./to-tflite.js";

interface Window {
  readonly stride: Size;
  readonly dilation: Size;
  readonly padding: Padding | "same" | "valid";
}

export function conv2d(
  { inputs: [x = -1, w = -1, b = -1], attributes, type: { shape } }: NodeOf<"conv2d">,
  build: TfliteBuilder,
): number {
  const [height = 1, width = 1, depth = 1, filters = 1] = build.shapeOf(w);
  const { of, padding } = windowed(x, [height, width], attributes, 0, build);
  // [kh, kw, c/g, filters] → [filters, kh, kw, c/g]; the operator infers the groups from the depths.
  const kernel = build.kernel([filters, height, width, depth], 0, () =>
    transposed(build.valuesOf(w), filters),
  );
  const { stride, dilation } = attributes;
  const options = convOptions({ padding, stride, activation: build.activation }, dilation);
  return build.add("CONV_2D", [of, kernel, build.bias(b, of, kernel)], shape, options);
}

export function depthwise(
  { inputs: [x = -1, w = -1, b = -1], attributes, type: { shape } }: NodeOf<"depthwise_conv2d">,
  build: TfliteBuilder,
): number {
  const [height = 1, width = 1] = build.shapeOf(w);
  const [depth = 1, filters = 1] = [build.shapeOf(x)[3], shape[3]];
  const { of, padding } = windowed(x, [height, width], attributes, 0, build);
  // The output channel is c·m + j in both, so only the shape differs.
  const kernel = build.kernel([1, height, width, filters], 3, () => build.valuesOf(w));
  const { stride, dilation } = attributes;
  const options = depthwiseOptions(
    { padding, stride, activation: build.activation },
    dilation,
    filters / depth,
  );
  return build.add("DEPTHWISE_CONV_2D", [of, kernel, build.bias(b, of, kernel)], shape, options);
}

export function maxPool(
  { inputs: [x = -1], attributes, type: { shape } }: NodeOf<"max_pool">,
  build: TfliteBuilder,
): number {
  undilated(attributes);
  const { kernel, stride } = attributes;
  const { of, padding } = windowed(x, kernel, attributes, lowest, build);
  return build.add(
    "MAX_POOL_2D",
    [of],
    shape,
    poolOptions({ padding, stride, activation: build.activation }, kernel),
  );
}

export function avgPool(
  { inputs: [x = -1], attributes, type: { shape } }: NodeOf<"avg_pool">,
  build: TfliteBuilder,
): number {
  undilated(attributes);
  const { kernel, stride, count_include_pad: counts } = attributes;
  const kind = kindOf(build.shapeOf(x), kernel, attributes);
  // The operator does not count the padding that it adds.
  if (!counts && kind === "other") throw new Error("its padding is not that of `same`, and does not count");
  const { of, padding } = windowed(x, kernel, attributes, 0, build, counts);
  return build.add(
    "AVERAGE_POOL_2D",
    [of],
    shape,
    poolOptions({ padding, stride, activation: build.activation }, kernel),
  );
}

/** The least finite f32. */
const lowest = -(2 - 2 ** -23) * 2 ** 127;

function undilated({ dilation }: Window): void {
  if (dilation.some((step) => step !== 1)) throw new Error("it has a dilation");
}

/** The image as the operator of a window takes it, and the padding that it adds; other padding is filled with `value`. */
function windowed(
  x: NodeId,
  kernel: Size,
  window: Window,
  value: number,
  build: TfliteBuilder,
  apart = false,
): { of: number; padding: "same" | "valid" } {
  const shape = build.shapeOf(x);
  const kind = kindOf(shape, kernel, window);
  const of = build.tensorOf(x);
  if (kind === "valid" || (kind === "same" && !apart)) return { of, padding: kind };
  const [top, bottom, left, right] = numbers(window.padding);
  const image = padded(of, shape, [0, top, left, 0], [0, bottom, right, 0], value, build);
  return { of: image, padding: "valid" };
}

/** Which of the format's paddings a window has: `same` has ⌈in/stride⌉ results, and the smaller half of the padding before. */
function kindOf(
  [, ...sizes]: Shape,
  kernel: Size,
  { stride, dilation, padding }: Window,
): "same" | "valid" | "other" {
  const [top, bottom, left, right] = numbers(padding);
  if (top + bottom + left + right === 0) return "valid";
  const isSame = (
    [
      [top, bottom],
      [left, right],
    ] as const
  ).every(([before, after], axis) => {
    const [size = 1, step = 1] = [sizes[axis], stride[axis]];
    const extent = ((kernel[axis] ?? 1) - 1) * (dilation[axis] ?? 1) + 1;
    const total = Math.max((Math.ceil(size / step) - 1) * step + extent - size, 0);
    return before === Math.floor(total / 2) && after === total - before;
  });
  return isSame ? "same" : "other";
}

function numbers(padding: Window["padding"]): Padding {
  if (typeof padding === "string") throw new Error("padding must be numbers; a graph has it so");
  return padding;
}

/** A tensor with elements of `value` before and after each axis. */
export function padded(
  tensor: number,
  shape: Shape,
  before: readonly number[],
  after: readonly number[],
  value: number,
  build: TfliteBuilder,
): number {
  const amounts = build.pairs(before.map((amount, axis) => [amount, after[axis] ?? 0]));
  const larger = shape.map((extent, axis) => extent + (before[axis] ?? 0) + (after[axis] ?? 0));
  const padding = value === 0 ? [] : [build.elementOf(tensor, value)];
  const op = value === 0 ? "PAD" : "PADV2";
  return build.add(op, [tensor, amounts, ...padding], larger);
}

/** A matrix with this number of columns, transposed. */
export function transposed(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      result[column * rows + row] = values[row * columns + column] ?? 0;
  return result;
}
