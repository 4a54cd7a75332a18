// Decides which nodes become one kernel, by the fusions of the language and by what they save on the target.

import { greatest, least } from "#diagnostic/extremes.js";
import { castDraft, produce } from "immer";
import { bug, warning } from "#diagnostic/diagnostic.js";
import type { Graph, KernelId, KernelPlan, Node, NodeId, TemplateName } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { nodesByKernel, topological } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { bytesText, countText } from "#ir/units.js";
import { addedProduct } from "#ops/added-product.js";
import type { Chain, Growth, Refusal } from "#rewrite/fusion/find-chains.js";
import { growChain, kernelTemplate } from "#rewrite/fusion/find-chains.js";
import type { Fusion } from "#rewrite/fusion/fusion.js";
import { compileFusions } from "#rewrite/fusion/fusion.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import type { FusedCost } from "#template/cost.js";
import { costOf } from "#template/cost.js";
import { groupNodes } from "#schedule/group-nodes.js";
import { nonFiniteSources } from "#schedule/non-finite.js";
import type { ConvolutionChoice, WinogradSize } from "#schedule/schedule.js";
import type { WinogradOptions } from "#schedule/winograd.js";
import { canTransform, chooseWinograd, chosenSizes } from "#schedule/winograd.js";
import type { Module } from "#ir/weights.js";
import { extraText, makePlan } from "#template/plan.js";
import { fusions } from "./rules/fusions.js";

export interface FuseOptions extends WinogradOptions {
  /** The user's own fusions. They come before built-in ones that save as much. */
  readonly fusions?: readonly Fusion[];
  /** The names of built-in fusions that do not apply. Other names are those of rules. */
  readonly withoutRules?: readonly string[];
  /** Called with the chains that were fused, and with those that were not, with the reasons. */
  readonly onFused?: (report: FuseReport) => void;
}

/** Nodes that become one kernel, and its plan. */
interface FusedGroup {
  readonly plan: KernelPlan;
  readonly nodes: readonly Node[];
}

/** The result of the pass. */
export interface FuseReport {
  /** The fusions that were tried, in their order. */
  readonly fusions: readonly Fusion[];
  /** In the order of the graph. */
  readonly groups: readonly FusedGroup[];
  /** The options that were compared for each 3×3 convolution. */
  readonly convolutions: readonly ConvolutionChoice[];
  /** Chains that a fusion describes but that no single kernel holds, in the order of the graph. */
  readonly refusals: readonly Refusal[];
  /** All refusals, also of chains that another fusion made a part of a kernel; a chain may be refused in several rounds. */
  readonly everyRefusal: readonly Refusal[];
}

export const fuse: Pass<FuseOptions> = {
  name: "fuse",
  doc: "Groups chains of ops into kernels, so that values between the ops are never written to memory.",
  run: (module, { target, options, report }) => {
    const { weights } = module;
    const { graph: checked, problems } = checkKernels(module, target);
    for (const problem of problems) report(warning("wrong-kernel", `${problem}; its ops are fused again`));
    const planned = planFusions(checked, target, options);
    const fused = labelKernels(checked, planned.groups);
    const convolutions = winogradChoices({ graph: fused, weights }, target, { ...options, planned: checked });
    options.onFused?.({ ...planned, convolutions });
    const graph = withWinograd(fused, chosenSizes(convolutions));
    return graph === module.graph ? module : { graph, weights };
  },
};

/** A graph with the kernels that the pass makes, but without the choice of Winograd's algorithm. */
export function fuseGraph(graph: Graph, target: Target): Graph {
  return labelKernels(graph, planFusions(graph, target).groups);
}

/** The choices for the 3×3 convolutions of a fused graph. The kernels of `planned` keep their plans. */
export function winogradChoices(
  { graph, weights }: Module,
  target: Target,
  { planned, ...options }: WinogradOptions & { readonly planned?: Graph },
): ConvolutionChoice[] {
  const fixed = new Map<NodeId, 0 | WinogradSize>();
  for (const { id, kernel } of planned?.nodes.values() ?? []) {
    const plan = kernel === undefined ? undefined : planned?.kernels.get(kernel);
    if (plan) fixed.set(id, options.winograd === false ? 0 : plan.winograd);
  }
  const nonFinite = nonFiniteSources(graph, weights);
  return chooseWinograd(graph, groupNodes(graph), target, { ...options, nonFinite, fixed });
}

