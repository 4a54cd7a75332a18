// Decides which layers of a net sum integers, and which values are stored as integers for them.

import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { outputIds, topological, users } from "#ir/node-order.js";
import { elements, isInteger, sameShape } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import { isTranscendental, operand } from "#ops/scalar.js";
import { highest, highestByte } from "./steps.js";

/** An op that multiplies values by constant weights. */
export type Product = NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d"> | NodeOf<"dense">;

export interface IntegerPlan {
  /** The products that sum integers, in order. */
  readonly layers: readonly Product[];
  /** The values that are stored as integers. Those that are only moved share a step: each value has the group that it belongs to. */
  readonly groups: ReadonlyMap<NodeId, NodeId>;
  /** Values that stay in registers, since the op that reads them belongs to the same kernel. They are never integers. */
  readonly carried: ReadonlySet<NodeId>;
  /** Values of layers that are integers of eight bits only because the function that reads them is a table then (`docs/integers.md`). */
  readonly rounded: ReadonlySet<NodeId>;
}

/** The most terms of a sum: with more, products of 127 · 127 could leave 32 bits, together with a bias. */
const mostTerms = 2 ** 16;

/** Why a node that multiplies by weights cannot sum integers. Undefined if it can, and for all other nodes. */
export function unfit(graph: Graph, node: Node): string | undefined {
  if (node.op === "conv2d_transpose") return "transposed convolutions have no sums of integers";
  if (node.op === "matmul" && !isInteger(node.type.dtype)) return "both factors are computed";
  if (!isProduct(node) || isInteger(node.type.dtype)) return undefined;
  const [, w, b] = operands(graph, node);
  if (w?.op !== "constant" || b?.op !== "constant") return "its weights are computed";
  return termsOf(node, w) > mostTerms ? `more than ${mostTerms} terms could overflow 32 bits` : undefined;
}

export function isProduct(node: Node): node is Product {
  return node.op === "conv2d" || node.op === "depthwise_conv2d" || node.op === "dense";
}

function termsOf(node: Product, w: Node): number {
  return elements(w.type.shape) / (node.type.shape.at(-1) ?? 1);
}

/** What is kept as f32: products, and values that cannot be integers. */
export interface Kept {
  readonly layers?: ReadonlySet<NodeId>;
  readonly values?: ReadonlySet<NodeId>;
}

/**
 * The plan whose stored values all have a known range, except for what must stay f32. Without one value, others may be stored than the plan of all
 * values stores.
 */
export function planKnown(graph: Graph, kept: Kept, isKnown: (id: NodeId) => boolean): IntegerPlan {
  const values = new Set(kept.values);
  for (;;) {
    const plan = planIntegers(graph, { ...kept, values });
    const unknown = [...sourcesOf(graph, plan).values()].flat().filter((id) => !isKnown(id));
    if (unknown.length === 0) return plan;
    for (const id of unknown) values.add(id);
  }
}

/**
 * The plan for a graph of f32 values, except what must stay f32. A value is stored as integers if a product needs it, also through moves,
 * means and elementwise ops.
 */
export function planIntegers(graph: Graph, { layers: left, values: given }: Kept = {}): IntegerPlan {
  const order = topological(graph);
  // What is moved from a value that stays f32 stays f32.
  const values = new Set(given);
  for (const node of order)
    if (isMove(node) && node.inputs.some((id, at) => values.has(id) && !takesPlaces(node, at)))
      values.add(node.id);
  const fits = (node: Node): node is Product =>
    isProduct(node) &&
    node.type.dtype === "f32" &&
    unfit(graph, node) === undefined &&
    !left?.has(node.id) &&
    !values.has(node.inputs[0] ?? -1);
  const layers = order.filter(fits);
  const products = new Set(layers.map(({ id }) => id));
  const wanted = wantedValues(graph, products, values);
  const { carried, rounded } = withoutFunctions(graph, carriedValues(graph, wanted), wanted, products);
  const groups = new Map<NodeId, NodeId>();
  for (const node of order) if (wanted.has(node.id) && !carried.has(node.id)) groups.set(node.id, node.id);
  // A chain of moves has one group, named by the first of its values.
  const rootOf = (id: NodeId): NodeId => {
    let root = id;
    for (let next = groups.get(root) ?? root; next !== root; next = groups.get(root) ?? root) root = next;
    return root;
  };
  for (const node of order)
    if (groups.has(node.id) && isMove(node))
      for (const [at, id] of node.inputs.entries())
        if (!takesPlaces(node, at) && groups.has(id)) {
          const [a, b] = [rootOf(node.id), rootOf(id)];
          groups.set(Math.max(a, b), Math.min(a, b));
        }
  for (const id of groups.keys()) groups.set(id, rootOf(id));
  return { layers, groups, carried, rounded };
}

/** Whether a node only moves values, so that its integers have the step of its operand. */
export function isMove(node: Node): boolean {
  if (node.op === "resize") return node.attributes.method === "nearest";
  // Other values than zero would need to be one of the integers.
  if (node.op === "pad") return node.attributes.value === 0;
  return opOf(node.op).integers === "moves";
}

/** Whether an operand has places, which are never quantized. */
export function takesPlaces({ op }: Node, at: number): boolean {
  const { operands: table } = opOf(op);
  return table[Math.min(at, table.length - 1)]?.places ?? false;
}

/** Ops of one value whose result is worth being integers if its operand is, and the other way round. */
const smooth: ReadonlySet<string> = new Set(["avg_pool", "global_avg_pool", "reduce_mean", "resize"]);

