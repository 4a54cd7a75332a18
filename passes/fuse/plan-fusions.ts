// Plans the kernels of a graph: searches the chains of all fusions, and takes those that save the most.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { addedProduct } from "#ops/added-product.js";
import type { Growth, Refusal } from "#rewrite/fusion/find-chains.js";
import { canStart, growChain, kernelTemplate } from "#rewrite/fusion/find-chains.js";
import type { Fusion } from "#rewrite/fusion/fusion.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import { costOf } from "#template/cost.js";
import { fusions } from "../rules/fusions.js";
import type { FusedGroup } from "./kernels.js";
import { planOf } from "./kernels.js";
import type { Offer } from "./offers.js";
import { choose, objection } from "./offers.js";

export interface FusionOptions {
  /** The user's own fusions. They come before built-in ones that save as much. */
  readonly fusions?: readonly Fusion[];
  /** The names of built-in fusions that do not apply. Other names are those of rules. */
  readonly withoutRules?: readonly string[];
}

/** Which chains become kernels, and which do not. */
export interface FusionPlan {
  /** The fusions that were tried, in their order. */
  readonly fusions: readonly Fusion[];
  /** In the order of the graph. */
  readonly groups: readonly FusedGroup[];
  /** Chains that a fusion describes but that no single kernel holds, in the order of the graph. */
  readonly refusals: readonly Refusal[];
  /** All refusals, also of chains that another fusion made a part of a kernel; a chain may be refused in several rounds. */
  readonly everyRefusal: readonly Refusal[];
}

/** The chains to fuse in a graph, and those not to fuse. Existing kernels stay unchanged. */
export function planFusions(
  graph: Graph,
  target: Target,
  { fusions: own = [], withoutRules = [] }: FusionOptions = {},
): FusionPlan {
  const all = [...own, ...builtInFusions()].filter(({ name }) => !withoutRules.includes(name));
  const taken = new Set<NodeId>();
  const isFree = (node: Node): boolean => node.kernel === undefined && !taken.has(node.id);
  const groups: FusedGroup[] = [];
  const refusals: Refusal[] = [];
  const overtaken: Refusal[] = [];
  const starts = topological(graph).filter(({ op }) => op !== "input" && op !== "constant");
  const searches = all.map((fusion, order) => searchChains(graph, target, fusion, order, starts, isFree));
  // The nodes that a chain leaves of an overlapping one may still be worth a kernel. So there are several rounds.
  for (;;) {
    const offers = searches.flatMap((search) => search(refusals));
    const chosen = choose(offers, refusals, overtaken);
    if (chosen.length === 0) break;
    for (const { chain, cost } of chosen) {
      for (const node of chain.nodes) taken.add(node.id);
      groups.push({ plan: planOf(chain.template, cost, chain.fusion.name), nodes: chain.nodes });
    }
  }
  const positions = new Map(topological(graph).map((node, at) => [node.id, at]));
  addProducts(graph, target, groups, taken, positions);
  const positionOf = (nodes: readonly Node[]): number => positions.get(nodes[0]?.id ?? -1) ?? 0;
  groups.sort((a, b) => positionOf(a.nodes) - positionOf(b.nodes));
  const open = withoutTaken(refusals, groups).sort((a, b) => positionOf(a.nodes) - positionOf(b.nodes));
  return { fusions: all, groups, refusals: open, everyRefusal: [...refusals, ...overtaken] };
}

let compiled: readonly Fusion[] | undefined;

/** The built-in fusions, compiled once. */
export function builtInFusions(): readonly Fusion[] {
  const result = compiled ?? compileFusions(fusions.ast().items).value;
  return (compiled = result ?? bug("a built-in fusion is wrong"));
}

/**
 * Takes convolutions that only the sum of a kernel reads into that kernel, if the target adds products to sums. This saves a kernel, with
 * the same multiplications. Such a sum is not a chain, since neither of the two convolutions reads the other.
 */
