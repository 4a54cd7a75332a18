// How each op is written for TensorFlow Lite: as one operator if there is one, else as a few.

import type { Node, NodeOf, OpName } from "../../src/ir/graph.js";
import type { Shape } from "../../src/ir/type.js";
import { resizeTaps } from "../../src/ops/resize.js";
import type { Builtin, Options } from "./schema.js";
import {
  arithmeticOptions,
  concatOptions,
  denseOptions,
  leakyReluOptions,
  reducerOptions,
  reshapeOptions,
  resizeOptions,
  softmaxOptions,
  stridedSliceOptions,
} from "./schema.js";
import type { TfliteBuilder } from "./to-tflite.js";
import { avgPool, conv2d, depthwise, maxPool, padded, transposed } from "./windows.js";

/** Writes a node and returns the tensor of its value. Throws, without naming the node, if the format has no operator for it. */
export type Write<O extends OpName> = (node: NodeOf<O>, build: TfliteBuilder) => number;

/** Ops whose operators can also compute an activation. */
export const withActivation: ReadonlySet<OpName> = new Set([
  "conv2d",
  "depthwise_conv2d",
  "dense",
  "max_pool",
  "avg_pool",
  "add",
  "sub",
  "mul",
  "div",
]);

/** Ops that only move values. */
export const onlyMove: ReadonlySet<OpName> = new Set([
  "reshape",
  "transpose",
  "pad",
  "slice",
  "concat",
  "identity",
]);

/** Ops whose operators compute with integers. */
export const inIntegers: ReadonlySet<OpName> = new Set([
  ...onlyMove,
  "conv2d",
  "depthwise_conv2d",
  "dense",
  "max_pool",
  "avg_pool",
  "global_avg_pool",
  "global_max_pool",
  "reduce_mean",
  "reduce_max",
  "resize",
  "softmax",
  "relu",
  "relu6",
  "leaky_relu",
  "sigmoid",
  "tanh",
  "silu",
  "hard_swish",
  "add",
  "sub",
  "mul",
]);

