// Reshapes and transposes: a transpose only notes the order of the axes, and a reshape moves no more elements than it must.

import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Sizes } from "#import/batch.js";
import { batchAxis, mixed } from "#import/batch.js";
import { madeOf } from "#import/builder.js";
import type { Lowering } from "#import/lowering.js";
import { ordered, valueOf } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { natural, permuted, reshapeOrders, sameOrder } from "#ir/axis-order.js";

/**
 * The value with another shape of as many elements. `batch` says which axis of the result is the open batch, if the value has one; by
 * default it keeps its place, and so do the axes before it.
 */
export function reshaped(ctx: Lowering, x: Value, shape: Shape, batch?: number): Value {
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
  const from = batchAxis(ctx, x);
  if (from !== undefined) {
    const to = batch ?? from;
    checkBatch(ctx, x.shape, from, shape, to, batch === undefined);
    // If the batch is not the first axis, `order` notes its place, and the axes around it are reshaped for each sample.
    if (from !== 0 || to !== 0) {
      const first = reshaped(ctx, moved(ctx, x, from, 0), [1, ...shape.toSpliced(to, 1)], 0);
      return moved(ctx, first, 0, to);
    }
  }
  // A reshape of a reshape is a reshape of the first value: if axes were merged and are split again, nothing moves.
  const origin = originOf(ctx, x);
  if (origin && batchAxis(ctx, origin) === from) return reshaped(ctx, origin, shape, batch);
  const { from: before, to: after } = orders(x, shape);
  const wanted = permuted(shape, after);
  // If only axes of extent 1 change places, the elements are already in the right order.
  const long = (order: readonly number[]): number[] => order.filter((axis) => x.shape[axis] !== 1);
  const ref = sameOrder(long(before), long(x.order)) ? x.ref : ctx.build.arranged(x, before);
  const same = wanted.length === ref.shape.length && wanted.every((extent, at) => extent === ref.shape[at]);
  const result = ordered(
    ctx,
    same ? ref : ctx.build.emit("reshape", [ref], { shape: wanted }),
    after,
    x.type,
  );
  if (!same && result.ref.kind === "node") ctx.build.origins.set(result.ref.id, { result, origin: x });
  return result;
}

/** Refuses a reshape that moves elements between samples: the same number of elements must come before the batch, and after it. */
function checkBatch(
  ctx: Lowering,
  before: Shape,
  from: number,
  after: Shape,
  to: number,
  isKept: boolean,
): void {
  const [lead, rest] = [before.slice(0, from), after.slice(0, to)];
  const isSame = isKept ? sameOrder(lead, rest) : elements(lead) === elements(rest);
  if (isSame && after[to] === 1) return;
  const written = before.map((extent, axis) => (axis === from ? (ctx.build.batch ?? "N") : extent));
  mixed(ctx, `it makes [${after.join(", ")}] of [${written.join(", ")}]`);
}

/** The value with an axis in another place; no element moves. */
function moved(ctx: Lowering, x: Value, from: number, to: number): Value {
  const perm = natural(x.shape.length).toSpliced(from, 1);
  return transposed(ctx, x, perm.toSpliced(to, 0, from));
}

/** The value in a shape that an operand gives; −1 there means the remaining extent. */
export function reshapedTo(ctx: Lowering, x: Value, { shape: wanted, batch: given }: Sizes): Value {
  const shape = [...wanted];
  let batch = given;
  const from = batchAxis(ctx, x);
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = elements(x.shape) / elements(shape.filter((_, axis) => axis !== open));
    if (!Number.isInteger(rest))
      refuse("shape-mismatch", `[${x.shape.join(", ")}] does not fit into [${wanted.join(", ")}]`);
    shape[open] = rest;
    // The remaining extent is the batch, if no other axis is.
    if (from !== undefined) batch ??= open;
  }
  if (from === undefined && batch !== undefined)
    mixed(ctx, `it makes [${shape.join(", ")}] of [${x.shape.join(", ")}] by the size of the batch`);
  if (from !== undefined && batch === undefined)
    mixed(ctx, `it makes [${shape.join(", ")}] of any number of samples`);
  return reshaped(ctx, x, shape, batch);
}

/** Merges the axes before `axis` into one, and the others into another. */
export function flattened(ctx: Lowering, x: Value, axis: number): Value {
  const [lead, rest] = [elements(x.shape.slice(0, axis)), elements(x.shape.slice(axis))];
  const batch = batchAxis(ctx, x);
  return reshaped(ctx, x, [lead, rest], batch === undefined ? undefined : Number(batch >= axis));
}

/**
 * The value without the given axes, which must have the extent 1. Without a list, all axes of extent 1 are removed except the open batch.
 */
export function squeezed(ctx: Lowering, x: Value, given: readonly number[] | undefined): Value {
  const batch = batchAxis(ctx, x);
  const axes = given ?? natural(x.shape.length).filter((axis) => x.shape[axis] === 1 && axis !== batch);
  for (const axis of axes) {
    if (axis === batch) mixed(ctx, `it drops the batch, axis ${axis}`);
    if (x.shape[axis] !== 1) refuse("shape-mismatch", `axis ${axis} of [${x.shape.join(", ")}] is not 1`);
  }
  const shape = x.shape.filter((_, axis) => !axes.includes(axis));
  const to = batch === undefined ? undefined : batch - axes.filter((axis) => axis < batch).length;
  return reshaped(ctx, x, shape, to);
}

/** The value with further axes of extent 1, at these places of the result. */
export function unsqueezed(ctx: Lowering, x: Value, axes: readonly number[]): Value {
  const batch = batchAxis(ctx, x);
  let at = 0;
  let to: number | undefined;
  const shape = natural(x.shape.length + axes.length).map((axis) => {
    if (axes.includes(axis)) return 1;
    if (at === batch) to = axis;
    return x.shape[at++] ?? 1;
  });
  return reshaped(ctx, x, shape, to);
}

/**
 * The orders of axes in which x is read and the result is written. If axes that are not adjacent are merged, rows of blocks stay in the
 * order of x. Rows of features, such as the merged heads of an attention, get the natural order, because a product reads them that way.
 */
function orders(x: Value, shape: Shape): { from: number[]; to: number[] } {
  const first = reshapeOrders(x, shape);
  if (shape.length > 3) return first;
  const last = reshapeOrders(x, shape, "last");
  return sameOrder(last.to, natural(shape.length)) ? last : first;
}

/** The value that x is a reshape of, if it is one. */
export function originOf(ctx: Lowering, x: Value): Value | undefined {
  return madeOf(ctx.build.origins, x);
}

/** Axis i of the result is axis `perm[i]` of x. No element moves; only the order of axes is noted. */
export function transposed(ctx: Lowering, x: Value, perm: readonly number[]): Value {
  const shape = permuted(x.shape, perm);
  if (x.ref.kind === "constant") {
    if (sameOrder(perm, natural(perm.length))) return x;
    return valueOf(ctx.build.emit("transpose", [x.ref], { perm }), x.type);
  }
  return { ...x, shape, order: x.order.map((axis) => perm.indexOf(axis)) };
}
