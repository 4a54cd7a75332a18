// Finds chains that begin like those of a fusion, and the link at which they end.

import type { Graph, Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological, users } from "#ir/node-order.js";
import type { Fusion } from "./fusion.js";
import { nextStates, startStates } from "./fusion.js";

/** A chain that does not reach the last link. */
export interface NearChain {
  readonly nodes: readonly Node[];
  /** The links that could take the next node: names of ops or classes. */
  readonly expected: readonly string[];
  /** The reader of the last value that no link takes; undefined if nothing reads it. */
  readonly next?: Node;
}

/** The longest chains that begin at each node and end before the last link, the longest first. Those inside a longer one are left out. */
export function nearChains(fusion: Fusion, graph: Graph): NearChain[] {
  const all: NearChain[] = [];
  const inside = new Set<Node>();
  for (const start of topological(graph)) {
    if (start.op === "input" || start.op === "constant" || inside.has(start)) continue;
    const chain = follow(fusion, graph, start);
    if (!chain) continue;
    for (const node of chain.nodes) inside.add(node);
    all.push(chain);
  }
  return all.toSorted((a, b) => b.nodes.length - a.nodes.length);
}

/** Follows a chain as far as links take a reader; undefined if it reaches the last link, or if no link takes its first node. */
function follow(fusion: Fusion, graph: Graph, start: Node): NearChain | undefined {
  const nodes: Node[] = [];
  let states = startStates(fusion);
  for (let next: Node | undefined = start; next;) {
    const after = nextStates(fusion, states, graph, next);
    if (after.size === 0)
      return nodes.length === 0 ? undefined : { nodes, expected: namesOf(fusion, states), next };
    states = after;
    nodes.push(next);
    if (states.has(fusion.links.length)) return undefined;
    const readers: readonly Node[] = (users(graph).get(next.id) ?? []).map((id) => nodeOf(graph, id));
    next = readers.find((reader) => nextStates(fusion, after, graph, reader).size > 0) ?? readers[0];
  }
  return { nodes, expected: namesOf(fusion, states) };
}

function namesOf(fusion: Fusion, states: ReadonlySet<number>): string[] {
  return [...new Set([...states].flatMap((state) => fusion.links[state]?.name ?? []))];
}