function addProducts(
  graph: Graph,
  target: Target,
  groups: FusedGroup[],
  taken: Set<NodeId>,
  positions: ReadonlyMap<NodeId, number>,
): void {
  const place = ({ id }: Node): number => positions.get(id) ?? 0;
  for (const [at, group] of groups.entries()) {
    const sides = group.nodes
      .filter((node) => node.op === "add")
      .flatMap((node) => operands(graph, node))
      .filter((side) => side.op === "conv2d" && side.kernel === undefined && !taken.has(side.id));
    for (const side of sides) {
      const nodes = [...group.nodes, side].sort((a, b) => place(a) - place(b));
      if (!addedProduct(graph, nodes)) continue;
      // The kernel adds the smaller one of two convolutions, so the template of the larger one may now be another.
      const { template } = kernelTemplate(graph, nodes, target);
      if (template === undefined) continue;
      taken.add(side.id);
      groups[at] = {
        plan: planOf(template, costOf(graph, template, nodes, target), group.plan.fusion),
        nodes,
      };
      break;
    }
  }
}

/**
 * A search for the chains of a fusion, for several rounds. It gives those that are worth a kernel, and adds the reasons why others are not.
 * What was found from a node on holds until one of the nodes that were looked at goes into a kernel; only then it searches there again.
 */
function searchChains(
  graph: Graph,
  target: Target,
  fusion: Fusion,
  order: number,
  starts: readonly Node[],
  isFree: (node: Node) => boolean,
): (refusals: Refusal[]) => Offer[] {
  /** By the first node: the nodes that were looked at and in no kernel yet. */
  const found = new Map<NodeId, { readonly free: readonly Node[]; readonly offer?: Offer }>();
  // Most nodes begin no chain of a fusion.
  let left = starts.filter((node) => canStart(fusion, graph, node));
  return (refusals) => {
    left = left.filter(isFree);
    const grown: Growth[] = [];
    for (const start of left) {
      const known = found.get(start.id);
      if (known?.free.every(isFree)) continue;
      const growth = growChain(fusion, graph, target, start, isFree);
      found.set(start.id, { free: growth.seen.filter(isFree) });
      if (growth.refusal) refusals.push(growth.refusal);
      grown.push(growth);
    }
    for (const { chain, seen } of grown) {
      const [start] = seen;
      if (!chain || !start) continue;
      const cost = costOf(graph, chain.template, chain.nodes, target);
      const reason = objection(chain, cost, target);
      if (reason === undefined)
        found.set(start.id, { free: seen.filter(isFree), offer: { chain, cost, order } });
      else refusals.push({ fusion: fusion.name, nodes: chain.nodes, reason });
    }
    return left.flatMap(({ id }) => found.get(id)?.offer ?? []);
  };
}

/** Refusals that still hold at the end: chains that no kernel holds. Of those with the same end and reason, only the longest. */
function withoutTaken(refusals: readonly Refusal[], groups: readonly FusedGroup[]): Refusal[] {
  const groupOf = new Map(groups.flatMap((group, at) => group.nodes.map((node) => [node.id, at] as const)));
  const longest = new Map<string, Refusal>();
  // If several rounds give reasons for a chain, the first reason is the right one.
  const said = new Set<string>();
  for (const refusal of refusals) {
    const { fusion, nodes, reason } = refusal;
    const chain = `${fusion} ${nodes.map((node) => node.id).join(" ")}`;
    if (said.has(chain)) continue;
    said.add(chain);
    const kernels = new Set(nodes.map((node) => groupOf.get(node.id)));
    if (kernels.size === 1 && !kernels.has(undefined)) continue;
    const key = `${nodes.at(-1)?.id} ${reason}`;
    if ((longest.get(key)?.nodes.length ?? 0) < nodes.length) longest.set(key, refusal);
  }
  return [...longest.values()];
}
