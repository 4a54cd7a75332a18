// Quantised weights: DequantizeLinear of constants is an expression over them, computed when they are packed.

import { elements } from "#ir/type.js";
import { combine } from "#import/broadcast.js";
import { axisOf } from "#import/lowering.js";
import { unsupported } from "#import/refusal.js";
import { reshaped } from "#import/reshape.js";
import type { Value } from "#import/value.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** (x − zero point) · scale, with one scale or one along an axis. */
function dequantize(node: OnnxNode, ctx: Context): Value {
  const [x, scale, zero] = [node.input(0), node.input(1), node.optional(2)];
  if (node.int("block_size", 0) !== 0) unsupported("DequantizeLinear in blocks");
  const spread = (value: Value): Value => {
    if (elements(value.shape) === 1) return reshaped(ctx, value, []);
    const axis = axisOf(node.int("axis", 1), x.shape.length);
    return reshaped(
      ctx,
      value,
      x.shape.map((_, at) => (at === axis ? elements(value.shape) : 1)),
    );
  };
  const centered = zero ? combine(ctx, "sub", [x, spread(zero)]) : x;
  return combine(ctx, "mul", [centered, spread(scale)], { type: scale.type });
}

export const quantized: OperatorTable = { DequantizeLinear: dequantize };
