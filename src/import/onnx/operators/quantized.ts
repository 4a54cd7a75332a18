// Quantized values. DequantizeLinear of constants is an expression over them, which is computed when the weights are packed. Other
// quantized values are computed as floats, and rounded where the model rounds them.

import { elements } from "#ir/type.js";
import { isScale } from "#ops/quantize.js";
import { integerTypes } from "#import/integer-inputs.js";
import { smallLimit } from "#import/builder.js";
import { combine } from "#import/operators/broadcast.js";
import { axisOf, map, scalar, rounded } from "#import/lowering.js";
import { float32, int, int32 } from "#import/element-type.js";
import { elementTypes } from "../element-type.js";
import { product } from "#import/operators/product.js";
import { joined, repeated, sliced } from "#import/operators/parts.js";
import { reduced } from "#import/operators/reduce.js";
import { refuse, unsupported } from "#import/refusal.js";
import { reshaped, transposed } from "#import/operators/reshape.js";
import { channelsFirst, channelsLast, natural } from "#ir/axis-order.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { Value } from "#import/value.js";
import { elementwise } from "./elementwise.js";
import { products } from "./matmul.js";
import { reductions } from "./reduce.js";
import { pools } from "./pools.js";
import { windows } from "./windows.js";
import type { Context, OnnxNode, OperatorImport, OperatorTable } from "../operator.js";
import { withOperands } from "../operator.js";

const uint8 = int("uint8", 1, 0, 255, (view, at) => view.getUint8(at));

/** Dequantizes with one scale, one for each place along an axis, or one for each block of elements along it. */
function dequantize(node: OnnxNode, ctx: Context): Value {
  const [x, scale, zero] = [node.input(0), node.input(1), node.optional(2)];
  return inBlocks(node, ctx, [x, scale, zero], ([a = x, b = scale, c]) =>
    dequantized(ctx, a, b, c, node.int("axis", 1)),
  );
}

/**
 * Since opset 21 a scale can hold for a block of elements along the axis: x is divided into blocks, and the scale of a block is repeated.
 * The last block may be incomplete.
 */
function inBlocks(
  node: OnnxNode,
  ctx: Context,
  [x, scale, zero]: readonly [Value, Value, Value | undefined],
  compute: (operands: readonly (Value | undefined)[]) => Value,
): Value {
  const size = node.int("block_size", 0);
  if (size === 0) return compute([x, scale, zero]);
  const axis = axisOf(node.int("axis", 1), x.shape.length);
  const extent = x.shape[axis] ?? 1;
  const count = Math.ceil(extent / size);
  const isFitting = scale.shape.every((own, at) => own === (at === axis ? count : x.shape[at]));
  if (!(size >= 1) || scale.shape.length !== x.shape.length || !isFitting)
    refuse(
      "shape-mismatch",
      `scales [${scale.shape.join(", ")}] do not fit blocks of ${size} along axis ${axis} of [${x.shape.join(", ")}]`,
    );
  const spread = (value: Value): Value => {
    if (elements(value.shape) === 1) return reshaped(ctx, value, []);
    const lying = reshaped(ctx, value, [
      ...value.shape.slice(0, axis + 1),
      1,
      ...value.shape.slice(axis + 1),
    ]);
    const wide = repeated(ctx, lying, axis + 1, size);
    const all = reshaped(ctx, wide, value.shape.with(axis, count * size));
    return sliced(ctx, all, axis, 0, extent);
  };
  return compute([x, spread(scale), zero && spread(zero)]);
}

/** A scale or zero point: one for all elements, or one for each place along the axis. */
function spreadOver(ctx: Context, x: Value, value: Value, along: number): Value {
  if (elements(value.shape) === 1) return reshaped(ctx, value, []);
  if (value.shape.length === x.shape.length && value.shape.length > 1) return value;
  const axis = axisOf(along, x.shape.length);
  return reshaped(
    ctx,
    value,
    x.shape.map((_, at) => (at === axis ? elements(value.shape) : 1)),
  );
}

/** x / scale + zero point, rounded and clamped to the integers of the zero point's type. Integers are computed as floats. */
function quantize(node: OnnxNode, ctx: Context): Value {
  const [x, scale, zero] = [node.input(0), node.input(1), node.optional(2)];
  const type = elementTypes.get(node.int("output_dtype", 0));
  return inBlocks(node, ctx, [x, scale, zero], ([a = x, b = scale, c]) =>
    quantizedTo(ctx, a, b, c, node.int("axis", 1), zero?.type ?? type),
  );
}

