// Reshapes and transposes: a transpose only notes the order of the axes, and a reshape moves no more than it has to.

import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { madeOf } from "./builder.js";
import type { Lowering } from "./lowering.js";
import { ordered, valueOf } from "./lowering.js";
import { refuse } from "./refusal.js";
import type { Value } from "./value.js";
import { natural, permuted, reshapeOrders, sameOrder } from "#ir/axis-order.js";

/** The value with another shape of as many elements. */
export function reshaped(ctx: Lowering, x: Value, shape: Shape): Value {
  if (
    x.ref.kind === "constant" &&
    x.ref.small &&
    elements(shape) === elements(x.shape) &&
    elements(shape) === 0
  )
    return { ...x, shape, ref: ctx.build.literal([], shape), order: natural(shape.length) };
  if (!shape.every((extent) => extent >= 1) || elements(shape) !== elements(x.shape))
    refuse("shape-mismatch", `[${x.shape.join(", ")}] does not fit into [${shape.join(", ")}]`);
  if (x.ref.kind === "constant") {
    const ref = ctx.build.emit("reshape", [x.ref], { shape });
    return valueOf(ref, x.type);
  }
  // A reshape of a reshape is one of what was there before: where axes were merged and are split again, nothing moves.
  const origin = originOf(ctx, x);
  if (origin) return reshaped(ctx, origin, shape);
  const { from, to } = orders(x, shape);
  const wanted = permuted(shape, to);
  // Where only axes of extent 1 change places, the elements lie as they should.
  const long = (order: readonly number[]): number[] => order.filter((axis) => x.shape[axis] !== 1);
  const ref = sameOrder(long(from), long(x.order)) ? x.ref : ctx.build.arranged(x, from);
  const same = wanted.length === ref.shape.length && wanted.every((extent, at) => extent === ref.shape[at]);
  const result = ordered(ctx, same ? ref : ctx.build.emit("reshape", [ref], { shape: wanted }), to, x.type);
  if (!same && result.ref.kind === "node") ctx.build.origins.set(result.ref.id, { result, origin: x });
  return result;
}

/**
 * Where axes that lie apart are merged, rows of blocks stay where the rows are. Rows of features, as where the heads of an attention
 * come together, lie as they are written: a product reads them so.
 */
function orders(x: Value, shape: Shape): { from: number[]; to: number[] } {
  const first = reshapeOrders(x, shape);
  if (shape.length > 3) return first;
  const last = reshapeOrders(x, shape, "last");
  return sameOrder(last.to, natural(shape.length)) ? last : first;
}

/** What a value is a reshape of, if it is one. */
export function originOf(ctx: Lowering, x: Value): Value | undefined {
  return madeOf(ctx.build.origins, x);
}

/** Axis i of the result is axis `perm[i]` of x. Nothing moves: what lay as axis a is the axis that perm makes of it. */
export function transposed(ctx: Lowering, x: Value, perm: readonly number[]): Value {
  const shape = permuted(x.shape, perm);
  if (x.ref.kind === "constant") {
    if (sameOrder(perm, natural(perm.length))) return x;
    return valueOf(ctx.build.emit("transpose", [x.ref], { perm }), x.type);
  }
  return { ...x, shape, order: x.order.map((axis) => perm.indexOf(axis)) };
}