/** A fused graph in which exactly these convolutions use Winograd's algorithm, with tiles of these sizes. */
export function withWinograd(graph: Graph, sizes: ReadonlyMap<NodeId, WinogradSize>): Graph {
  const names = kernelNames(graph);
  return produce(graph, (draft) => {
    for (const node of graph.nodes.values()) {
      if (node.op !== "conv2d") continue;
      const winograd = sizes.get(node.id) ?? 0;
      const plan = node.kernel === undefined ? undefined : graph.kernels.get(node.kernel);
      if (plan && node.kernel !== undefined) {
        if (plan.winograd === winograd || (winograd === 0 && plan.template !== "winograd")) continue;
        draft.kernels.set(node.kernel, {
          ...plan,
          template: winograd === 0 ? "conv2d" : "winograd",
          winograd,
        });
      } else if (winograd !== 0) {
        const kernel = names();
        draft.kernels.set(kernel, makePlan("winograd", { winograd }));
        draft.nodes.set(node.id, castDraft({ ...node, kernel }));
      }
    }
  });
}

/** Gives names that no kernel of the graph has. */
function kernelNames(graph: Graph): () => KernelId {
  let number = 0;
  return () => {
    while (graph.kernels.has(`k${number}`)) number += 1;
    const name = `k${number}`;
    number += 1;
    return name;
  };
}

