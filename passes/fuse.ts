// Decides which nodes become one kernel, by the fusions of the language and by what they save on the target.

import { castDraft, produce } from "immer";
import { warning } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import { groupNodes } from "#schedule/group-nodes.js";
import { nonFiniteSources } from "#schedule/non-finite.js";
import type { ConvolutionChoice, WinogradSize } from "#schedule/schedule.js";
import type { WinogradOptions } from "#schedule/winograd.js";
import { chooseWinograd, chosenSizes } from "#schedule/winograd.js";
import { makePlan } from "#template/plan.js";
import { checkKernels } from "./fuse/check-kernels.js";
import { kernelNames, labelKernels } from "./fuse/kernels.js";
import type { FusionOptions, FusionPlan } from "./fuse/plan-fusions.js";
import { planFusions } from "./fuse/plan-fusions.js";

export interface FuseOptions extends WinogradOptions, FusionOptions {
  /** Called with the chains that were fused, and with those that were not, with the reasons. */
  readonly onFused?: (report: FuseReport) => void;
}

/** The result of the pass. */
export interface FuseReport extends FusionPlan {
  /** The options that were compared for each 3×3 convolution. */
  readonly convolutions: readonly ConvolutionChoice[];
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
