// Operators on shapes, and values made from shapes: constants and ranges.

import { filled, shapeValue, sizeValue, sizesIn, sizesOf } from "#import/batch.js";
import { combine } from "#import/operators/broadcast.js";
import { int32 } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { intsValue, numberOf, scalar } from "#import/lowering.js";
import { range } from "#import/operators/math.js";
import { countRange } from "#import/counted/bounds.js";
import { withCount } from "#import/counted/rows.js";
import { countedRange } from "#import/counted/first-rows.js";
import type { Value } from "#import/value.js";
import type { GraphNode, OperatorTable } from "./operator.js";

function fill(node: GraphNode, ctx: Lowering): Value {
  const value = node.input(1);
  const size = node.input(0);
  if (size.ref.kind === "node" && size.shape.length === 1 && size.shape[0] === 1) {
    // The size depends on a count of rows: a list of the largest possible size, of which the first elements count.
    const [, most = 0] = countRange(ctx, size) ?? [];
    const whole = filled(ctx, { shape: [most], batch: undefined }, 1, value.type);
    const none = combine(ctx, "mul", [size, scalar(ctx, 0)]);
    const list = combine(ctx, "mul", [whole, combine(ctx, "add", [value, none])], { type: value.type });
    return withCount(ctx, list, 0, { ...size, type: value.type });
  }
  const sizes = sizesIn(ctx, node.input(0), "the shape of Fill");
  return filled(ctx, sizes, numberOf(value, "the value of Fill"), value.type);
}

function rangeOf(node: GraphNode, ctx: Lowering): Value {
  const rows = countedRange(
    ctx,
    [0, 1, 2].map((at) => node.input(at)),
  );
  if (rows) return rows;
  const [start = 0, limit = 0, step = 1] = [0, 1, 2].map((at) =>
    numberOf(node.input(at), "an operand of Range"),
  );
  return range(ctx, start, step, Math.max(0, Math.ceil((limit - start) / step)), node.input(0).type);
}

export const shapes: OperatorTable = {
  Shape: (node, ctx) => shapeValue(ctx, node.input(0), int32),
  Size: (node, ctx) => sizeValue(ctx, node.input(0), int32),
  Rank: (node, ctx) => intsValue(ctx, [node.input(0).shape.length], []),
  Fill: fill,
  ZerosLike: (node, ctx) => filled(ctx, sizesOf(ctx, node.input(0)), 0, node.input(0).type),
  OnesLike: (node, ctx) => filled(ctx, sizesOf(ctx, node.input(0)), 1, node.input(0).type),
  Range: rangeOf,
};
