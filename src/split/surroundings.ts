// The surroundings of a convolution: the value that is added to its result, and whether an activation follows.

import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological, users } from "#ir/node-order.js";
import { sameShape } from "#ir/type.js";
import { comparedOutputs } from "#gradient/compared-values.js";

export interface Surroundings {
  /** If only an `add` reads the result: the id of the `add`, and of its other operand. */
  readonly sum?: { readonly node: NodeId; readonly shortcut: NodeId };
  /** Whether only a `relu` reads the result, or that sum. */
  readonly relu: boolean;
}

export function surroundingsOf(graph: Graph, conv: Node): Surroundings {
  const sum = onlyUser(graph, conv.id);
  const [left, right] = sum?.op === "add" ? sum.inputs : [];
  const shortcut = left === conv.id ? right : left;
  if (sum?.op !== "add" || shortcut === undefined || shortcut === conv.id)
    return { relu: sum?.op === "relu" };
  const isTensor = sameShape(nodeOf(graph, shortcut).type.shape, conv.type.shape);
  if (!isTensor) return { relu: false };
  return { sum: { node: sum.id, shortcut }, relu: onlyUser(graph, sum.id)?.op === "relu" };
}

/** The only node that reads a value; undefined if several do or if it is an output. */
function onlyUser(graph: Graph, id: NodeId): Node | undefined {
  const [first, ...others] = users(graph).get(id) ?? [];
  const isOutput = graph.outputs.some(({ node }) => node === id);
  return first === undefined || others.length > 0 || isOutput ? undefined : nodeOf(graph, first);
}

/** How the outputs depend on a node's value. */
export interface Reach {
  /** The outputs that depend on it. */
  readonly outputs: readonly NodeId[];
  /** Other values that those outputs need and that do not depend on the node, without constants. */
  readonly otherInputs: readonly NodeId[];
}

export function reachOf(graph: Graph, id: NodeId): Reach {
  const dependent = new Set<NodeId>([id]);
  for (const node of topological(graph))
    if (node.inputs.some((input) => dependent.has(input))) dependent.add(node.id);
  const outputs = comparedOutputs(graph).filter((node) => dependent.has(node));
  const beside = new Set<NodeId>();
  const seen = new Set<NodeId>();
  const waiting = [...outputs];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at === id || seen.has(at)) continue;
    seen.add(at);
    if (dependent.has(at)) for (const input of nodeOf(graph, at).inputs) waiting.push(input);
    else if (nodeOf(graph, at).op !== "constant") beside.add(at);
  }
  return { outputs, otherInputs: [...beside] };
}