function isElementwise({ op }: Node): boolean {
  return opOf(op).scalar !== undefined && op !== "quantize" && op !== "dequantize";
}

function wantedValues(
  graph: Graph,
  layers: ReadonlySet<NodeId>,
  kept: ReadonlySet<NodeId>,
): ReadonlySet<NodeId> {
  const wanted = new Set<NodeId>();
  for (const node of topological(graph).toReversed()) {
    const isWanted = wanted.has(node.id);
    for (const [at, operand] of operands(graph, node).entries()) {
      if (operand.type.dtype !== "f32" || kept.has(operand.id)) continue;
      const takes = layers.has(node.id)
        ? at === 0
        : isWanted &&
          (isMove(node)
            ? !takesPlaces(node, at)
            : smooth.has(node.op)
              ? at === 0
              : isElementwise(node) &&
                operand.op !== "constant" &&
                sameShape(operand.type.shape, node.type.shape));
      if (takes) wanted.add(operand.id);
    }
  }
  return wanted;
}

/** The most ops of a kernel, so that no chain of thousands is computed as one. */
const mostCarried = 64;

/**
 * Wanted values that only an elementwise op of the same shape reads: it joins the kernel that computes them. Of several operands one is carried, that
 * of a layer, or else the last.
 */
function carriedValues(graph: Graph, wanted: ReadonlySet<NodeId>): ReadonlySet<NodeId> {
  const carried = new Set<NodeId>();
  const depths = new Map<NodeId, number>();
  const order = topological(graph);
  const ofLayer = new Set(order.filter(isProduct).map(({ id }) => id));
  const outputs = outputIds(graph);
  const place = new Map(order.map(({ id }, at) => [id, at]));
  for (const node of order) {
    if (!isElementwise(node)) continue;
    const [best] = operands(graph, node)
      .filter(
        (one) =>
          wanted.has(one.id) &&
          (depths.get(one.id) ?? 0) < mostCarried &&
          one.op !== "input" &&
          one.op !== "constant" &&
          !isMove(one) &&
          !outputs.has(one.id) &&
          users(graph).get(one.id)?.length === 1 &&
          node.inputs.filter((id) => id === one.id).length === 1 &&
          sameShape(one.type.shape, node.type.shape),
      )
      .toSorted(
        (a, b) =>
          Number(ofLayer.has(b.id)) - Number(ofLayer.has(a.id)) ||
          (place.get(b.id) ?? 0) - (place.get(a.id) ?? 0),
      );
    if (!best) continue;
    carried.add(best.id);
    depths.set(node.id, (depths.get(best.id) ?? 0) + 1);
    if (ofLayer.has(best.id)) ofLayer.add(node.id);
  }
  return carried;
}

/** The greatest integer of a stored value. */
export function highestOf({ rounded }: IntegerPlan, id: NodeId): number {
  return rounded.has(id) ? highestByte : highest;
}

/** The carried values but those of a layer that a function such as `silu` reads whose result is stored: these are rounded before it. */
function withoutFunctions(
  graph: Graph,
  all: ReadonlySet<NodeId>,
  wanted: ReadonlySet<NodeId>,
  layers: ReadonlySet<NodeId>,
): Pick<IntegerPlan, "carried" | "rounded"> {
  const isRounded = (id: NodeId): boolean => {
    const [user] = users(graph).get(id) ?? [];
    const isStored = user !== undefined && wanted.has(user) && !all.has(user);
    return layers.has(id) && isStored && isFunction(nodeOf(graph, user));
  };
  const rounded = new Set([...all].filter(isRounded));
  return { carried: new Set([...all].filter((id) => !rounded.has(id))), rounded };
}

/** Whether a node is a function of one value that takes many operations: an exponential, a logarithm and the like. */
function isFunction({ op, inputs, attributes }: Node): boolean {
  const scalar = opOf(op).scalar?.([operand(0)], attributes as Readonly<Record<string, never>>);
  return inputs.length === 1 && scalar !== undefined && isTranscendental(scalar);
}

/** The values of each group that are computed and not only moved, by the group. */
export function sourcesOf(graph: Graph, { groups }: IntegerPlan): ReadonlyMap<NodeId, readonly NodeId[]> {
  const sources = new Map<NodeId, NodeId[]>();
  for (const [id, group] of groups) {
    const node = nodeOf(graph, id);
    const isMoved = isMove(node) && node.inputs.some((input) => groups.get(input) === group);
    const known = sources.get(group) ?? [];
    sources.set(group, known);
    if (!isMoved) known.push(id);
  }
  return sources;
}

/** The least and the greatest value that an activation lets through, if it does nothing else. */
export function cutOf(node: Node): readonly [number, number] | undefined {
  if (node.op === "relu") return [0, Number.POSITIVE_INFINITY];
  if (node.op === "relu6") return [0, 6];
  if (node.op !== "clip" || node.attributes.low > node.attributes.high) return undefined;
  return [node.attributes.low, node.attributes.high];
}

/** What is cut off from a layer's values before anything else reads them: all values pass if no such activation follows. */
export function cutAfter(graph: Graph, layer: NodeId): readonly [number, number] {
  const [user, ...others] = users(graph).get(layer) ?? [];
  const isAlone = user !== undefined && others.length === 0 && !outputIds(graph).has(layer);
  return (
    (isAlone ? cutOf(nodeOf(graph, user)) : undefined) ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  );
}
