// Finds the nodes that make one kernel, and the order in which the kernels run.

import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { groupsOf, topological } from "#ir/node-order.js";
import { bug } from "#diagnostic/diagnostic.js";
import { convertsAsRead, isConversion, isConvertedByReaders } from "#template/conversions.js";

/**
 * The nodes that one kernel computes, in the order of the graph: those of a fusion, or one without, and the conversions of integers that
 * the kernel makes as it reads, before the first node that needs them. Such a conversion is in the group of each reader.
 */
export type NodeGroup = readonly Node[];

/** The conversions that the kernel of a group makes as it reads, by id: they are in no fusion, and not what the group is for. */
export function conversionsOf(nodes: NodeGroup): ReadonlyMap<NodeId, Node> {
  const last = nodes.at(-1);
  return new Map(
    nodes.filter((node) => node !== last && node.kernel === undefined).map((node) => [node.id, node]),
  );
}

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
  return result.filter((group) => !isElsewhere(graph, group)).map((group) => withConversions(graph, group));
}

/** Whether a group is a conversion that the kernels of all readers compute. */
function isElsewhere(graph: Graph, [node, ...more]: NodeGroup): boolean {
  return node !== undefined && more.length === 0 && isRead(graph, node) && isConvertedByReaders(graph, node);
}

function withConversions(graph: Graph, nodes: NodeGroup): NodeGroup {
  const found = new Set<Node>();
  for (const node of nodes) {
    for (const input of operands(graph, node))
      if (isRead(graph, input) && convertsAsRead(graph, input, node)) found.add(input);
    found.add(node);
  }
  return found.size === nodes.length ? nodes : [...found];
}

/** Whether kernels compute a node as they read its operand, if they can: a conversion that is not part of a fusion. */
function isRead(graph: Graph, node: Node): node is NodeOf<"dequantize"> {
  return node.kernel === undefined && isConversion(graph, node);
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
