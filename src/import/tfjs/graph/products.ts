// Matrix products.

import { combine } from "#import/operators/broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { times } from "#import/operators/product.js";
import { refuse } from "#import/refusal.js";
import { transposed } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import type { GraphNode, OperatorTable } from "./operator.js";

/** a · b + bias; `transpose_a` and `adj_x` transpose an operand. */
export function product(node: GraphNode, ctx: Lowering, bias?: Value): Value {
  const [a, b] = [node.input(0), node.input(1)];
  if (a.shape.length < 2 || b.shape.length < 2)
    refuse("shape-mismatch", `[${a.shape.join(", ")}] and [${b.shape.join(", ")}] have no product`);
  const left = turned(ctx, a, node.flag("transpose_a", false) || node.flag("adj_x", false));
  const right = turned(ctx, b, node.flag("transpose_b", false) || node.flag("adj_y", false));
  if (
    bias?.ref.kind === "constant" &&
    right.ref.kind === "constant" &&
    bias.shape.length === 1 &&
    right.shape.length === 2
  )
    return times(ctx, left, right, [bias.ref]);
  const result = times(ctx, left, right);
  return bias ? combine(ctx, "add", [result, bias]) : result;
}

function turned(ctx: Lowering, x: Value, isTurned: boolean): Value {
  if (!isTurned) return x;
  const rank = x.shape.length;
  return transposed(ctx, x, [...natural(rank - 2), rank - 1, rank - 2]);
}

export const products: OperatorTable = {
  MatMul: (node, ctx) => product(node, ctx),
  BatchMatMul: (node, ctx) => product(node, ctx),
  BatchMatMulV2: (node, ctx) => product(node, ctx),
  BatchMatMulV3: (node, ctx) => product(node, ctx),
};