function quantizedTo(
  ctx: Context,
  x: Value,
  scale: Value,
  zero: Value | undefined,
  axis: number,
  type = zero?.type ?? uint8,
): Value {
  if (type.kind !== "int") unsupported(`QuantizeLinear to ${type.name}`);
  const dtype = integerTypes[type.name];
  const point = pointOf(zero);
  if (dtype && point !== undefined && isStep(scale)) {
    return converted(ctx, "quantize", { ...x, type }, spreadOver(ctx, x, scale, axis), {
      zero: point,
      type: dtype,
    });
  }
  const quotient = combine(ctx, "div", [x, spreadOver(ctx, x, scale, axis)], { type: scale.type });
  const steps = map(ctx, "round", rounded(ctx.build, quotient));
  const shifted = zero ? combine(ctx, "add", [steps, spreadOver(ctx, x, zero, axis)]) : steps;
  return { ...map(ctx, "clip", shifted, { low: type.low, high: type.high }), type };
}

/** (x − zero point) · scale. */
function dequantized(ctx: Context, x: Value, scale: Value, zero: Value | undefined, axis: number): Value {
  const point = pointOf(zero);
  const integers = point === undefined || !isStep(scale) ? undefined : integersOf(ctx, x);
  if (integers) {
    const real = { ...integers, type: scale.type };
    return converted(ctx, "dequantize", real, spreadOver(ctx, x, scale, axis), { zero: point ?? 0 });
  }
  const centered = zero ? combine(ctx, "sub", [x, spreadOver(ctx, x, zero, axis)]) : x;
  return combine(ctx, "mul", [centered, spreadOver(ctx, x, scale, axis)], { type: scale.type });
}

/** A conversion of x, whose axes keep their order; the scale is one number, or has the axes of x. */
function converted(
  ctx: Context,
  op: "quantize" | "dequantize",
  x: Value,
  scale: Value,
  attributes: Readonly<Record<string, AttributeValue>>,
): Value {
  const steps = ctx.build.arranged(scale, scale.shape.length === 0 ? [] : x.order);
  const first = steps.shape.findIndex((extent) => extent !== 1);
  const shape = first < 0 ? [] : steps.shape.slice(first);
  const isLong = steps.kind === "node" || shape.length === steps.shape.length;
  const trimmed = isLong ? steps : ctx.build.emit("reshape", [steps], { shape });
  return { ...x, ref: ctx.build.emit(op, [x.ref, trimmed], attributes) };
}

/** Whether a scale is float32 and, as far as it is known, positive. */
function isStep({ type, ref, shape }: Value): boolean {
  if (type !== float32 || ref.kind !== "constant" || elements(shape) > smallLimit) return type === float32;
  return ref.numbers().every((one) => isScale(Math.fround(one)));
}

/** A zero point that is known and the same for all elements; 0 if there is none. Undefined for any other. */
function pointOf(zero: Value | undefined): number | undefined {
  if (!zero) return 0;
  if (zero.ref.kind !== "constant" || elements(zero.shape) > smallLimit) return undefined;
  const [first, ...others] = zero.ref.numbers();
  return others.every((one) => one === first) ? first : undefined;
}

/**
 * A value whose elements are integers of an element type of graphs. Inputs and weights are converted; their elements are such integers
 * already. Undefined for sums, which are no weights, and for numbers that depend on the open batch.
 */
function integersOf(ctx: Context, x: Value): Value | undefined {
  const dtype = integerTypes[x.type.name];
  const { ref } = x;
  const isConstant = ref.kind === "constant";
  if (!dtype || (isConstant && ref.batchPowers)) return undefined;
  const own = isConstant ? ref.dtype : ctx.build.nodes.get(ref.id)?.type.dtype;
  if (own === dtype) return x;
  if (dtype === "i32" && !isConstant) return undefined;
  return { ...x, ref: ctx.build.emit("quantize", [ref, ctx.build.literal([1])], { type: dtype }) };
}

/** A convolution of quantized values: their floats are convolved, and the result is quantized. */
function qLinearConv(node: OnnxNode, ctx: Context): Value {
  const [x, w, b] = [node.input(0), node.input(3), node.optional(8)];
  const [xScale, wScale] = [node.input(1), node.input(4)];
  const image = dequantized(ctx, x, xScale, node.input(2), 1);
  const kernel = dequantized(ctx, w, wScale, node.input(5), 0);
  // The bias is an integer multiple of the product of both scales.
  const bias = b && dequantized(ctx, b, combine(ctx, "mul", [xScale, wScale]), undefined, 0);
  const operands = [image, kernel, ...(bias ? [bias] : [])];
  const result = windows["Conv"]?.(withOperands(node, operands), ctx) as Value;
  return quantizedTo(ctx, result, node.input(6), node.input(7), 1);
}

