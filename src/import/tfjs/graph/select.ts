// Selections: the largest elements, the elements that are not zero, and the boxes that do not overlap.

import { combine } from "#import/operators/broadcast.js";
import { topRows } from "#import/counted/first-rows.js";
import { gathered } from "#import/operators/gather.js";
import type { Lowering } from "#import/lowering.js";
import { numberOf, scalar } from "#import/lowering.js";
import { refuse, unsupported } from "#import/refusal.js";
import { reshaped } from "#import/operators/reshape.js";
import { withCount } from "#import/counted/rows.js";
import { countPlaces, nonZeroRows, suppressed } from "#import/counted/select.js";
import type { Value } from "#import/value.js";
import type { GraphNode, OperatorTable } from "./operator.js";

function topKOf(node: GraphNode, ctx: Lowering): Value[] {
  const x = node.input(0);
  const axis = x.shape.length - 1;
  const { values, indices } = topRows(ctx, x, { axis, k: node.input(1), largest: true });
  return [values, indices];
}

/** The places of selected boxes [boxes, 4], their scores, and their number. */
interface Selection {
  readonly places: Value;
  readonly count: Value;
  readonly scores: Value;
}

function select(node: GraphNode, ctx: Lowering): Selection {
  const [boxes, scores] = [node.input(0), node.input(1)];
  const number = (at: number, what: string, otherwise: number): number =>
    node.inputs[at] ? numberOf(node.input(at), `the ${what} of ${node.op}`) : otherwise;
  if (number(5, "sigma", 0) !== 0) unsupported(`${node.op} that lowers scores (soft_nms_sigma)`);
  const [count = 1] = boxes.shape;
  if (boxes.shape.length !== 2 || scores.shape.length !== 1)
    refuse(
      "bad-model",
      `the scores [${scores.shape.join(", ")}] of ${node.op} do not fit the boxes [${boxes.shape.join(", ")}]`,
    );
  const found = suppressed(ctx, reshaped(ctx, boxes, [1, count, 4]), reshaped(ctx, scores, [1, 1, count]), {
    limit: number(2, "largest number of boxes", 0),
    overlap: number(3, "overlap", 0.5),
    score: number(4, "least score", Number.NEGATIVE_INFINITY),
    atEqual: true,
    centered: false,
  });
  const places = reshaped(ctx, found, [found.shape[2] ?? 1]);
  return {
    places,
    count: countPlaces(ctx, places, [0]),
    scores: gathered(ctx, scores, places, 0),
  };
}

/** Places whose number is known only when the net runs. */
function counted(ctx: Lowering, x: Value, { count }: Selection): Value {
  return withCount(ctx, x, 0, count);
}

function suppression(node: GraphNode, ctx: Lowering): Value {
  const found = select(node, ctx);
  return counted(ctx, found.places, found);
}

/** The places and the number of boxes; padded places are 0. */
function suppressionV4(node: GraphNode, ctx: Lowering): Value[] {
  const found = select(node, ctx);
  const { places, count } = found;
  if (!node.flag("pad_to_max_output_size", false)) return [counted(ctx, places, found), count];
  const limit = numberOf(node.input(2), "the largest number of boxes");
  if (limit !== places.shape[0]) unsupported(`${node.op} padded to more boxes than there are`);
  return [{ ...combine(ctx, "max", [places, scalar(ctx, 0)]), type: places.type }, count];
}

/** The places and the scores of the boxes. */
function suppressionV5(node: GraphNode, ctx: Lowering): Value[] {
  const found = select(node, ctx);
  return [counted(ctx, found.places, found), counted(ctx, found.scores, found)];
}

export const selections: OperatorTable = {
  TopKV2: topKOf,
  TopK: topKOf,
  Where: (node, ctx) => nonZeroRows(ctx, node.input(0)),
  NonMaxSuppressionV2: suppression,
  NonMaxSuppressionV3: suppression,
  NonMaxSuppressionV4: suppressionV4,
  NonMaxSuppressionV5: suppressionV5,
};
