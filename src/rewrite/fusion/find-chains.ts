// Finds the chains of a fusion in a graph: those that one kernel can hold, and the reasons why others cannot be one kernel.

import { given } from "#diagnostic/given.js";
import type { Graph, Node, NodeId, TemplateName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { memoise, outputIds, topological, users } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { addedProduct } from "#ops/added-product.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Fusion } from "./fusion.js";
import { nextStates, startStates } from "./fusion.js";
import type { Held } from "#template/chain.js";
import { isByteSum } from "#template/byte-sums.js";
import { chainOf, isMap, joinProblem, templateOf } from "#template/chain.js";
import { isConversion, isConvertedByReaders } from "#template/conversions.js";

/** A legal chain: only nodes of the chain use its values, except the last one. So the kernel has one result. */
export interface Chain {
  readonly fusion: Fusion;
  /** In the order of computation. */
  readonly nodes: readonly Node[];
  /** The template that holds it. */
  readonly template: TemplateName;
}

/** A chain that the links of the fusion describe, but that cannot be one kernel or would not save anything. */
export interface Refusal {
  readonly fusion: string;
  /** The nodes up to where the chain was followed. */
  readonly nodes: readonly Node[];
  readonly reason: string;
}

/** What was found from one node on. */
export interface Growth {
  /** The longest legal chain of at least two nodes. */
  readonly chain?: Chain;
  /** Why a longer chain is not legal. */
  readonly refusal?: Refusal;
  /** The nodes that were looked at. If none of them goes into a kernel, the same is found again. */
  readonly seen: readonly Node[];
}

/**
 * The longest legal chain of at least two nodes from a node on. `isFree` says which nodes are not in a kernel yet.
 *
 * A chain grows in the order of the graph: the next node is always the first one outside that reads one of its values. It is
 * legal if no value but the last is read outside or is an output of the net. So no path leaves the chain and comes back (it would
 * leave from an inner value), no operand from outside depends on the chain, and no two chains depend on each other.
 */
export function growChain(
  fusion: Fusion,
  graph: Graph,
  target: Target,
  start: Node,
  isFree: (node: Node) => boolean,
): Growth {
  const chain: Node[] = [];
  let states = startStates(fusion);
  // The lengths at which the chain matches all links.
  const finished: number[] = [];
  const places = new Map<NodeId, number>();
  // Nodes of the chain that nodes outside read.
  let open: Node[] = [];
  let reason: string | undefined;
  let lastStage = -1;
  let next: Node | undefined = start;
  while (next) {
    const after = nextStates(fusion, states, graph, next);
    if (after.size === 0) {
      const last = chain.at(-1);
      const other = last && userThatFits(fusion, states, graph, last);
      if (!other) break;
      // The chain ends because a node outside reads a value first. The refusal names the chain that it would have been.
      reason = `\`${last.name}\` is also read by \`${next.name}\`, outside the chain`;
      states = nextStates(fusion, states, graph, other);
      chain.push(other);
      break;
    }
    states = after;
    reason = isFree(next)
      ? joinProblem(graph, { nodes: chain, places, lastStage }, next)
      : `\`${next.name}\` is in another kernel`;
    if (!isMap(next)) lastStage = chain.length;
    places.set(next.id, chain.length);
    chain.push(next);
    if (reason !== undefined) break;
    if (states.has(fusion.links.length) && chain.length >= 2) finished.push(chain.length);
    open = [...open, next].filter((node) => usersOf(graph, node).some((id) => !places.has(id)));
    next = nextUser(graph, open, places);
  }
  let legal: Chain | undefined;
  for (const length of finished.toReversed()) {
    const nodes = chain.slice(0, length);
    if (endsBeforeReaders(graph, nodes)) continue;
    const open = openProblem(graph, nodes);
    const held = open === undefined ? templateOf(graph, nodes, target) : { problem: open };
    if (held.template !== undefined) {
      legal = { fusion, nodes, template: held.template };
      break;
    }
    if (length === chain.length) reason ??= held.problem;
  }
  // A chain that ends before its second stage is not close to, say, depthwise → pointwise: it is not reported.
  const isChain = states.has(fusion.links.length) || stagesOf(chain).length > 1;
  const refusal =
    chain.length < 2 || reason === undefined || !isChain
      ? undefined
      : { fusion: fusion.name, nodes: chain, reason };
  return { ...given({ chain: legal, refusal }), seen: chain };
}

/** Whether the first link of a fusion takes a node. */
export function canStart(fusion: Fusion, graph: Graph, node: Node): boolean {
  return nextStates(fusion, startStates(fusion), graph, node).size > 0;
}

/** Nodes of a chain that do more than map elements. */
function stagesOf(chain: readonly Node[]): Node[] {
  return chain.filter((node) => !isMap(node));
}

/** A reader of a value with which the chain could continue. */
function userThatFits(
  fusion: Fusion,
  states: ReadonlySet<number>,
  graph: Graph,
  value: Node,
): Node | undefined {
  return usersOf(graph, value)
    .map((id) => nodeOf(graph, id))
    .find((user) => nextStates(fusion, states, graph, user).size > 0);
}

/** Whether a chain ends in a conversion of its integers that the readers make as they read: it should store the integers. */
function endsBeforeReaders(graph: Graph, nodes: readonly Node[]): boolean {
  const last = nodes.at(-1);
  return (
    last !== undefined &&
    isConversion(graph, last) &&
    nodes.some(({ id }) => id === last.inputs[0]) &&
    isConvertedByReaders(graph, last)
  );
}

/** Why the values of a chain cannot stay inside; undefined if only the last is read outside. */
function openProblem(graph: Graph, chain: readonly Node[]): string | undefined {
  const inside = new Set(chain.map((node) => node.id));
  for (const node of chain.slice(0, -1)) {
    if (outputIds(graph).has(node.id)) return `\`${node.name}\` is an output of the net`;
    const outside = usersOf(graph, node).find((id) => !inside.has(id));
    if (outside !== undefined)
      return `\`${node.name}\` is also read by \`${nodeOf(graph, outside).name}\`, outside the chain`;
  }
  return undefined;
}

/** The first node in the graph's order that reads a value of the chain and is not in it. */
function nextUser(
  graph: Graph,
  open: readonly Node[],
  inside: ReadonlyMap<NodeId, number>,
): Node | undefined {
  let first: NodeId | undefined;
  for (const node of open) {
    for (const id of usersOf(graph, node)) {
      if (inside.has(id)) continue;
      if (first === undefined || positionOf(graph, id) < positionOf(graph, first)) first = id;
    }
  }
  return first === undefined ? undefined : nodeOf(graph, first);
}

function usersOf(graph: Graph, node: Node): readonly NodeId[] {
  return users(graph).get(node.id) ?? [];
}

const positions = memoise(
  (graph: Graph): ReadonlyMap<NodeId, number> =>
    new Map(topological(graph).map((node, position) => [node.id, position])),
);

function positionOf(graph: Graph, id: NodeId): number {
  return positions(graph).get(id) ?? bug(`node ${id} is not in the order of ${graph.name}`);
}

/**
 * The template that holds nodes with one kernel's label (for instance of a dump), or why they are not a kernel. Any single node is a
 * kernel. The nodes must be in the order of the graph.
 */
export function kernelTemplate(graph: Graph, nodes: readonly Node[], target: Target): Held {
  const source = nodes.find((node) => node.op === "input" || node.op === "constant");
  if (source) return { problem: `no kernel computes \`${source.name}\`` };
  if (nodes.length === 1) return templateOf(graph, nodes, target);
  const isOfBytes = nodes.some((node) => isByteSum(graph, node, target));
  const added = target.addsProducts && !isOfBytes && addedProduct(graph, nodes)?.product;
  const chain = added ? nodes.filter((node) => node.id !== added.id) : nodes;
  for (const [at, node] of chain.entries()) {
    const problem = joinProblem(graph, chainOf(chain.slice(0, at)), node);
    if (problem !== undefined) return { problem };
  }
  const open = openProblem(graph, nodes);
  return open === undefined ? templateOf(graph, chain, target) : { problem: open };
}