/** A product of quantized matrices. */
function qLinearMatMul(node: OnnxNode, ctx: Context): Value {
  const [a, b] = [node.input(0), node.input(3)];
  const left = dequantized(ctx, a, node.input(1), node.input(2), a.shape.length - 2);
  const right = dequantized(ctx, b, node.input(4), node.input(5), b.shape.length - 1);
  const result = product(ctx, left, right);
  return quantizedTo(ctx, result, node.input(6), node.input(7), result.shape.length - 1);
}

/** A product of integers minus their zero points. There may be one zero point for each row of A and for each column of B. */
function matMulInteger(node: OnnxNode, ctx: Context): Value {
  const [a, b] = [node.input(0), node.input(1)];
  const [left, right] = [node.optional(2), node.optional(3)];
  const rows = less(ctx, a, left, a.shape.length - 2);
  return { ...product(ctx, rows, less(ctx, b, right, b.shape.length - 1)), type: int32 };
}

/** Integers less their zero points. */
function less(ctx: Context, x: Value, zero: Value | undefined, axis: number): Value {
  return { ...dequantized(ctx, x, scalar(ctx, 1), zero, axis), type: int32 };
}

/** A convolution of integers minus their zero points. */
function convInteger(node: OnnxNode, ctx: Context): Value {
  const [x, w] = [node.input(0), node.input(1)];
  const operands = [less(ctx, x, node.optional(2), 0), less(ctx, w, node.optional(3), 0)];
  const result = windows["Conv"]?.(withOperands(node, operands), ctx) as Value;
  return { ...result, type: int32 };
}

/** Quantizes to uint8 by the range of x, which is extended to include 0. The results are the integers, the scale and the zero point. */
function dynamicQuantize(node: OnnxNode, ctx: Context): Value[] {
  const x = node.input(0);
  const axes = natural(x.shape.length);
  const zero = scalar(ctx, 0);
  const most = combine(ctx, "max", [reduced(ctx, "reduce_max", x, axes, false), zero]);
  const least = combine(ctx, "min", [reduced(ctx, "reduce_min", x, axes, false), zero]);
  const range = combine(ctx, "div", [combine(ctx, "sub", [most, least]), scalar(ctx, 255)]);
  // If all elements are zero, the range is empty.
  const isNone = combine(ctx, "equal", [range, zero]);
  const scale = combine(ctx, "where", [isNone, scalar(ctx, 1), range], { type: x.type });
  const shift = map(ctx, "round", combine(ctx, "div", [map(ctx, "neg", least), scale]));
  const point = { ...map(ctx, "clip", shift, { low: 0, high: 255 }), type: uint8 };
  return [quantizedTo(ctx, x, scale, point, 0), scale, point];
}

/** The floats of a quantized operand: its integers, scale and zero point are the operands from `at` on. */
function floatAt(node: OnnxNode, ctx: Context, at: number): Value {
  return dequantized(ctx, node.input(at), node.input(at + 1), node.optional(at + 2), 1);
}

/** An operator on one quantized value, computed in floats. Its operands are x, the scale and zero point of x, and those of the result. */
function ofOne(compute: (node: OnnxNode, ctx: Context, x: Value) => Value): OperatorImport {
  return (node, ctx) =>
    quantizedTo(
      ctx,
      compute(node, ctx, floatAt(node, ctx, 0)),
      node.input(3),
      node.optional(4),
      1,
      node.input(0).type,
    );
}

/** An elementwise operator of two quantized values. */
function ofTwo(op: OpName): OperatorImport {
  return (node, ctx) => {
    const result = combine(ctx, op, [floatAt(node, ctx, 0), floatAt(node, ctx, 3)]);
    return quantizedTo(ctx, result, node.input(6), node.optional(7), 1, node.input(0).type);
  };
}

/** An operator over images whose channels may be last. */
function overImage(table: OperatorTable, op: string): OperatorImport {
  return ofOne((node, ctx, x) => {
    const rank = x.shape.length;
    const isLast = node.int("channels_last", 0) === 1;
    const image = isLast ? transposed(ctx, x, channelsFirst(rank)) : x;
    const result = table[op]?.(withOperands({ ...node, op, outputs: [undefined] }, [image]), ctx) as Value;
    return isLast ? transposed(ctx, result, channelsLast(rank)) : result;
  });
}

/** An operator of the main domain, applied to the floats. */
function plain(table: OperatorTable, op: string): OperatorImport {
  return ofOne((node, ctx, x) => table[op]?.(withOperands({ ...node, op }, [x]), ctx) as Value);
}

function qLinearConcat(node: OnnxNode, ctx: Context): Value {
  const count = (node.inputs - 2) / 3;
  if (!Number.isInteger(count) || count < 1)
    refuse("bad-model", `QLinearConcat cannot have ${node.inputs} operands`);
  const values = natural(count).map((at) => floatAt(node, ctx, 2 + 3 * at));
  const axis = axisOf(node.int("axis"), values[0]?.shape.length ?? 0);
  return quantizedTo(
    ctx,
    joined(ctx, values, axis),
    node.input(0),
    node.optional(1),
    axis,
    node.input(2).type,
  );
}

