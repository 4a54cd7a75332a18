// What of a network's outputs is compared: logits in the place of probabilities.

import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import { opOf } from "#ops/index.js";

/**
 * The values behind the outputs, each once: of a softmax its operand, which still tells apart what is all but certain. Inputs and constants are
 * left out.
 */
export function judgedValues(graph: Graph): NodeId[] {
  const values = graph.outputs.map(({ node }) => {
    const { op, inputs } = nodeOf(graph, node);
    return op === "softmax" ? (inputs[0] ?? node) : node;
  });
  return [...new Set(values)].filter((id) => !["input", "constant"].includes(nodeOf(graph, id).op));
}

/** The value behind a layer: through elementwise ops that follow one after another, as a sum with a shortcut and its activation. */
export function valueBehind(graph: Graph, layer: Node): NodeId {
  let node = layer;
  for (;;) {
    const [user, second] = users(graph).get(node.id) ?? [];
    if (user === undefined || second !== undefined) return node.id;
    const following = nodeOf(graph, user);
    if (!opOf(following.op).scalar || graph.outputs.some((output) => output.node === node.id)) return node.id;
    node = following;
  }
}
