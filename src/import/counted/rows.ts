// Reads and sets the number of counted rows during an import.

import { natural, places } from "#ir/axis-order.js";
import type { NodeId } from "#ir/graph.js";
import { combine } from "#import/operators/broadcast.js";
import { int64 } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { map, scalar, valueOf } from "#import/lowering.js";
import { reshaped } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";

/** The axis of a value that is counted, and its number of rows. */
export function countOf(
  ctx: Lowering,
  x: Value,
): { readonly axis: number; readonly count: Value } | undefined {
  const counted = x.ref.kind === "node" ? ctx.build.counts.get(x.ref.id) : undefined;
  if (!counted) return undefined;
  const count = valueOf({ kind: "node", id: counted.count, shape: [] }, int64);
  return { axis: x.order[counted.axis] ?? 0, count };
}

/** Notes that only the first `count` rows of a value count. */
export function withCount(ctx: Lowering, x: Value, axis: number, count: Value): Value {
  if (x.ref.kind !== "node") return x;
  const whole = ctx.build.nodeOf(reshaped(ctx, count, []).ref);
  // The value that x was made from has all rows.
  ctx.build.origins.delete(x.ref.id);
  ctx.build.counts.set(x.ref.id, { axis: places(x.order)[axis] ?? 0, count: originalOf(ctx, whole) });
  return x;
}

/** The first node without axes that this number is a reshape of. Two counts are equal if they have the same such node. */
function originalOf(ctx: Lowering, id: NodeId): NodeId {
  let [original, at] = [id, ctx.build.nodes.get(id)];
  while (at?.op === "reshape") {
    const [input = id] = at.inputs;
    at = ctx.build.nodes.get(input);
    if (at?.type.shape.length === 0) original = input;
  }
  return original;
}

/** The value with a number in all rows that do not count. Then all its rows count. */
export function filledRows(ctx: Lowering, x: Value, fill: number): Value {
  const counted = countOf(ctx, x);
  if (!counted) return x;
  const { axis, count } = counted;
  const numbers = valueOf(
    ctx.build.literal(
      natural(x.shape[axis] ?? 1),
      x.shape.map((extent, at) => (at === axis ? extent : 1)),
    ),
  );
  const isIn = combine(ctx, "less", [numbers, count]);
  const result = combine(ctx, "where", [isIn, x, scalar(ctx, fill)], { type: x.type });
  if (result.ref.kind === "node") ctx.build.counts.delete(result.ref.id);
  return result;
}

/** The value as if all its rows counted. */
export function uncounted(ctx: Lowering, x: Value, axis: number): Value {
  if (countOf(ctx, x)?.axis !== axis) return x;
  const copy = map(ctx, "identity", x);
  if (copy.ref.kind === "node") ctx.build.counts.delete(copy.ref.id);
  return copy;
}
