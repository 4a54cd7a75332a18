// Convolutions, pools and resizing. ONNX has images as [n, c, h, w], so their values have the channels first.

import { bug } from "#diagnostic/diagnostic.js";
import type { NodeOf } from "#ir/graph.js";
import { channelsFirst, natural } from "#ir/axis-order.js";
import type { DType } from "#ir/type.js";
import { integerRanges } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import type { CoordinateMode, Rounding } from "#ops/resize.js";
import type { Attributes } from "../attributes.js";
import type { OnnxBuilder } from "../builder.js";
import type { OnnxValue } from "../onnx-value.js";
import type { ExportTable } from "./operator.js";
import { operand } from "./operator.js";

const image = channelsFirst(4);

type Windows =
  | "conv2d"
  | "depthwise_conv2d"
  | "conv2d_transpose"
  | "max_pool"
  | "avg_pool"
  | "global_avg_pool"
  | "global_max_pool"
  | "resize";

export const windowExports: ExportTable<Windows> = {
  conv2d: (node, inputs, build) => conv(node, node.attributes.groups, inputs, build),
  depthwise_conv2d: (node, inputs, build) => conv(node, operand(inputs, 0).shape[3] ?? 1, inputs, build),
  conv2d_transpose: ({ attributes }, inputs, build) => {
    const [x, w] = [operand(inputs, 0), operand(inputs, 1)];
    const { groups } = attributes;
    const [height = 1, width = 1, perGroup = 1, filters = 1] = w.shape;
    // [kh, kw, c/g, g·m] → [g·c/g, m, kh, kw]: ONNX has all input channels in axis 0, group by group.
    const apart = build.reshaped(w, [height, width, perGroup, groups, filters / groups]);
    const kernel = laid(build.arranged(apart, [3, 2, 4, 0, 1]), build, [
      groups * perGroup,
      filters / groups,
      height,
      width,
    ]);
    return build.result(
      "ConvTranspose",
      [build.name(x, image), kernel, ...bias(inputs, build)],
      {
        ...window(attributes),
        kernel_shape: [height, width],
        output_padding: attributes.extra,
        group: groups,
      },
      image,
    );
  },
  max_pool: (node, inputs, build) => {
    const { kernel } = node.attributes;
    const value = operand(inputs, 0);
    const least = value.element === "f32" ? Number.NEGATIVE_INFINITY : integerRanges[value.element][0];
    const { of, pads } = padded(node, build.name(value, image), least, build, value.element);
    return build.result("MaxPool", [of], { ...window(node.attributes), kernel_shape: kernel, pads }, image);
  },
  avg_pool: averagePool,
  global_avg_pool: (node, inputs, build) => globalPool("GlobalAveragePool", node, inputs, build),
  global_max_pool: (node, inputs, build) => globalPool("GlobalMaxPool", node, inputs, build),
  resize: ({ attributes, type }, inputs, build) => {
    const { method, coordinates, rounding, size } = attributes;
    const value = operand(inputs, 0);
    const x = build.name(value, image);
    const [batch = 1, , , depth = 1] = type.shape;
    // An open batch takes its extent from x. (Runtimes infer a wrong shape from the attribute `axes`.)
    const sizes = value.batched
      ? build.step(
          "Concat",
          [build.step("Shape", [x], { start: 0, end: 1 }), build.ints([depth, ...size], "sizes")],
          { axis: 0 },
        )
      : build.ints([batch, depth, ...size], "sizes");
    return build.result(
      "Resize",
      [x, "", "", sizes],
      {
        mode: method === "nearest" ? "nearest" : "linear",
        coordinate_transformation_mode: coordinates,
        ...(method === "nearest" ? { nearest_mode: nearestMode(rounding, coordinates) } : {}),
      },
      image,
    );
  },
};

function nearestMode(rounding: Rounding, coordinates: CoordinateMode): string {
  switch (rounding) {
    case "auto":
      return coordinates === "asymmetric" ? "floor" : "round_prefer_floor";
    case "half_down":
      return "round_prefer_floor";
    case "half_up":
      return "round_prefer_ceil";
    case "always_down":
      return "floor";
    case "always_up":
      return "ceil";
    default:
      return rounding satisfies never;
  }
}

interface OnnxWindow {
  readonly stride: Size;
  readonly dilation: Size;
  readonly padding: Padding | "same" | "valid";
}

function conv(
  { attributes }: NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d">,
  groups: number,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
): OnnxValue {
  const [x, w] = [operand(inputs, 0), operand(inputs, 1)];
  // [kh, kw, c/g, filters] → [filters, c/g, kh, kw]
  const kernel = build.name(w, [3, 2, 0, 1]);
  return build.result(
    "Conv",
    [build.name(x, image), kernel, ...bias(inputs, build)],
    { ...window(attributes), kernel_shape: w.shape.slice(0, 2), group: groups },
    image,
  );
}

