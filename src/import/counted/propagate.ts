// Counted rows: values that have fewer rows than their extent, where the number of rows is known only when the net runs. The extent is the
// largest possible number, and the elements after the last row are undefined. Each op must keep this property, or the importer refuses it.

import { natural } from "#ir/axis-order.js";
import type { NodeId, OpName } from "#ir/graph.js";
import type { Shape, TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Attributes } from "#ops/op.js";
import { opOf } from "#ops/index.js";
import { axisOf } from "#ops/reduce.js";
import { refuse } from "#import/refusal.js";

/** The axis of a node that holds counted rows, and the node without axes that gives their number. */
export interface Counted {
  readonly axis: number;
  readonly count: NodeId;
}

/**
 * The counted rows of an op's result if an operand has some. Refuses ops that would combine counted rows with undefined elements, or that
 * would lose where the last row is.
 */
export function countedAfter(
  op: OpName,
  operands: readonly (Counted | undefined)[],
  types: readonly TensorType[],
  attributes: Attributes,
  result: TensorType,
): Counted | undefined {
  const known = operands.findIndex((one) => one !== undefined);
  const first = operands[known];
  if (!first) return undefined;
  if (operands.some((one) => one && one.count !== first.count && op !== "gather" && op !== "where"))
    return lost(op);
  const { axis, count } = first;
  const from = types[known]?.shape ?? [];
  const to = (at: number | undefined): Counted =>
    at === undefined || at < 0 ? lost(op) : { axis: at, count };
  if (opOf(op).scalar !== undefined) {
    const at = axis + result.shape.length - from.length;
    return result.shape[at] === from[axis] ? to(at) : lost(op);
  }
  const given = attributes as Readonly<Record<string, unknown>>;
  const list = (name: string): readonly number[] => (given[name] ?? []) as readonly number[];
  switch (op) {
    case "reshape":
      return to(sameRows(from, axis, result.shape));
    case "transpose":
      return to(list("perm").indexOf(axis));
    case "slice":
      return result.shape[axis] === from[axis] ? to(axis) : lost(op);
    case "pad":
      return result.shape[axis] === from[axis] ? to(axis) : lost(op);
    case "concat":
      return axisOf(Number(given["axis"]), from) === axis ? lost(op) : to(axis);
    case "softmax":
      return axisOf(Number(given["axis"]), from) === axis ? lost(op) : to(axis);
    case "reduce_sum":
    case "reduce_mean":
    case "reduce_max":
    case "reduce_min":
    case "reduce_prod": {
      const axes = list("axes");
      const reduced = axes.length === 0 ? natural(from.length) : axes.map((one) => axisOf(one, from) ?? 0);
      if (reduced.includes(axis)) return lost(op);
      return to(given["keepdims"] === true ? axis : axis - reduced.filter((one) => one < axis).length);
    }
    case "resize":
      // Such a resize repeats elements of the other axis; the rows stay the rows of the image.
      return result.shape[axis] === from[axis] && axis < 2 ? to(axis) : lost(op);
    case "non_max_suppression":
      // Boxes after the last row have no score.
      return operands[1] || operands[2] ? lost(op) : undefined;
    case "gather":
      return afterGather(operands, types, given);
    default:
      return lost(op);
  }
}

function afterGather(
  [x, places]: readonly (Counted | undefined)[],
  types: readonly TensorType[],
  attributes: Readonly<Record<string, unknown>>,
): Counted | undefined {
  const axis = axisOf(Number(attributes["axis"]), types[0]?.shape ?? []) ?? 0;
  // A gather along the counted axis reads only rows that its places name.
  const own = x && x.axis !== axis ? x : undefined;
  const isBatched = attributes["batched"] === true;
  const rank = types[1]?.shape.length ?? 0;
  const moved = own && {
    ...own,
    axis: own.axis < axis ? own.axis : own.axis + rank - 1 - (isBatched ? axis : 0),
  };
  const inserted = places && { ...places, axis: isBatched ? places.axis : axis + places.axis };
  if (moved && inserted) return lost("gather");
  return moved ?? inserted;
}

/** The axis of a reshaped value that holds the same rows: as many elements come before and after it. */
function sameRows(from: Shape, axis: number, to: Shape): number | undefined {
  const before = elements(from.slice(0, axis));
  return natural(to.length).find((at) => to[at] === from[axis] && elements(to.slice(0, at)) === before);
}

function lost(op: OpName): never {
  return refuse(
    "unsupported-operator",
    `${op} of rows whose number is known only when the net runs`,
    "cut the model before: --outputs NAME",
  );
}
