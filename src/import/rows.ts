// Values whose rows are counted, under import: what is known of their number, and what takes it into account.

import { natural, places } from "#ir/axis-order.js";
import type { NodeId } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import { evalNode } from "#ops/index.js";
import { combine } from "./broadcast.js";
import { int64 } from "./element-type.js";
import type { Lowering } from "./lowering.js";
import { map, scalar, valueOf } from "./lowering.js";
import { reshaped } from "./reshape.js";
import type { Ref, Value } from "./value.js";

/** Which axis of a value is counted, and how many rows it has. */
export function countOf(
  ctx: Lowering,
  x: Value,
): { readonly axis: number; readonly count: Value } | undefined {
  const counted = x.ref.kind === "node" ? ctx.build.counts.get(x.ref.id) : undefined;
  if (!counted) return undefined;
  const count = valueOf({ kind: "node", id: counted.count, shape: [] }, int64);
  return { axis: x.order[counted.axis] ?? 0, count };
}

/** Notes that only the first rows of a value count. */
export function withCount(ctx: Lowering, x: Value, axis: number, count: Value): Value {
  if (x.ref.kind !== "node") return x;
  const whole = ctx.build.nodeOf(reshaped(ctx, count, []).ref);
  // What it was made of has all rows.
  ctx.build.origins.delete(x.ref.id);
  ctx.build.counts.set(x.ref.id, { axis: places(x.order)[axis] ?? 0, count: originalOf(ctx, whole) });
  return x;
}

/** The node without axes that a number was first: two counts are the same if it is. */
function originalOf(ctx: Lowering, id: NodeId): NodeId {
  let [original, at] = [id, ctx.build.nodes.get(id)];
  while (at?.op === "reshape") {
    const [input = id] = at.inputs;
    at = ctx.build.nodes.get(input);
    if (at?.type.shape.length === 0) original = input;
  }
  return original;
}

/** The value with a number in the rows that do not count: all rows count then. */
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

/** Most elements of values between a count and what is computed from it. */
const fewNumbers = 64;

/** Most rows that a count is tried with. */
const countLimit = 4096;

/** The numbers of a small value for each count of rows that it may depend on; undefined if it depends on more than that. */
export function valuesByCount(ctx: Lowering, x: Value): readonly Tensor[] | undefined {
  return valuesTogether(ctx, [x])?.map(([value]) => value ?? { shape: [], data: new Float64Array() });
}

/** The same of some values, which may depend on one count. */
export function valuesTogether(
  ctx: Lowering,
  values: readonly Value[],
): readonly (readonly Tensor[])[] | undefined {
  if (values.every(({ ref }) => ref.kind === "constant"))
    return [values.map(({ ref, shape }) => ({ shape, data: numbersIn(ref) }))];
  const ids = values.map((value) => ctx.build.nodeOf(ctx.build.arranged(value)));
  const extents = extentsOf(ctx);
  const bases = ids.map((id) => basesOf(ctx, id, extents));
  if (bases.includes(undefined)) return undefined;
  const [count, ...others] = [...new Set(bases.flatMap((own) => [...(own ?? [])]))];
  if (count === undefined || others.length > 0) return undefined;
  const most = extents.get(count) ?? 0;
  if (most > countLimit) return undefined;
  const result: (readonly Tensor[])[] = [];
  for (let rows = 0; rows <= most; rows += 1) {
    const known = new Map([[count, { shape: [], data: Float64Array.of(rows) }]]);
    const row = ids.flatMap((id) => evaluated(ctx, id, known) ?? []);
    if (row.length < ids.length) return undefined;
    result.push(row);
  }
  return result;
}

function numbersIn(ref: Ref): Float64Array {
  return ref.kind === "constant" ? ref.numbers() : new Float64Array();
}

/** Of each count the most that it can be. */
function extentsOf(ctx: Lowering): Map<NodeId, number> {
  const extents = new Map<NodeId, number>();
  for (const [node, { axis, count }] of ctx.build.counts)
    extents.set(count, Math.max(extents.get(count) ?? 0, ctx.build.nodes.get(node)?.type.shape[axis] ?? 0));
  return extents;
}

