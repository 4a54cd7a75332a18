// Finds where infinities and NaN may arise in a net whose inputs are finite. Kernels that add values and subtract them again (Winograd's
// algorithm) would spread them.

import type { Graph, Node, NodeId, WeightId } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf, inputsOf } from "#ir/weights.js";
import { opOf } from "#ops/index.js";

/** The largest literal that is searched: masks are small, and weights of layers are finite. */
const largest = 65_536;

/** For each node that may hold an infinity or NaN although the inputs do not, the op that causes it. */
export function nonFiniteSources(graph: Graph, weights: WeightStore): ReadonlyMap<NodeId, string> {
  const found = new Map<NodeId, string>();
  for (const node of topological(graph)) {
    const source = ownSource(node, graph, weights) ?? inherited(node, found);
    if (source !== undefined) found.set(node.id, source);
  }
  return found;
}

function inherited({ op, inputs }: Node, found: ReadonlyMap<NodeId, string>): string | undefined {
  if (opOf(op).nonFinite === "never") return undefined;
  const input = inputs.find((id) => found.has(id));
  return input === undefined ? undefined : found.get(input);
}

function ownSource(node: Node, graph: Graph, weights: WeightStore): string | undefined {
  if (node.op === "constant") return hasNonFinite(weights, node.attributes.weight) ? "a constant" : undefined;
  if (node.op === "pad") return Number.isFinite(node.attributes.value) ? undefined : "pad";
  switch (opOf(node.op).nonFinite) {
    case "elsewhere":
      return node.op;
    case "near zero": {
      const base = graph.nodes.get(node.inputs.at(-1) ?? -1);
      return base && isGuarded(graph, base) ? undefined : node.op;
    }
    default:
      return undefined;
  }
}

/**
 * Whether nets keep a value away from 0 in the usual ways: by a constant that is added (the epsilon of a variance) or a lower bound. A
 * weight is assumed not to be 0.
 */
function isGuarded(graph: Graph, base: Node): boolean {
  let guard = base;
  // A root is guarded if its operand is.
  for (let next: Node | undefined = base; next?.op === "sqrt"; guard = next ?? guard)
    next = graph.nodes.get(next.inputs[0] ?? -1);
  const { op, inputs, attributes } = guard;
  const operands = inputs.flatMap((id) => graph.nodes.get(id) ?? []);
  switch (op) {
    case "constant":
    case "exp":
      return true;
    case "add":
    case "max":
      return operands.some((operand) => operand.op === "constant");
    case "clip":
      return attributes.low > 0;
    default:
      return false;
  }
}

/** Whether a weight, or one that it is computed from, holds an infinity or NaN. Expressions may be as deep as a text is long. */
function hasNonFinite(weights: WeightStore, id: WeightId): boolean {
  const seen = new Set<WeightId>([id]);
  for (const next of seen) {
    const { source } = entryOf(weights, next);
    for (const input of inputsOf(source)) seen.add(input);
    const isShort = source.kind === "literal" && source.data.length <= largest;
    if (isShort && source.data.some((value) => !Number.isFinite(value))) return true;
  }
  return false;
}