const known: { readonly [O in OpName]?: Write<O> } = {
  conv2d,
  depthwise_conv2d: depthwise,
  max_pool: maxPool,
  avg_pool: avgPool,
  dense: ({ inputs: [x = -1, w = -1, b = -1], type: { shape } }, build) => {
    const [depth = 1, units = 1] = build.shapeOf(w);
    const of = build.tensorOf(x);
    const kernel = build.kernel([units, depth], 0, () => transposed(build.valuesOf(w), units));
    return build.add(
      "FULLY_CONNECTED",
      [of, kernel, build.bias(b, of, kernel)],
      shape,
      denseOptions(build.activation, shape.length > 2),
    );
  },
  batch_norm: (
    { inputs: [x = -1, w = -1, b = -1, m = -1, v = -1], attributes: { epsilon }, type },
    build,
  ) => {
    const [scale, offset, mean, variance] = [w, b, m, v].map((id) => build.valuesOf(id));
    const factor = (at: number): number => (scale?.[at] ?? 1) / Math.sqrt((variance?.[at] ?? 1) + epsilon);
    const factors = build.weight(build.shapeOf(w), () =>
      Float32Array.from(scale ?? [], (_, at) => factor(at)),
    );
    const offsets = build.weight(build.shapeOf(w), () =>
      Float32Array.from(offset ?? [], (value, at) => value - (mean?.[at] ?? 0) * factor(at)),
    );
    return arithmetic(
      "ADD",
      arithmetic("MUL", build.tensorOf(x), factors, type.shape, build),
      offsets,
      type.shape,
      build,
    );
  },
  global_avg_pool: (node, build) => reduce("MEAN", node, [1, 2], build),
  global_max_pool: (node, build) => reduce("REDUCE_MAX", node, [1, 2], build),
  reduce_sum: reduction("SUM"),
  reduce_mean: reduction("MEAN"),
  reduce_max: reduction("REDUCE_MAX"),
  reduce_min: reduction("REDUCE_MIN"),
  reduce_prod: reduction("REDUCE_PROD"),
  softmax: ({ inputs: [x = -1], attributes: { axis }, type: { shape } }, build) => {
    if (fromFront(axis, shape) !== shape.length - 1)
      throw new Error("it is along another axis than the last");
    return build.add("SOFTMAX", [build.tensorOf(x)], shape, softmaxOptions);
  },
  reshape: ({ inputs: [x = -1], type: { shape } }, build) =>
    build.add("RESHAPE", [build.tensorOf(x), build.ints(shape)], shape, reshapeOptions(shape)),
  transpose: ({ inputs: [x = -1], attributes: { perm }, type: { shape } }, build) =>
    // The runtime gives 0 for a scalar.
    perm.length === 0
      ? build.tensorOf(x)
      : build.add("TRANSPOSE", [build.tensorOf(x), build.ints(perm)], shape),
  concat: ({ inputs, attributes: { axis }, type: { shape } }, build) =>
    build.add("CONCATENATION", inputs.map(build.tensorOf), shape, concatOptions(fromFront(axis, shape))),
  pad: ({ inputs: [x = -1], attributes: { before, after, mode, value } }, build) => {
    if (mode !== "constant") throw new Error(`its mode is ${mode}`);
    return padded(build.tensorOf(x), build.shapeOf(x), before, after, value, build);
  },
  slice: ({ inputs: [x = -1], attributes: { begin, size, stride }, type: { shape } }, build) => {
    const of = build.tensorOf(x);
    if (stride.every((step) => step === 1))
      return build.add("SLICE", [of, build.ints(begin), build.ints(size)], shape);
    const end = begin.map((from, axis) => from + ((size[axis] ?? 1) - 1) * (stride[axis] ?? 1) + 1);
    return build.add(
      "STRIDED_SLICE",
      [of, build.ints(begin), build.ints(end), build.ints(stride)],
      shape,
      stridedSliceOptions,
    );
  },
  resize: (node, build) => {
    const { size, method, coordinates } = node.attributes;
    if (method === "nearest" && !isNearestKnown(node, build)) throw new Error("it rounds places otherwise");
    return build.add(
      method === "nearest" ? "RESIZE_NEAREST_NEIGHBOR" : "RESIZE_BILINEAR",
      [build.tensorOf(node.inputs[0] ?? -1), build.ints(size)],
      node.type.shape,
      resizeOptions(method, coordinates),
    );
  },
  relu: unary("RELU"),
  relu6: unary("RELU6"),
  leaky_relu: (node, build) => onX("LEAKY_RELU", node, build, leakyReluOptions(node.attributes.alpha)),
  elu: (node, build) => {
    if (node.attributes.alpha !== 1) throw new Error("its alpha is not 1");
    return onX("ELU", node, build);
  },
  sigmoid: unary("LOGISTIC"),
  silu: (node, build) =>
    arithmetic("MUL", xOf(node, build), onX("LOGISTIC", node, build), node.type.shape, build),
  hard_sigmoid: (node, build) => {
    const { shape } = node.type;
    const { alpha, beta } = node.attributes;
    const line = arithmetic("MUL", xOf(node, build), number(alpha, build), shape, build);
    return clipped(arithmetic("ADD", line, number(beta, build), shape, build), 0, 1, shape, build);
  },
  hard_swish: unary("HARD_SWISH"),
  tanh: unary("TANH"),
  clip: (node, build) =>
    clipped(xOf(node, build), node.attributes.low, node.attributes.high, node.type.shape, build),
  exp: unary("EXP"),
  log: unary("LOG"),
  sqrt: unary("SQRT"),
  rsqrt: unary("RSQRT"),
  square: unary("SQUARE"),
  reciprocal: (node, build) => arithmetic("DIV", number(1, build), xOf(node, build), node.type.shape, build),
  abs: unary("ABS"),
  neg: unary("NEG"),
  floor: unary("FLOOR"),
  ceil: unary("CEIL"),
  sin: unary("SIN"),
  cos: unary("COS"),
  identity: (node, build) => xOf(node, build),
  add: binary("ADD"),
  sub: binary("SUB"),
  mul: binary("MUL"),
  div: binary("DIV"),
  min: (node, build) => build.add("MINIMUM", node.inputs.map(build.tensorOf), node.type.shape),
  max: (node, build) => build.add("MAXIMUM", node.inputs.map(build.tensorOf), node.type.shape),
  pow: (node, build) => build.add("POW", node.inputs.map(build.tensorOf), node.type.shape),
  prelu: ({ inputs: [x = -1, slope = -1], type: { shape } }, build) => {
    // Its slopes are one for each element of a sample, or broadcast to that.
    const given = build.shapeOf(slope);
    const full = [...new Array<number>(shape.length - given.length).fill(1), ...given];
    if (full[0] !== 1) throw new Error("its slopes differ along the batch");
    const slopes = build.weight(full.slice(1), () => build.valuesOf(slope));
    return build.add("PRELU", [build.tensorOf(x), slopes], shape);
  },
};