/** The third operand, unless it was omitted. */
export function bias(inputs: readonly OnnxValue[], build: OnnxBuilder): string[] {
  const b = operand(inputs, 2);
  return b.from.kind === "weight" && b.from.absent ? [] : [build.name(b)];
}

/** The name of a value reshaped to this shape, whose axes are in the order in which the value is stored. */
function laid(value: OnnxValue, build: OnnxBuilder, shape: readonly number[]): string {
  const lies = value.order.map((axis) => value.shape[axis] ?? 1);
  return build.name(build.reshaped({ ...value, shape: lies, order: natural(lies.length) }, shape));
}

function window({ stride, dilation, padding }: OnnxWindow): Attributes {
  return { strides: stride, dilations: dilation, pads: pads(padding) };
}

function pads(padding: OnnxWindow["padding"]): readonly number[] {
  const [top, bottom, left, right] = four(padding);
  return [top, left, bottom, right];
}

function four(padding: OnnxWindow["padding"]): Padding {
  return typeof padding === "string" ? bug("a graph has padding in numbers") : padding;
}

type Pool = NodeOf<"max_pool"> | NodeOf<"avg_pool">;

/** Runtimes do not take a pool whose padding is as large as its kernel. Then the padding becomes a separate operator. */
function padded(
  { attributes: { kernel, padding } }: Pool,
  x: string,
  value: number,
  build: OnnxBuilder,
  element: DType,
): { of: string; pads: readonly number[] } {
  const [top, bottom, left, right] = four(padding);
  if (Math.max(top, bottom) < kernel[0] && Math.max(left, right) < kernel[1])
    return { of: x, pads: pads(padding) };
  return {
    of: pad(x, [top, bottom, left, right], value, build, element),
    pads: [0, 0, 0, 0],
  };
}

function pad(
  x: string,
  [top, bottom, left, right]: Padding,
  value: number,
  build: OnnxBuilder,
  element: DType,
): string {
  const amounts = build.ints([0, 0, top, left, 0, 0, bottom, right], "pads");
  return build.step("Pad", [x, amounts, build.number(value, "pad_value", element)], { mode: "constant" });
}

/**
 * AveragePool, where all runtimes compute the same. It has no dilation before opset 19, and runtimes differ about it. With a dilation, or
 * with padding as large as the kernel, the mean is a convolution with 1/taps, and a factor for each position removes the padding from the
 * count.
 */
function averagePool(node: NodeOf<"avg_pool">, inputs: readonly OnnxValue[], build: OnnxBuilder): OnnxValue {
  const { kernel, stride, dilation, padding, count_include_pad: counts } = node.attributes;
  const [top, bottom, left, right] = four(padding);
  const value = operand(inputs, 0);
  const x = build.name(value, image);
  const isSmall = Math.max(top, bottom) < kernel[0] && Math.max(left, right) < kernel[1];
  if (isSmall && dilation.every((step) => step === 1)) {
    return build.result(
      "AveragePool",
      [x],
      { strides: stride, pads: pads(padding), kernel_shape: kernel, count_include_pad: counts ? 1 : 0 },
      image,
    );
  }
  const [, height = 1, width = 1, depth = 1] = value.shape;
  const taps = kernel[0] * kernel[1];
  const shares = build.numbers(
    new Float32Array(depth * taps).fill(1 / taps),
    [depth, 1, ...kernel],
    "shares",
  );
  const attributes = { ...window(node.attributes), kernel_shape: kernel, group: depth };
  if (counts || Math.max(top, bottom, left, right) === 0)
    return build.result("Conv", [x, shares], attributes, image);
  const rows = inside(height, node.type.shape[1] ?? 1, kernel[0], stride[0], dilation[0], top);
  const columns = inside(width, node.type.shape[2] ?? 1, kernel[1], stride[1], dilation[1], left);
  const factors = rows.flatMap((row) => columns.map((column) => taps / (row * column)));
  const factor = build.numbers(Float32Array.from(factors), [rows.length, columns.length], "factor");
  return build.result("Mul", [build.step("Conv", [x, shares], attributes), factor], {}, image);
}

/** The number of taps of each window that are inside the image, along one axis. */
function inside(
  input: number,
  output: number,
  kernel: number,
  stride: number,
  dilation: number,
  before: number,
): number[] {
  return natural(output).map(
    (at) =>
      natural(kernel).filter((tap) => {
        const place = at * stride - before + tap * dilation;
        return place >= 0 && place < input;
      }).length,
  );
}

/** The operator leaves height and width as 1; removing them gives the same matrix of channels. */
function globalPool(
  op: string,
  { attributes }: NodeOf<"global_avg_pool"> | NodeOf<"global_max_pool">,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
): OnnxValue {
  const value = operand(inputs, 0);
  const x = build.name(value, image);
  // GlobalMaxPool takes no integers.
  const [name, operands] =
    value.element === "f32" ? [op, [x]] : ["ReduceMax", [x, build.ints([2, 3], "axes")]];
  if (attributes.keepdims) return build.result(name, operands, {}, image);
  return build.result("Flatten", [build.step(name, operands)], { axis: 1 });
}
