// The open batch during an import: its extent is 1 in every shape, so an operator that reads or computes extents must know which axis is
// the batch.

import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { natural } from "#ir/axis-order.js";
import { smallLimit } from "./builder.js";
import type { ElementType } from "./element-type.js";
import { int64 } from "./element-type.js";
import type { Lowering } from "./lowering.js";
import { knownNumbers, valueOf } from "./lowering.js";
import { refuse, refuseBatch, unsupported } from "./refusal.js";
import type { Value } from "./value.js";

/** A shape, and its axis that is the open batch, if it has one. That axis has the extent 1. */
export interface Sizes {
  readonly shape: Shape;
  readonly batch: number | undefined;
}

/** The axis of a value that is the open batch, or undefined. Every value that is computed from the inputs has one if the batch is open. */
export function batchAxis(ctx: Lowering, x: Value): number | undefined {
  return ctx.build.batch !== undefined && x.ref.kind === "node" ? x.order[0] : undefined;
}

/** Refuses an operator that would separate samples, join them, or use their number along an axis. */
export function keepBatch(ctx: Lowering, x: Value, axis: number, what: string): void {
  if (batchAxis(ctx, x) === axis) mixed(ctx, what);
}

/** Refuses an operator that cannot compute each sample alone. */
export function mixed(ctx: Lowering, what: string): never {
  return refuseBatch(what, ctx.build.batch ?? "the batch");
}

export function sizesOf(ctx: Lowering, x: Value): Sizes {
  return { shape: x.shape, batch: batchAxis(ctx, x) };
}

/** The extents of the axes `from` to `to` as a value, as the operator `Shape` gives them. */
export function shapeValue(
  ctx: Lowering,
  x: Value,
  type: ElementType = int64,
  [from, to]: readonly [number, number] = [0, x.shape.length],
): Value {
  const batch = batchAxis(ctx, x);
  const powers = x.shape.map((_, axis) => Number(axis === batch));
  const shape = x.shape.slice(from, to);
  const list = valueOf(ctx.build.literal(shape, [shape.length], powers.slice(from, to)), type);
  const counted = x.ref.kind === "node" ? ctx.build.counts.get(x.ref.id) : undefined;
  const axis = counted && x.order[counted.axis];
  if (!counted || axis === undefined || axis < from || axis >= to) return list;
  // The computed number of rows is one element of the list; the others are known.
  const refs = natural(shape.length).map((at) =>
    at + from === axis
      ? ctx.build.emit("reshape", [{ kind: "node", id: counted.count, shape: [] }], { shape: [1] })
      : ctx.build.literal([shape[at] ?? 1], [1]),
  );
  return valueOf(refs.length === 1 && refs[0] ? refs[0] : ctx.build.emit("concat", refs, { axis: 0 }), type);
}

/** The number of elements as a value, as the operator `Size` gives it. */
export function sizeValue(ctx: Lowering, x: Value, type: ElementType = int64): Value {
  const power = batchAxis(ctx, x) === undefined ? 0 : 1;
  return valueOf(ctx.build.literal([elements(x.shape)], [], [power]), type);
}

/** How each number of a value depends on the open batch, as in `BatchPowers`; empty if none does. */
export function powersIn({ ref }: Value): readonly number[] {
  return ref.kind === "constant" && ref.batchPowers ? [...ref.batchPowers.powers] : [];
}

/** The shape that an operand holds. A number that depends on the size of the batch must be exactly that size, and may occur once. */
export function sizesIn(ctx: Lowering, value: Value, what: string): Sizes {
  const shape = knownNumbers(value, what);
  const powers = powersIn(value);
  const found = natural(shape.length).filter((axis) => powers[axis]);
  const [batch] = found;
  if (found.length > 1) mixed(ctx, `${what} has the size of the batch twice`);
  if (batch !== undefined && (powers[batch] !== 1 || shape[batch] !== 1))
    mixed(ctx, `${what} is computed from the size of the batch`);
  return { shape, batch };
}

/** A value that holds one number everywhere. If a batch axis is given, each sample has its own copy. */
export function filled(ctx: Lowering, { shape, batch }: Sizes, number: number, type: ElementType): Value {
  const count = elements(shape);
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0))
    refuse("bad-model", `a constant cannot have the shape [${shape.join(", ")}]`);
  return perSample(ctx, valueOf(constantOf(ctx, shape, count, number), type), batch);
}

function constantOf(
  ctx: Lowering,
  shape: Shape,
  count: number,
  number: number,
): ReturnType<Lowering["build"]["literal"]> {
  if (count <= smallLimit) return ctx.build.literal(new Float64Array(count).fill(number), shape);
  const generator = number === 0 ? "zeros" : number === 1 ? "ones" : undefined;
  if (!generator || count > 2 ** 31)
    unsupported(`a constant of [${shape.join(", ")}] with the value ${number}`);
  const id = ctx.build.store.add(
    generator,
    { dtype: "f32", shape },
    { kind: "seeded", generator, seed: 0, fanIn: 1 },
  );
  return ctx.build.stored(id, shape);
}

/** A constant whose axis `axis`, of extent 1, becomes the open batch; without `axis`, the constant itself. */
export function perSample(ctx: Lowering, x: Value, axis: number | undefined): Value {
  if (axis === undefined || ctx.build.batch === undefined || x.ref.kind !== "constant") return x;
  if (x.shape[axis] !== 1)
    mixed(ctx, `it repeats [${x.shape.join(", ")}] for each sample along axis ${axis}`);
  const order = [axis, ...natural(x.shape.length).filter((one) => one !== axis)];
  const shape = order.map((one) => x.shape[one] ?? 1);
  const ref = axis === 0 ? x.ref : ctx.build.emit("reshape", [x.ref], { shape });
  if (ref.kind !== "constant") return x;
  return valueOf(ctx.build.perSample(ref), x.type, order);
}