/** α · A · B + C, where C is in multiples of both scales. If the result has no scale, it is a float. */
function qGemm(node: OnnxNode, ctx: Context): Value {
  const [a, b, c] = [node.input(0), node.input(3), node.optional(6)];
  const [aScale, bScale] = [node.input(1), node.input(4)];
  const alpha = node.float("alpha", 1);
  const left = dequantized(ctx, a, aScale, node.optional(2), 0);
  const right = dequantized(ctx, b, bScale, node.optional(5), node.int("transB", 0) === 1 ? 0 : 1);
  const step = combine(ctx, "mul", [combine(ctx, "mul", [aScale, bScale]), scalar(ctx, alpha)]);
  // Divided by the steps of several columns, a single number is not an integer.
  const isOne = c && elements(c.shape) === 1 && elements(step.shape) > 1;
  const bias = isOne
    ? combine(ctx, "mul", [c, step], { type: aScale.type })
    : c && dequantized(ctx, c, step, undefined, c.shape.length - 1);
  const result = products["Gemm"]?.(withOperands({ ...node, op: "Gemm" }, [left, right, bias]), ctx) as Value;
  const scale = node.optional(7);
  return scale ? quantizedTo(ctx, result, scale, node.optional(8), 1, a.type) : result;
}

/** A product of integers as floats. The operands are A, B, their scales, their zero points, and a bias. */
function matMulIntegerToFloat(node: OnnxNode, ctx: Context): Value {
  const [a, b] = [node.input(0), node.input(1)];
  const left = dequantized(ctx, a, node.input(2), node.optional(4), a.shape.length - 2);
  const right = dequantized(ctx, b, node.input(3), node.optional(5), b.shape.length - 1);
  const result = product(ctx, left, right);
  const bias = node.optional(6);
  return bias ? combine(ctx, "add", [result, bias]) : result;
}

/** A product of floats, quantized by their range, and integers. The operands are A, B, the scale and zero point of B, and a bias. */
function dynamicQuantizeMatMul(node: OnnxNode, ctx: Context): Value {
  const [a, b] = [node.input(0), node.input(1)];
  const [integers = a, scale = a, point] = dynamicQuantize(withOperands(node, [a]), ctx);
  const left = dequantized(ctx, integers, scale, point, 0);
  const right = dequantized(ctx, b, node.input(2), node.optional(3), b.shape.length - 1);
  const result = product(ctx, left, right);
  const bias = node.optional(4);
  return bias ? combine(ctx, "add", [result, bias]) : result;
}

/** A choice between quantized values. */
function qLinearWhere(node: OnnxNode, ctx: Context): Value {
  const chosen = combine(ctx, "where", [node.input(0), floatAt(node, ctx, 1), floatAt(node, ctx, 4)], {
    type: float32,
  });
  return quantizedTo(ctx, chosen, node.input(7), node.optional(8), 1, node.input(1).type);
}

/** Quantized operators of onnxruntime's domain. */
export const quantizedOperators: OperatorTable = {
  QLinearAdd: ofTwo("add"),
  QLinearMul: ofTwo("mul"),
  QLinearLeakyRelu: plain(elementwise, "LeakyRelu"),
  QLinearSigmoid: plain(elementwise, "Sigmoid"),
  QLinearSoftmax: (node, ctx) => plain(reductions, "Softmax")({ ...node, opset: node.int("opset", 13) }, ctx),
  QLinearReduceMean: plain(reductions, "ReduceMean"),
  QLinearAveragePool: overImage(pools, "AveragePool"),
  QLinearGlobalAveragePool: overImage(pools, "GlobalAveragePool"),
  QLinearConcat: qLinearConcat,
  QLinearConv: (node, ctx) => {
    const last = node.int("channels_last", 0) === 1;
    const operands = natural(node.inputs).map((at) => node.optional(at));
    const [x] = operands;
    if (!last || !x) return qLinearConv(node, ctx);
    const image = transposed(ctx, x, channelsFirst(x.shape.length));
    return transposed(
      ctx,
      qLinearConv(withOperands(node, operands.with(0, image)), ctx),
      channelsLast(x.shape.length),
    );
  },
  QLinearWhere: qLinearWhere,
  QGemm: qGemm,
  DynamicQuantizeMatMul: dynamicQuantizeMatMul,
  MatMulIntegerToFloat: matMulIntegerToFloat,
};

export const quantized: OperatorTable = {
  MatMulInteger: matMulInteger,
  ConvInteger: convInteger,
  DynamicQuantizeLinear: dynamicQuantize,
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
};
