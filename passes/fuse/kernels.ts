// Kernels as labels of nodes: their plans, their names, and a graph with more of them.

import { castDraft, produce } from "immer";
import type { Graph, KernelId, KernelPlan, Node, TemplateName } from "#ir/graph.js";
import type { FusedCost } from "#template/cost.js";
import { makePlan } from "#template/plan.js";

/** Nodes that become one kernel, and its plan. */
export interface FusedGroup {
  readonly plan: KernelPlan;
  readonly nodes: readonly Node[];
}

/** A graph with more kernels. */
export function labelKernels(graph: Graph, groups: readonly FusedGroup[]): Graph {
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

/** Gives names that no kernel of the graph has. */
export function kernelNames(graph: Graph): () => KernelId {
  let number = 0;
  return () => {
    while (graph.kernels.has(`k${number}`)) number += 1;
    const name = `k${number}`;
    number += 1;
    return name;
  };
}

/** The plan of a kernel with this cost. */
export function planOf(template: TemplateName, cost: FusedCost, fusion: string | undefined): KernelPlan {
  const { fits: _, saving: __, idleSeconds: ___, ...numbers } = cost;
  return makePlan(template, fusion === undefined ? numbers : { ...numbers, fusion });
}
