// Operators that read or write elements at places: gathers and scatters.

import { elements } from "#ir/type.js";
import { filled, sizesIn } from "#import/batch.js";
import type { Lowering } from "#import/lowering.js";
import { axisOf, numberOf, numbersOf } from "#import/lowering.js";
import { gathered, gatheredRows, pickedIn, scatteredRows } from "#import/operators/gather.js";
import { expanded } from "#import/operators/parts.js";
import { refuse } from "#import/refusal.js";
import { reshaped } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import type { GraphNode, OperatorTable } from "./operator.js";

function gather(node: GraphNode, ctx: Lowering): Value {
  const [x, indices] = [node.input(0), node.input(1)];
  const axis = axisOf(node.inputs[2] ? numberOf(node.input(2), "the axis of GatherV2") : 0, x.shape.length);
  const given = node.int("batch_dims", 0);
  const batch = given < 0 ? given + indices.shape.length : given;
  if (batch !== 0 || indices.ref.kind !== "constant") return gathered(ctx, x, indices, axis, batch);
  const extent = x.shape[axis] ?? 1;
  const places = numbersOf(indices, `the indices of ${node.op}`);
  if (!places.every((place) => Number.isInteger(place) && place >= 0 && place < extent))
    refuse("bad-model", `indices of ${node.op} lie outside the ${extent} elements`);
  return pickedIn(ctx, x, axis, places, indices.shape);
}

/** A tensor filled with one number, with values at rows of places; if the result has one axis, at single places. */
function sparseToDense(node: GraphNode, ctx: Lowering): Value {
  const [indices, values, rest] = [node.input(0), node.input(2), node.inputs[3]];
  const sizes = sizesIn(ctx, node.input(1), "the shape of SparseToDense");
  const number = rest ? numberOf(rest, "the default value of SparseToDense") : 0;
  const depth = sizes.shape.length;
  const count = elements(indices.shape) / depth;
  if (!Number.isInteger(count))
    refuse("bad-model", `the places [${indices.shape.join(", ")}] do not fit ${depth} axes`);
  const rows = reshaped(ctx, indices, [count, depth]);
  // A single value may be written to all places.
  const updates =
    values.shape.length === 0 ? expanded(ctx, values, { shape: [count], batch: undefined }) : values;
  return scatteredRows(ctx, filled(ctx, sizes, number, values.type), rows, updates, "replace");
}

/** The sums of the values for each row of places; 0 elsewhere. */
function scatterNd(node: GraphNode, ctx: Lowering): Value {
  const sizes = sizesIn(ctx, node.input(2), "the shape of ScatterNd");
  const zeros = filled(ctx, sizes, 0, node.input(1).type);
  return scatteredRows(ctx, zeros, node.input(0), node.input(1), "accumulate");
}

export const places: OperatorTable = {
  Gather: gather,
  GatherV2: gather,
  GatherNd: (node, ctx) => gatheredRows(ctx, node.input(0), node.input(1), 0),
  SparseToDense: sparseToDense,
  ScatterNd: scatterNd,
  TensorScatterUpdate: (node, ctx) =>
    scatteredRows(ctx, node.input(0), node.input(1), node.input(2), "replace"),
};
