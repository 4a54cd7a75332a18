// Which nodes make one kernel, and in which order the kernels run.

import type { Graph, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { bug } from "#diagnostic/diagnostic.js";

/** Nodes of one kernel in the order of the graph; a node that no fusion took is alone. */
export type NodeGroup = readonly Node[];

/**
 * The groups in the order of their last nodes. That is an order in which every group stands after those that it reads:
 * what a group reads is the last value of another, which stands before its reader, and so before the reader's group's last.
 * Throws `InternalError` if a group reads an inner value of another, which no fusion makes.
 */
export function groupNodes(graph: Graph): NodeGroup[] {
  const groups = new Map<string, Node[]>();
  for (const node of topological(graph)) {
    if (node.op === "input" || node.op === "constant") continue;
    const key = node.kernel ?? `node ${node.id}`;
    const group = groups.get(key);
    // Deleting and setting keeps the map in the order of last nodes.
    groups.delete(key);
    groups.set(key, group ? [...group, node] : [node]);
  }
  const result = [...groups.values()];
  checkInner(graph, result);
  return result;
}

function checkInner(graph: Graph, groups: readonly NodeGroup[]): void {
  const groupOf = new Map(groups.flatMap((nodes) => nodes.map((node) => [node.id, nodes] as const)));
  const isInner = (id: number): boolean => groupOf.get(id)?.at(-1)?.id !== id && groupOf.has(id);
  for (const nodes of groups) {
    for (const node of nodes) {
      const inner = operands(graph, node).find(
        (input) => isInner(input.id) && groupOf.get(input.id) !== nodes,
      );
      if (inner) bug(`${node.name} reads ${inner.name}, which stays inside kernel ${inner.kernel ?? ""}`);
    }
  }
  const output = graph.outputs.find(({ node }) => isInner(node));
  if (output) bug(`output ${output.name} stays inside a kernel`);
}
