// Which nodes make one kernel, and in which order the kernels run.

import type { Graph, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { topological } from "#ir/order.js";
import { bug } from "#diagnostic/diagnostic.js";

/** Nodes of one kernel in order; a node that no fusion took is alone. */
export type NodeGroup = readonly Node[];

/**
 * The groups in an order in which every group stands after those that it reads. Throws `InternalError` if the groups
 * wait for each other: a path left a fused group and came back.
 */
export function groupNodes(graph: Graph): NodeGroup[] {
  const order = topological(graph).filter((node) => node.op !== "input" && node.op !== "constant");
  const keyOf = (node: Node): string => node.kernel ?? `${node.id}`;
  const groups = new Map<string, Node[]>();
  for (const node of order) {
    const group = groups.get(keyOf(node));
    if (group) group.push(node);
    else groups.set(keyOf(node), [node]);
  }
  const done = new Set<string>();
  const result: NodeGroup[] = [];
  const waiting = [...groups];
  while (waiting.length > 0) {
    const at = waiting.findIndex(([key, nodes]) => isReady(graph, key, nodes, done, keyOf));
    const [entry] = at < 0 ? [] : waiting.splice(at, 1);
    if (!entry) bug(`the kernels of ${graph.name} wait for each other`);
    done.add(entry[0]);
    result.push(entry[1]);
  }
  return result;
}

function isReady(
  graph: Graph,
  key: string,
  nodes: readonly Node[],
  done: ReadonlySet<string>,
  keyOf: (node: Node) => string,
): boolean {
  return nodes.every((node) =>
    operands(graph, node).every((input) => {
      const other = keyOf(input);
      return input.op === "input" || input.op === "constant" || other === key || done.has(other);
    }),
  );
}
