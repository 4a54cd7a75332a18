// Quantized values. DequantizeLinear of constants is an expression over them, computed when they are packed; other quantized values are
// computed with as floats, and rounded where the model rounds.

import { elements } from "#ir/type.js";
import { combine } from "#import/broadcast.js";
import { axisOf, map } from "#import/lowering.js";
import { int } from "#import/element-type.js";
import { product } from "#import/product.js";
import { unsupported } from "#import/refusal.js";
import { reshaped } from "#import/reshape.js";
import type { Value } from "#import/value.js";
import { windows } from "./windows.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

const uint8 = int("uint8", 1, 0, 255, (view, at) => view.getUint8(at));

/** With one scale or one along an axis. */
function dequantize(node: OnnxNode, ctx: Context): Value {
  const [x, scale, zero] = [node.input(0), node.input(1), node.optional(2)];
  if (node.int("block_size", 0) !== 0) unsupported("DequantizeLinear in blocks");
  return dequantized(ctx, x, scale, zero, node.int("axis", 1));
}

/** A scale or zero point: one for all, or one for each place along the axis. */
function spreadOver(ctx: Context, x: Value, value: Value, along: number): Value {
  if (elements(value.shape) === 1) return reshaped(ctx, value, []);
  const axis = axisOf(along, x.shape.length);
  return reshaped(
    ctx,
    value,
    x.shape.map((_, at) => (at === axis ? elements(value.shape) : 1)),
  );
}

/** x / scale + zero point, rounded and kept within the integers of the zero point's type. Integers are computed with as floats. */
function quantize(node: OnnxNode, ctx: Context): Value {
  const [x, scale, zero] = [node.input(0), node.input(1), node.optional(2)];
  if (node.int("block_size", 0) !== 0) unsupported("QuantizeLinear in blocks");
  return quantizedTo(ctx, x, scale, zero, node.int("axis", 1));
}

function quantizedTo(ctx: Context, x: Value, scale: Value, zero: Value | undefined, axis: number): Value {
  const type = zero?.type ?? uint8;
  if (type.kind !== "int") unsupported(`QuantizeLinear to ${type.name}`);
  const steps = map(ctx, "round", combine(ctx, "div", [x, spreadOver(ctx, x, scale, axis)]));
  const shifted = zero ? combine(ctx, "add", [steps, spreadOver(ctx, x, zero, axis)]) : steps;
  return { ...map(ctx, "clip", shifted, { low: type.low, high: type.high }), type };
}

/** (x − zero point) · scale. */
function dequantized(ctx: Context, x: Value, scale: Value, zero: Value | undefined, axis: number): Value {
  const centered = zero ? combine(ctx, "sub", [x, spreadOver(ctx, x, zero, axis)]) : x;
  return combine(ctx, "mul", [centered, spreadOver(ctx, x, scale, axis)], { type: scale.type });
}

/** A convolution of quantized values: their floats are convolved, and the result is quantized. */
function qLinearConv(node: OnnxNode, ctx: Context): Value {
  const [x, w, b] = [node.input(0), node.input(3), node.optional(8)];
  const [xScale, wScale] = [node.input(1), node.input(4)];
  const image = dequantized(ctx, x, xScale, node.input(2), 1);
  const kernel = dequantized(ctx, w, wScale, node.input(5), 0);
  // The bias is in steps of both scales.
  const bias = b && combine(ctx, "mul", [b, combine(ctx, "mul", [xScale, wScale])], { type: xScale.type });
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

function withOperands(node: OnnxNode, operands: readonly Value[]): OnnxNode {
  return {
    ...node,
    inputs: operands.length,
    input: (at) => operands[at] ?? node.input(at),
    optional: (at) => operands[at],
  };
}

export const quantized: OperatorTable = {
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
};
