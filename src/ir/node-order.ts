// Topological order and users of a graph, computed once per graph: graphs are immutable, so a WeakMap can cache them.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, KernelId, Node, NodeId } from "./graph.js";
import { nodeOf } from "./graph.js";
import { Heap } from "./heap.js";

/**
 * The nodes in an order in which every operand precedes its users. Of the nodes that can come next, the one with the
 * least (position, id) is first, so a rewrite does not reorder nodes that it does not change.
 * Throws `InternalError` if the graph has a cycle.
 */
export const topological = memoise((graph: Graph): readonly Node[] => {
  const waiting = new Map<NodeId, number>();
  const ready = new Heap(before);
  for (const node of graph.nodes.values()) {
    const count = new Set(node.inputs).size;
    waiting.set(node.id, count);
    if (count === 0) ready.push(node);
  }
  const order: Node[] = [];
  for (let node = ready.pop(); node; node = ready.pop()) {
    order.push(node);
    for (const use of users(graph).get(node.id) ?? []) {
      const left = (waiting.get(use) ?? 0) - 1;
      waiting.set(use, left);
      if (left === 0) ready.push(nodeOf(graph, use));
    }
  }
  if (order.length !== graph.nodes.size) bug(`graph ${graph.name} has a cycle`);
  return order;
});

/** For each node that others use, the ids of its users, each once. An output of the net is not a use. */
export const users = memoise((graph: Graph): ReadonlyMap<NodeId, readonly NodeId[]> => {
  const result = new Map<NodeId, NodeId[]>();
  for (const node of graph.nodes.values()) {
    for (const input of new Set(node.inputs)) {
      const list = result.get(input);
      if (list) list.push(node.id);
      else result.set(input, [node.id]);
    }
  }
  return result;
});

/** The nodes of each kernel, in the order in which they are given. */
export function nodesByKernel(nodes: Iterable<Node>): ReadonlyMap<KernelId, readonly Node[]> {
  const groups = new Map<KernelId, Node[]>();
  for (const node of nodes) {
    if (node.kernel === undefined) continue;
    const group = groups.get(node.kernel);
    if (group) group.push(node);
    else groups.set(node.kernel, [node]);
  }
  return groups;
}

/** All nodes of a node's kernel, in the order in which they are given; the node alone if it is in none. */
export function groupsOf(nodes: Iterable<Node>): (node: Node) => readonly Node[] {
  const groups = nodesByKernel(nodes);
  return (node) => (node.kernel === undefined ? undefined : groups.get(node.kernel)) ?? [node];
}

/** The ids of the nodes that are outputs of the net. */
export const outputIds = memoise(
  (graph: Graph): ReadonlySet<NodeId> => new Set(graph.outputs.map((output) => output.node)),
);

/** Memoises a function of a graph by the graph's identity. */
export function memoise<T>(compute: (graph: Graph) => T): (graph: Graph) => T {
  const memo = new WeakMap<Graph, { value: T }>();
  return (graph) => {
    let entry = memo.get(graph);
    if (!entry) memo.set(graph, (entry = { value: compute(graph) }));
    return entry.value;
  };
}

function before(a: Node, b: Node): boolean {
  return a.position !== b.position ? a.position < b.position : a.id < b.id;
}

/** The nodes whose axis 0 is the open batch: those that depend on an input. */
export function batchedNodes(graph: Graph): ReadonlySet<NodeId> {
  const result = new Set<NodeId>();
  if (graph.batch === undefined) return result;
  for (const { id, op, inputs } of topological(graph))
    if (op === "input" || inputs.some((input) => result.has(input))) result.add(id);
  return result;
}
