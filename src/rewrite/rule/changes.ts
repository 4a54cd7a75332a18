// What each application of a sweep changes in the graph before it, found in one walk over all of them.

import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";

/** What an application did to the graph before it. */
export interface GraphChange {
  /** The nodes that are new, or another now; undefined for those that are gone. */
  readonly nodes: ReadonlyMap<NodeId, Node | undefined>;
  /** The outputs, if they are others now. */
  readonly outputs?: Graph["outputs"];
}

/** An application: the nodes that it covered, those that it built, and the values that replace its roots. */
export interface Rewrite {
  readonly covered: readonly NodeId[];
  readonly built: readonly Node[];
  readonly aliases: readonly { readonly from: NodeId; readonly to: NodeId }[];
}

/**
 * The change by each of some rewrites that do not overlap, from the graph after those before it. All of them take time for the nodes of the
 * graph once; to make each graph takes that for each rewrite.
 */
export function changesByRewrite(graph: Graph, rewrites: readonly Rewrite[]): readonly GraphChange[] {
  const nodes = new Map(graph.nodes);
  const removed = new Map<NodeId, Node>();
  const aliases = new Map<NodeId, NodeId>();
  /** How often each node is read, also as an output, and by which nodes. */
  const uses = new Map<NodeId, number>();
  const readers = new Map<NodeId, Set<NodeId>>();
  /** The nodes that go if nothing reads them. Others that nothing reads stay. */
  const suspects = new Set<NodeId>();
  let { outputs } = graph;
  let changed = new Map<NodeId, Node | undefined>();
  let unused: NodeId[] = [];

  const count = (id: NodeId, by: number): void => {
    const left = (uses.get(id) ?? 0) + by;
    uses.set(id, left);
    if (left === 0) unused.push(id);
  };
  const link = ({ id, inputs }: Node): void => {
    for (const input of inputs) {
      count(input, 1);
      const list = readers.get(input);
      if (list) list.add(id);
      else readers.set(input, new Set([id]));
    }
  };
  const unlink = ({ id, inputs }: Node): void => {
    for (const input of inputs) {
      count(input, -1);
      readers.get(input)?.delete(id);
    }
  };
  const resolve = (id: NodeId): NodeId => {
    let to = id;
    for (let next = aliases.get(to); next !== undefined; next = aliases.get(to)) to = next;
    return to;
  };
  const put = (first: Node): void => {
    const work = [first];
    for (let node = work.pop(); node; node = work.pop()) {
      const isStale = node.inputs.some((id) => aliases.has(id));
      const next = isStale ? { ...node, inputs: node.inputs.map(resolve) } : node;
      const old = nodes.get(node.id);
      if (old) unlink(old);
      nodes.set(node.id, next);
      changed.set(node.id, next);
      link(next);
      // What an earlier rewrite left unused may be read again.
      for (const input of next.inputs) {
        const gone = nodes.has(input) ? undefined : removed.get(input);
        if (gone) work.push(gone);
      }
    }
  };
  const removeUnused = (): void => {
    for (let id = unused.pop(); id !== undefined; id = unused.pop()) {
      const node = nodes.get(id);
      if (!node || node.op === "input" || (uses.get(id) ?? 0) > 0 || !suspects.has(id)) continue;
      nodes.delete(id);
      changed.set(id, undefined);
      removed.set(id, node);
      for (const input of node.inputs) suspects.add(input);
      unlink(node);
    }
  };

  for (const node of graph.nodes.values()) link(node);
  for (const { node } of outputs) count(node, 1);
  return rewrites.map(({ covered, built, aliases: own }): GraphChange => {
    changed = new Map();
    unused = [];
    for (const { from, to } of own) aliases.set(from, to);
    for (const node of built) put(node);
    for (const { from } of own) {
      // What is put here reads other nodes, so it leaves this set.
      for (const reader of readers.get(from) ?? []) {
        const node = nodes.get(reader);
        if (node) put(node);
      }
    }
    const before = outputs;
    if (before.some(({ node }) => aliases.has(node))) {
      outputs = before.map((output) => ({ ...output, node: resolve(output.node) }));
      for (const { node } of outputs) count(node, 1);
      for (const { node } of before) count(node, -1);
    }
    for (const id of covered.flatMap((one) => [one, ...nodeOf(graph, one).inputs])) {
      suspects.add(id);
      if ((uses.get(id) ?? 0) === 0) unused.push(id);
    }
    removeUnused();
    return { nodes: changed, ...(outputs === before ? {} : { outputs }) };
  });
}