/** Ops that can be written. */
export const writtenOps = Object.keys(known) as readonly OpName[];

/** Writes a node; an error says why it cannot be written. */
export function write(node: Node, build: TfliteBuilder): number {
  // TypeScript cannot correlate `node.op` with the entry of the table.
  const entry = known[node.op] as Write<OpName> | undefined;
  const where = `not written as .tflite: ${node.name}, ${node.op}`;
  if (!entry) throw new Error(where);
  try {
    return entry(node, build);
  } catch (cause) {
    throw new Error(`${where}: ${(cause as Error).message}`, { cause });
  }
}

function unary(op: Builtin): (node: Node, build: TfliteBuilder) => number {
  return (node, build) => onX(op, node, build);
}

/** An operator over the first operand, which keeps its shape. */
function onX(op: Builtin, node: Node, build: TfliteBuilder, options?: Options): number {
  return build.add(op, [xOf(node, build)], node.type.shape, options);
}

function xOf({ inputs: [x = -1] }: Node, build: TfliteBuilder): number {
  return build.tensorOf(x);
}

type Arithmetic = "ADD" | "SUB" | "MUL" | "DIV";

function binary(op: Arithmetic): (node: Node, build: TfliteBuilder) => number {
  return ({ inputs: [a = -1, b = -1], type: { shape } }, build) =>
    build.add(op, [build.tensorOf(a), build.tensorOf(b)], shape, arithmeticOptions(op, build.activation));
}

/** An intermediate operator, without the activation. */
function arithmetic(op: Arithmetic, a: number, b: number, shape: Shape, build: TfliteBuilder): number {
  return build.add(op, [a, b], shape, arithmeticOptions(op, undefined));
}

function number(value: number, build: TfliteBuilder): number {
  return build.weight([], () => Float32Array.of(value));
}

function clipped(x: number, low: number, high: number, shape: Shape, build: TfliteBuilder): number {
  const least = low === Number.NEGATIVE_INFINITY ? x : build.add("MAXIMUM", [x, number(low, build)], shape);
  return high === Number.POSITIVE_INFINITY
    ? least
    : build.add("MINIMUM", [least, number(high, build)], shape);
}

type Reducer = "SUM" | "MEAN" | "REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_PROD";
type Reduced = NodeOf<"reduce_sum" | "reduce_mean" | "reduce_max" | "reduce_min" | "reduce_prod">;

function reduction(op: Reducer): (node: Reduced, build: TfliteBuilder) => number {
  return (node, build) => {
    const shape = build.shapeOf(node.inputs[0] ?? -1);
    const { axes } = node.attributes;
    const all = axes.length === 0 ? [...shape.keys()] : axes.map((axis) => fromFront(axis, shape));
    return reduce(op, node, all, build);
  };
}

function reduce(
  op: Reducer,
  node: Reduced | NodeOf<"global_avg_pool" | "global_max_pool">,
  axes: readonly number[],
  build: TfliteBuilder,
): number {
  const inputs = [xOf(node, build), build.ints(axes)];
  return build.add(op, inputs, node.type.shape, reducerOptions(node.attributes.keepdims));
}

/**
 * The operator rounds half-pixel coordinates down after adding half an element, and rounds to the nearest, halves up, between aligned
 * corners (`GetNearestNeighbor` in tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h).
 */
function isNearestKnown({ attributes, inputs: [x = -1] }: NodeOf<"resize">, build: TfliteBuilder): boolean {
  const rounding = attributes.coordinates === "asymmetric" ? "always_down" : "half_up";
  const [, ...sizes] = build.shapeOf(x);
  return attributes.size.every((size, axis) => {
    const wanted = resizeTaps(sizes[axis] ?? 1, size, attributes);
    return resizeTaps(sizes[axis] ?? 1, size, { ...attributes, rounding }).every(
      ({ low }, at) => low === wanted[at]?.low,
    );
  });
}

/** An axis counted from the front. */
function fromFront(axis: number, shape: Shape): number {
  return axis < 0 ? axis + shape.length : axis;
}