/** The least and the greatest that a number can be, if it depends on a count alone. */
export function countRange(ctx: Lowering, x: Value): readonly [least: number, most: number] | undefined {
  const all = valuesByCount(ctx, x)?.map(({ data }) => data[0] ?? Number.NaN);
  if (!all) return undefined;
  return [
    all.reduce((least, one) => Math.min(least, one), Number.POSITIVE_INFINITY),
    all.reduce((most, one) => Math.max(most, one), Number.NEGATIVE_INFINITY),
  ];
}

/** Deepest chain of nodes that bounds are sought in. */
const boundDepth = 32;

/** The most that a number can be, as far as what it is computed from says; ∞ if that says nothing. */
export function mostOf(ctx: Lowering, x: Value): number {
  const known = countRange(ctx, x)?.[1];
  if (known !== undefined && !Number.isNaN(known)) return known;
  return boundsOf(ctx, ctx.build.nodeOf(ctx.build.arranged(x)), extentsOf(ctx), boundDepth)[1];
}

type Bounds = readonly [least: number, most: number];

function boundsOf(ctx: Lowering, id: NodeId, extents: ReadonlyMap<NodeId, number>, depth: number): Bounds {
  const node = ctx.build.nodes.get(id);
  const extent = extents.get(id);
  const [low, high]: Bounds = extent === undefined ? [-Infinity, Infinity] : [0, extent];
  if (!node || depth === 0) return [low, high];
  const all = node.inputs.map((input) => ctx.build.nodes.get(input));
  const of = (at: number): Bounds => {
    const input = node.inputs[at];
    return input === undefined ? [-Infinity, Infinity] : boundsOf(ctx, input, extents, depth - 1);
  };
  const within = ([least, most]: Bounds): Bounds => [Math.max(low, least), Math.min(high, most)];
  switch (node.op) {
    case "constant": {
      const { data } = ctx.build.store.read(node.attributes.weight);
      return data.length > fewNumbers
        ? [low, high]
        : data.reduce<Bounds>(
            ([least, most], one) => [Math.min(least, one), Math.max(most, one)],
            [Infinity, -Infinity],
          );
    }
    case "equal":
    case "less":
    case "less_equal":
      return [0, 1];
    case "reshape":
    case "transpose":
    case "identity":
    case "slice":
      return within(of(0));
    case "min":
      return within([Math.min(of(0)[0], of(1)[0]), Math.min(of(0)[1], of(1)[1])]);
    case "max":
      return within([Math.max(of(0)[0], of(1)[0]), Math.max(of(0)[1], of(1)[1])]);
    case "where":
      return within([Math.min(of(1)[0], of(2)[0]), Math.max(of(1)[1], of(2)[1])]);
    case "reduce_sum": {
      const terms = elements(all[0]?.type.shape ?? []) / elements(node.type.shape);
      const [least, most] = of(0);
      return within([Math.min(0, least) * terms, Math.max(0, most) * terms]);
    }
    default:
      return [low, high];
  }
}

/** The counts that a node is computed from by way of few numbers; undefined if it is computed from more. */
function basesOf(
  ctx: Lowering,
  id: NodeId,
  counts: ReadonlyMap<NodeId, number>,
): ReadonlySet<NodeId> | undefined {
  const node = ctx.build.nodes.get(id);
  const itself = counts.has(id) ? new Set([id]) : undefined;
  if (!node || node.op === "input" || elements(node.type.shape) > fewNumbers) return itself;
  const all = new Set<NodeId>();
  for (const input of node.inputs) {
    const own = basesOf(ctx, input, counts);
    if (!own) return itself;
    for (const one of own) all.add(one);
  }
  return all;
}

/** What a node is if some others have these values; undefined if it depends on more. */
function evaluated(ctx: Lowering, id: NodeId, known: Map<NodeId, Tensor>): Tensor | undefined {
  const before = known.get(id);
  if (before) return before;
  const node = ctx.build.nodes.get(id);
  if (!node || node.op === "input" || elements(node.type.shape) > countLimit) return undefined;
  if (node.op === "constant") return ctx.build.store.read(node.attributes.weight);
  const inputs = node.inputs.map((input) => evaluated(ctx, input, known));
  if (inputs.some((input) => input === undefined)) return undefined;
  const result = evalNode(
    node,
    inputs.flatMap((input) => input ?? []),
  );
  known.set(id, result);
  return result;
}
