// Activations that a peer computes together with the op before them, as its converter would arrange it.

import type { Graph, Node, NodeId, OpName } from "../src/ir/graph.js";

export type Activation = "relu" | "relu6";

/** For each node of these ops the activation that follows it, if nothing else uses its value. */
export function fusedActivations(
  graph: Graph,
  ops: ReadonlySet<OpName>,
): Map<NodeId, { readonly id: NodeId; readonly op: Activation }> {
  const outputs = new Set(graph.outputs.map(({ node }) => node));
  const users = new Map<NodeId, Node[]>();
  for (const node of graph.nodes.values())
    for (const id of node.inputs) users.set(id, [...(users.get(id) ?? []), node]);
  const fused = new Map<NodeId, { id: NodeId; op: Activation }>();
  for (const { id, op } of graph.nodes.values()) {
    const [user, ...more] = users.get(id) ?? [];
    if (!ops.has(op) || !user || more.length > 0 || outputs.has(id)) continue;
    if (user.op === "relu" || user.op === "relu6") fused.set(id, { id: user.id, op: user.op });
  }
  return fused;
}
