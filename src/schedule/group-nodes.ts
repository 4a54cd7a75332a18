// Finds the nodes that make one kernel, and the order in which the kernels run.

import type { Graph, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { groupsOf, topological } from "#ir/node-order.js";
import { bug } from "#diagnostic/diagnostic.js";

/** The nodes of one kernel in the order of the graph; a node without a fusion is a group alone. */
export type NodeGroup = readonly Node[];

/**
 * The groups in the order of their last nodes. In this order, every group comes after those that it reads: a group reads the last value of
 * another group, which precedes its reader, and so the last node of the reader's group. Throws `InternalError` if a group reads an inner
 * value of another, which no fusion makes.
 */
export function groupNodes(graph: Graph): NodeGroup[] {
  const nodes = topological(graph).filter(({ op }) => op !== "input" && op !== "constant");
  const groupOf = groupsOf(nodes);
  const result = nodes.map(groupOf).filter((group, at) => group.at(-1) === nodes[at]);
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
