// What of a network's outputs is compared: logits in the place of probabilities.

import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";

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