/** The chains to fuse in a graph, and those not to fuse. Existing kernels stay unchanged. */
export function planFusions(
  graph: Graph,
  target: Target,
  { fusions: own = [], withoutRules = [] }: FuseOptions = {},
): Omit<FuseReport, "convolutions"> {
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
  let left = starts;
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

interface Offer {
  readonly chain: Chain;
  readonly cost: FusedCost;
  /** The position of the fusion in the file. */
  readonly order: number;
}

/** Why a legal chain should not be fused; undefined if it should. */
function objection({ fusion, nodes }: Chain, cost: FusedCost, target: Target): string | undefined {
  if (!cost.fits)
    return `needs ${bytesText(cost.scratchBytes)} on chip even for ${cost.pixels > 0 ? `${countText(cost.pixels)} pixels` : `${countText(cost.rows)} row${cost.rows === 1 ? "" : "s"}`}, but ${target.name} has ${bytesText(target.scratchBytes)}`;
  const facts = {
    fits_on_chip: cost.fits,
    ops: nodes.length,
    saved_bytes: cost.savedBytes,
    scratch_bytes: cost.scratchBytes,
    extra_macs: cost.extraMacs,
  };
  const unmet = fusion.unmet(facts);
  if (unmet !== undefined) return unmet;
  if (cost.saving > 0) return undefined;
  const strips = cost.strips === 1 ? "1 strip leaves" : `${countText(cost.strips)} strips leave`;
  const idle = cost.idleSeconds > 0 ? `${strips} some of ${target.threads?.count ?? 1} threads idle` : "";
  const costs = [extraText(cost), idle].filter((text) => text !== "").join(", and ");
  return `would keep ${bytesText(cost.savedBytes)} out of memory, but ${costs}`;
}

/**
 * Offers that do not overlap: larger savings first, then the order of the file. An offer is dropped if smaller ones inside
 * it save more together.
 */
function choose(offers: readonly Offer[], refusals: Refusal[], overtaken: Refusal[]): Offer[] {
  const sorted = offers.toSorted((a, b) => b.cost.saving - a.cost.saving || a.order - b.order);
  const byStart = new Map<NodeId, Offer[]>();
  for (const offer of sorted) {
    const start = offer.chain.nodes[0]?.id ?? -1;
    byStart.set(start, [...(byStart.get(start) ?? []), offer]);
  }
  const taken = new Map<NodeId, string>();
  const chosen: Offer[] = [];
  for (const offer of sorted) {
    const { nodes, fusion } = offer.chain;
    const other = nodes.map((node) => taken.get(node.id)).find((name) => name !== undefined);
    if (other !== undefined) {
      const reason =
        other === fusion.name
          ? "an overlapping chain saves more"
          : `\`${other}\`, which saves as much or more, took some of its ops`;
      overtaken.push({ fusion: fusion.name, nodes, reason });
      continue;
    }
    const parts = bestParts(
      offer,
      nodes.flatMap((node) => byStart.get(node.id) ?? []),
    );
    if (parts.saving > offer.cost.saving) {
      refusals.push({
        fusion: fusion.name,
        nodes,
        reason: `saves less than ${parts.names.join(" and ")} together`,
      });
      continue;
    }
    for (const node of nodes) taken.set(node.id, fusion.name);
    chosen.push(offer);
  }
  return chosen;
}

/** The most that offers inside another one save together without overlapping: weighted interval scheduling. */
function bestParts(whole: Offer, offers: readonly Offer[]): { saving: number; names: string[] } {
  const positions = new Map(whole.chain.nodes.map((node, at) => [node.id, at]));
  const inside = offers.flatMap((offer) => {
    const { nodes } = offer.chain;
    if (offer === whole || nodes.length >= whole.chain.nodes.length) return [];
    const covered = nodes.map((node) => positions.get(node.id) ?? -1);
    return covered.includes(-1) ? [] : [{ offer, from: least(covered), to: greatest(covered) }];
  });
  let best: { saving: number; names: string[] }[] = [{ saving: 0, names: [] }];
  for (const end of whole.chain.nodes.keys()) {
    let here = best[end] ?? { saving: 0, names: [] };
    for (const { offer, from, to } of inside) {
      const before = best[from];
      if (to !== end || !before || before.saving + offer.cost.saving <= here.saving) continue;
      here = {
        saving: before.saving + offer.cost.saving,
        names: [...before.names, `\`${offer.chain.fusion.name}\``],
      };
    }
    best = [...best, here];
  }
  return best.at(-1) ?? { saving: 0, names: [] };
}

/** The plan of a kernel with this cost. */
function planOf(template: TemplateName, cost: FusedCost, fusion: string | undefined): KernelPlan {
  const { fits: _, saving: __, idleSeconds: ___, ...numbers } = cost;
  return makePlan(template, fusion === undefined ? numbers : { ...numbers, fusion });
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

function labelKernels(graph: Graph, groups: readonly FusedGroup[]): Graph {
  if (groups.length === 0) return graph;
  const names = kernelNames(graph);
  return produce(graph, (draft) => {
    for (const { plan, nodes } of groups) {
      const kernel = names();
      draft.kernels.set(kernel, plan);
      for (const node of nodes) draft.nodes.set(node.id, castDraft({ ...node, kernel }));
    }
  });
}

/**
 * A graph whose kernels (for instance of a dump) suit the target. Kernels that do not lose their plan, and `problems` names them with the
 * reasons; strips and tiles that do not fit are chosen again. Call this before scheduling a graph that has not gone through this pass.
 */
export function checkKernels(
  { graph, weights }: Module,
  target: Target,
): { graph: Graph; problems: string[] } {
  const members = nodesByKernel(topological(graph));
  const problems: string[] = [];
  const wrong: KernelId[] = [];
  const changed = new Map<KernelId, KernelPlan>();
  let nonFinite: ReadonlyMap<NodeId, string> | undefined;
  for (const [kernel, plan] of graph.kernels) {
    const nodes = members.get(kernel) ?? [];
    const { template, problem } = nodes.length === 0 ? {} : kernelTemplate(graph, nodes, target);
    if (problem !== undefined) problems.push(`kernel ${kernel} cannot be one kernel: ${problem}`);
    if (template === undefined) {
      wrong.push(kernel);
      continue;
    }
    const direct = planOf(template, costOf(graph, template, nodes, target, plan), plan.fusion);
    nonFinite ??= plan.winograd === 0 ? undefined : nonFiniteSources(graph, weights);
    const isTransformed = plan.winograd !== 0 && nonFinite && canTransform(graph, nodes, target, nonFinite);
    const legal = isTransformed
      ? { ...direct, template: "winograd" as const, winograd: plan.winograd }
      : direct;
    if (!samePlan(plan, legal)) changed.set(kernel, legal);
  }
  if (wrong.length === 0 && changed.size === 0) return { graph, problems };
  const checked = produce(graph, (draft) => {
    for (const [kernel, plan] of changed) draft.kernels.set(kernel, plan);
    for (const kernel of wrong) {
      draft.kernels.delete(kernel);
      for (const { kernel: _, ...node } of members.get(kernel) ?? [])
        draft.nodes.set(node.id, castDraft(node as Node));
    }
  });
  return { graph: checked, problems };
}

function samePlan(a: KernelPlan, b: KernelPlan): boolean {
  const keys = Object.keys(a) as (keyof KernelPlan)[];
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

let compiled: readonly Fusion[] | undefined;

/** The built-in fusions, compiled once. */
export function builtInFusions(): readonly Fusion[] {
  const result = compiled ?? compileFusions(fusions.ast().items).value;
  return (compiled = result ?? bug("a built-in fusion is wrong"));
}
