// Checks the kernels that a graph already has, for instance that of a dump, against a target.

import { castDraft, produce } from "immer";
import type { Graph, KernelId, KernelPlan, Node, NodeId } from "#ir/graph.js";
import { nodesByKernel, topological } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { kernelTemplate } from "#rewrite/fusion/find-chains.js";
import { nonFiniteSources } from "#schedule/non-finite.js";
import { canTransform } from "#schedule/winograd.js";
import { costOf } from "#template/cost.js";
import { planOf } from "./kernels.js";

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
