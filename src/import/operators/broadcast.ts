// Elementwise operators over values whose axes have different orders: one order is chosen, and the other values are brought into it.

import type { AttributeValue, OpName } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { sameShape } from "#ir/type.js";
import { broadcastShapes } from "#ops/broadcast.js";
import { isProblem } from "#ops/op.js";
import { madeOf } from "#import/builder.js";
import type { ElementType } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { ordered } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import { unsqueezed } from "./reshape.js";
import type { Ref, Value } from "#import/value.js";
import { commonOrder, natural, sameOrder } from "#ir/axis-order.js";

/** An elementwise op over values that broadcast as in NumPy. */
export function combine(
  ctx: Lowering,
  op: OpName,
  given: readonly Value[],
  {
    type,
    attributes = {},
  }: { type?: ElementType; attributes?: Readonly<Record<string, AttributeValue>> } = {},
): Value {
  const shape = broadcastShapes(given.map((value) => value.shape));
  if (isProblem(shape)) refuse("shape-mismatch", shape.problem);
  const values = unexpanded(ctx, given, shape);
  const order = commonOrder(computed(values), shape.length);
  // Values computed from the inputs have full rank here, so constants may have a lower one.
  const isFixed = values.every((value) => value.ref.kind === "constant");
  const refs = values.map((value) => {
    const ref = aligned(ctx, value, order);
    return isFixed ? ref : trimmed(ctx, ref);
  });
  const kind = type ?? given[0]?.type;
  return ordered(ctx, ctx.build.emit(op, refs, attributes), order, kind);
}

/**
 * An op of two operands over any number of values, as a balanced tree: first over neighbouring values, then over neighbouring results, and
 * so on. So no value passes more than ⌈log₂ n⌉ roundings.
 */
export function combineAll(ctx: Lowering, op: OpName, values: readonly Value[]): Value {
  let results = values;
  while (results.length > 1)
    results = results.flatMap((value, at) => {
      const next = results[at + 1];
      return at % 2 === 1 ? [] : [next ? combine(ctx, op, [value, next]) : value];
    });
  return results[0] ?? refuse("bad-model", "it has no operand");
}

/** The values before an expansion to the shape that this op broadcasts to anyway. */
function unexpanded(ctx: Lowering, given: readonly Value[], shape: Shape): readonly Value[] {
  let values = given;
  for (const [at, value] of given.entries()) {
    const origin = madeOf(ctx.build.expansions, value);
    if (!origin) continue;
    const without = values.with(at, origin);
    const result = broadcastShapes(without.map((one) => one.shape));
    if (!isProblem(result) && sameShape(result, shape)) values = without;
  }
  return values;
}

/** A value with the rank of `order` and its axes in that order. */
function aligned(ctx: Lowering, value: Value, order: readonly number[]): Ref {
  const rank = order.length;
  const lead = rank - value.shape.length;
  if (lead === 0) return ctx.build.arranged(value, order);
  // A lower rank means that axes of extent 1 come before the others.
  return ctx.build.arranged(unsqueezed(ctx, value, natural(lead)), order);
}

/** A constant without its leading axes of extent 1: a value per channel becomes `[c]`, and a single number `[]`. */
function trimmed(ctx: Lowering, ref: Ref): Ref {
  if (ref.kind !== "constant") return ref;
  const first = ref.shape.findIndex((extent) => extent !== 1);
  const shape: Shape = first < 0 ? [] : ref.shape.slice(first);
  return shape.length === ref.shape.length ? ref : ctx.build.emit("reshape", [ref], { shape });
}

/**
 * The values in one common order, for an op that does not broadcast: the order of the value for which the fewest elements move. Among
 * equally good orders, one other than the natural one is preferred, since the following operators probably want the order of the preceding
 * ones.
 */
export function alike(ctx: Lowering, values: readonly Value[]): { refs: Ref[]; order: readonly number[] } {
  const rank = values[0]?.shape.length ?? 0;
  const moved = (order: readonly number[]): number =>
    values.reduce((sum, value) => sum + ctx.build.movedBy(value, order), 0);
  const orders = new Map(computed(values).map(({ order }) => [order.join(), order]));
  const rated = [...orders.values()].map((order) => ({
    order,
    moved: moved(order),
    natural: Number(sameOrder(order, natural(rank))),
  }));
  rated.sort((a, b) => a.moved - b.moved || a.natural - b.natural);
  const order = rated[0]?.order ?? natural(rank);
  return { refs: values.map((value) => ctx.build.arranged(value, order)), order };
}

/** The values that are not constants. Constants can be stored in any order. */
function computed(values: readonly Value[]): Value[] {
  return values.filter(({ ref }) => ref.kind !== "constant");
}
