// Reshapes and transposes.

import { sizesIn } from "#import/batch.js";
import type { Lowering } from "#import/lowering.js";
import { axisOf, numberOf, numbersOf } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import { reshapedTo, squeezed, transposed, unsqueezed } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import type { GraphNode, OperatorTable } from "./operator.js";

function reshape(node: GraphNode, ctx: Lowering): Value {
  return reshapedTo(ctx, node.input(0), sizesIn(ctx, node.input(1), "the shape of Reshape"));
}

function squeeze(node: GraphNode, ctx: Lowering): Value {
  const x = node.input(0);
  const given = [...node.ints("squeeze_dims"), ...node.ints("axis")];
  const axes = given.map((axis) => axisOf(axis, x.shape.length));
  return squeezed(ctx, x, given.length > 0 ? axes : undefined);
}

function expandDims(node: GraphNode, ctx: Lowering): Value {
  const x = node.input(0);
  const axis = axisOf(numberOf(node.input(1), "the axis of ExpandDims"), x.shape.length + 1);
  return unsqueezed(ctx, x, [axis]);
}

function transpose(node: GraphNode, ctx: Lowering): Value {
  const x = node.input(0);
  const perm = numbersOf(node.input(1), "the axes of Transpose");
  if (perm.length !== x.shape.length || perm.toSorted((a, b) => a - b).some((axis, at) => axis !== at))
    refuse("bad-model", `[${perm.join(", ")}] is not a permutation of ${x.shape.length} axes`);
  return transposed(ctx, x, perm);
}

export const reshapes: OperatorTable = {
  Reshape: reshape,
  Squeeze: squeeze,
  ExpandDims: expandDims,
  Transpose: transpose,
};
