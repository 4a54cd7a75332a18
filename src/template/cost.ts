// The cost model of fused kernels: what a kernel keeps out of memory, what it computes twice, and what it needs on chip.

import type { Graph, KernelPlan, Node, TemplateName } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { storedBytes } from "#ir/target.js";
import { addedProduct } from "#ops/added-product.js";
import { isMap, ownTemplate } from "./chain.js";
import type { OnChip } from "./on-chip.js";
import { nothingOnChip } from "./on-chip.js";
import { templates } from "./templates.js";
import type { Work } from "./work.js";
import { denseWork, mapWork } from "./work.js";

/** The cost of one kernel for some nodes, compared with one kernel for each node, with the best strips or tile. */
export interface FusedCost extends OnChip {
  /** Bytes that are neither written to memory nor read back. */
  readonly savedBytes: number;
  /** Whether the scratch is within the target's limit. */
  readonly fits: boolean;
  /** Modelled seconds that threads idle, because the strips can't keep all of them busy. */
  readonly idleSeconds: number;
  /** Modelled seconds saved; negative if the fused kernel costs more. */
  readonly saving: number;
}

/**
 * The cost of nodes, in order, that a template holds. As in Qararyah et al. 2024 (arXiv 2404.19331, §4), traffic is input · overlap +
 * output + weights · strips, and a strip must fit on chip. The strip height with the least cost is taken, or the requested one if it fits.
 * Strips also divide the work among threads; what the threads idle counts too.
 */
export function costOf(
  graph: Graph,
  template: TemplateName,
  nodes: readonly Node[],
  target: Target,
  wanted?: Pick<KernelPlan, "rows" | "pixels">,
): FusedCost {
  const savedBytes = nodes
    .slice(0, -1)
    .reduce(
      (sum, node) => sum + storedBytes(node.type, target) * (1 + (users(graph).get(node.id)?.length ?? 0)),
      0,
    );
  const gain = savedBytes / target.bytes + (nodes.length - 1) * target.launch;
  const added = addedProduct(graph, nodes)?.product.id;
  const own = nodes.filter(({ id }) => id !== added);
  const members = { graph, nodes: own, stages: own.filter((node) => !isMap(node)) };
  const plan = { template, winograd: 0 } as const;
  const seconds = own.reduce((sum, node) => sum + workOf(graph, node, target, plan).seconds, 0);
  const priced = (templates[template].onChip?.(members, target) ?? []).map((choice) => {
    const idle = idleSeconds(seconds, choice, target);
    return {
      ...choice,
      savedBytes,
      fits: choice.scratchBytes <= target.scratchBytes,
      idleSeconds: idle,
      saving: gain - choice.extraBytes / target.bytes - choice.extraSeconds - idle,
    };
  });
  // Of the strips that fit, the one with the least time; of equal times, the higher strip. If none fits, the strip that needs the least.
  return (
    priced.find((one) => one.fits && one.rows === wanted?.rows && one.pixels === wanted.pixels) ??
    priced.filter((one) => one.fits).toSorted((a, b) => b.saving - a.saving || b.rows - a.rows)[0] ??
    priced.toSorted((a, b) => a.scratchBytes - b.scratchBytes)[0] ?? {
      ...nothingOnChip,
      savedBytes,
      fits: true,
      idleSeconds: 0,
      saving: gain,
    }
  );
}

/**
 * What a run loses if the strips of a kernel can't keep all threads busy, where kernels of one op can. A run has one thread, which loses
 * nothing, or all of them; a module doesn't know which, so this is half of what all threads lose.
 */
function idleSeconds(seconds: number, { strips }: OnChip, { threads }: Target): number {
  if (!threads || strips === 0 || seconds < threads.leastSeconds) return 0;
  return (seconds * (Math.ceil(strips / threads.count) / strips - 1 / threads.count)) / 2;
}

/** The work of a node of a kernel, by the algorithm in the kernel's plan. */
export function workOf(
  graph: Graph,
  node: Node,
  target: Target,
  plan: Pick<KernelPlan, "template" | "winograd">,
): Work {
  const inputs = operands(graph, node).map((input) => input.type);
  if (isMap(node)) return mapWork(node, inputs, target, plan);
  const isInstead = templates[plan.template].insteadOf === node.op;
  const { work = denseWork } = templates[isInstead ? plan.template : ownTemplate(node)];
  return work(node, inputs, target, plan);
}
