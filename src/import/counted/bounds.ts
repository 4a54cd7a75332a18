// What is known about numbers that depend on a count of rows: their values for each count, and their least and greatest value.

import { greatest, least } from "#diagnostic/extremes.js";
import type { Node, NodeId, OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import { evalNode } from "#ops/index.js";
import type { Lowering } from "#import/lowering.js";
import type { Ref, Value } from "#import/value.js";

/** The most elements of a value on the way from a count to a number that is computed from it. */
const fewNumbers = 64;

/** The most rows of a count whose possible values are all tried. */
const countLimit = 4096;

/** The numbers of a small value for each possible count of rows; undefined if the value depends on anything else. */
function valuesByCount(ctx: Lowering, x: Value): readonly Tensor[] | undefined {
  return valuesTogether(ctx, [x])?.map(([value]) => value ?? { shape: [], data: new Float64Array() });
}

/** The same for several values that depend on one common count. */
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

/** The greatest possible value of each count. */
function extentsOf(ctx: Lowering): Map<NodeId, number> {
  const extents = new Map<NodeId, number>();
  for (const [node, { axis, count }] of ctx.build.counts)
    extents.set(count, Math.max(extents.get(count) ?? 0, ctx.build.nodes.get(node)?.type.shape[axis] ?? 0));
  return extents;
}

/** The least and the greatest possible value of a number that depends only on a count. */
export function countRange(ctx: Lowering, x: Value): readonly [least: number, most: number] | undefined {
  const all = valuesByCount(ctx, x)?.map(({ data }) => data[0] ?? Number.NaN);
  return all && [least(all), greatest(all)];
}

/** The most nodes that are examined for one number. */
const nodeLimit = 4096;

/**
 * A node and the nodes that it is computed from, operands first. The search stops at nodes for which `ends` holds; the result is undefined
 * if there are too many nodes. A node is always made after its operands, so the order of the ids is the order of computation.
 */
function nodesBehind(ctx: Lowering, id: NodeId, ends: (id: NodeId) => boolean): Node[] | undefined {
  const found = new Set<NodeId>([id]);
  // Iterating over a set also visits the elements added during the iteration.
  for (const next of found) {
    if (ends(next)) continue;
    for (const input of ctx.build.nodes.get(next)?.inputs ?? []) found.add(input);
    if (found.size > nodeLimit) return undefined;
  }
  return [...found].sort((x, y) => x - y).flatMap((one) => ctx.build.nodes.get(one) ?? []);
}

/** An upper bound of a number, as far as its operands give one; else ∞. */
export function mostOf(ctx: Lowering, x: Value): number {
  const known = countRange(ctx, x)?.[1];
  if (known !== undefined && !Number.isNaN(known)) return known;
  return boundsOf(ctx, ctx.build.nodeOf(ctx.build.arranged(x)))[1];
}

type Bounds = readonly [least: number, most: number];

const unbounded: Bounds = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

/** Ops whose bounds follow from the bounds of their operands. */
const bounding: ReadonlySet<OpName> = new Set<OpName>([
  "reshape",
  "transpose",
  "identity",
  "slice",
  "min",
  "max",
  "where",
  "reduce_sum",
]);

/** Lower and upper bound of the elements of a node. */
function boundsOf(ctx: Lowering, id: NodeId): Bounds {
  const extents = extentsOf(ctx);
  const known = new Map<NodeId, Bounds>();
  const isEnd = (one: NodeId): boolean => !bounding.has(ctx.build.nodes.get(one)?.op ?? "input");
  for (const node of nodesBehind(ctx, id, isEnd) ?? []) {
    const extent = extents.get(node.id);
    const [low, high] = ownBounds(ctx, node, (at) => known.get(node.inputs[at] ?? -1) ?? unbounded);
    known.set(node.id, extent === undefined ? [low, high] : [Math.max(0, low), Math.min(extent, high)]);
  }
  return known.get(id) ?? unbounded;
}

function ownBounds(ctx: Lowering, node: Node, of: (operand: number) => Bounds): Bounds {
  const [a, b, c] = [of(0), of(1), of(2)];
  switch (node.op) {
    case "constant": {
      if (elements(node.type.shape) > fewNumbers) return unbounded;
      const { data } = ctx.build.store.read(node.attributes.weight);
      return [least(data), greatest(data)];
    }
    case "equal":
    case "less":
    case "less_equal":
      return [0, 1];
    case "reshape":
    case "transpose":
    case "identity":
    case "slice":
      return a;
    case "min":
      return [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    case "max":
      return [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
    case "where":
      return [Math.min(b[0], c[0]), Math.max(b[1], c[1])];
    case "reduce_sum": {
      const summed = elements(ctx.build.nodes.get(node.inputs[0] ?? -1)?.type.shape ?? []);
      const terms = summed / elements(node.type.shape);
      return [Math.min(0, a[0]) * terms, Math.max(0, a[1]) * terms];
    }
    default:
      return unbounded;
  }
}

/** The counts that a node is computed from through small values only; undefined if it is computed from anything else. */
function basesOf(
  ctx: Lowering,
  id: NodeId,
  counts: ReadonlyMap<NodeId, number>,
): ReadonlySet<NodeId> | undefined {
  const isMuch = ({ op, type }: Node): boolean => op === "input" || elements(type.shape) > fewNumbers;
  const isEnd = (one: NodeId): boolean => {
    const node = ctx.build.nodes.get(one);
    return !node || isMuch(node);
  };
  const known = new Map<NodeId, ReadonlySet<NodeId> | undefined>();
  for (const node of nodesBehind(ctx, id, isEnd) ?? []) {
    const own = node.inputs.map((input) => known.get(input));
    // A node that is computed from more than counts may itself be a count.
    const isKnown = !isMuch(node) && own.every((one) => one !== undefined);
    const itself = counts.has(node.id) ? new Set([node.id]) : undefined;
    known.set(node.id, isKnown ? new Set(own.flatMap((one) => [...(one ?? [])])) : itself);
  }
  return known.get(id);
}

/** The value of a node if other nodes have the given values; undefined if it depends on more than those. */
function evaluated(ctx: Lowering, id: NodeId, known: Map<NodeId, Tensor>): Tensor | undefined {
  for (const node of nodesBehind(ctx, id, (one) => known.has(one)) ?? []) {
    if (known.has(node.id)) continue;
    if (node.op === "input" || elements(node.type.shape) > countLimit) return undefined;
    const inputs = node.inputs.flatMap((input) => known.get(input) ?? []);
    if (inputs.length < node.inputs.length) return undefined;
    known.set(
      node.id,
      node.op === "constant" ? ctx.build.store.read(node.attributes.weight) : evalNode(node, inputs),
    );
  }
  return known.get(id);
}
