// Which values of a network are compared: logits instead of probabilities, and the value after the elementwise ops of a layer.

import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import { isInteger } from "#ir/type.js";
import { opOf } from "#ops/index.js";

/**
 * The values of the outputs, each once; instead of a softmax its operand, because it still distinguishes classes that are almost certain.
 * Without inputs and constants.
 */
export function comparedOutputs(graph: Graph): NodeId[] {
  const values = graph.outputs.map(({ node }) => {
    const { op, inputs } = nodeOf(graph, node);
    return op === "softmax" ? (inputs[0] ?? node) : node;
  });
  return [...new Set(values)].filter((id) => !["input", "constant"].includes(nodeOf(graph, id).op));
}

/** The value after a layer and the elementwise ops that follow it one after another, such as a sum with a shortcut and its activation. */
export function valueAfter(graph: Graph, layer: Node): NodeId {
  let node = layer;
  for (;;) {
    const [user, second] = users(graph).get(node.id) ?? [];
    if (user === undefined || second !== undefined) return node.id;
    const following = nodeOf(graph, user);
    const isLast = graph.outputs.some((output) => output.node === node.id) || isInteger(following.type.dtype);
    if (!opOf(following.op).scalar || isLast) return node.id;
    node = following;
  }
}
