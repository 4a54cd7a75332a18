// Ids and names that no node of a graph has, for passes that add nodes.

import type { Graph, NodeId } from "./graph.js";

/** Gives new ids and names. */
export interface Fresh {
  nextId(): NodeId;
  /** The name itself, or with a count behind it if it is taken. */
  unique(name: string): string;
  /** `nextId` of the graph with what was given. */
  readonly next: NodeId;
}

export function createFresh(graph: Graph): Fresh {
  const names = new Set([...graph.nodes.values()].map(({ name }) => name));
  let next = graph.nextId;
  return {
    nextId: () => next++,
    unique: (wish) => {
      let name = wish;
      for (let count = 2; names.has(name); count += 1) name = `${wish}.${count}`;
      names.add(name);
      return name;
    },
    get next() {
      return next;
    },
  };
}
