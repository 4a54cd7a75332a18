// Splits standard convolutions into a depthwise and a pointwise one each.

import { castDraft, produce } from "immer";
import { warning } from "#diagnostic/diagnostic.js";
import type { Node, NodeId, WeightId } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { Pass, PassContext } from "#rewrite/pass.js";
import { uniqueName } from "#rewrite/sweep.js";
import type { Candidate, Choice } from "./split/candidates.js";
import { findCandidates, squaredNorm } from "./split/candidates.js";
import { randomError } from "./split/decompose.js";
import type { Decision } from "./split/plan.js";
import { plan } from "./split/plan.js";
import type { SplitLayer, SplitMode, SplitReport } from "./split/report.js";
import { sumCosts } from "./split/report.js";
import { splitNodes } from "./split/rewrite.js";

export { wrongSplit } from "./split/report.js";
export type { SplitCost, SplitLayer, SplitMode, SplitOrder, SplitReport } from "./split/report.js";

export interface SplitOptions {
  /** Nothing is split unless asked for: a split changes values, or wants training. */
  readonly split?: SplitMode;
  /** Called once per run of the pass, with what was done. */
  readonly onSplit?: (report: SplitReport) => void;
}

export const split: Pass<SplitOptions> = {
  name: "split",
  doc: "Splits standard convolutions into a depthwise and a pointwise one each (with `--split`).",
  run: (module, context) =>
    context.options.split ? splitModule(module, context.options.split, context) : module,
};

function splitModule(module: Module, mode: SplitMode, context: PassContext<SplitOptions>): Module {
  const candidates = findCandidates(module);
  const structural = mode.mode === "structural";
  const { decisions, warnings } = plan(candidates, mode, module, context.target);
  for (const message of warnings) context.report(warning("split-limit", message));
  if (!structural && candidates.length > 0 && candidates.every((one) => isSeeded(module, one)))
    context.report(
      warning(
        "split-seeded",
        "the weights are generated, so the errors of the split say nothing about a trained model",
        {
          help: ["for an architecture without weights there is `--split structural`"],
        },
      ),
    );
  context.options.onSplit?.(reportOf(candidates, decisions, mode, module));

  const { graph } = module;
  const names = new Set([...graph.nodes.values()].map((node) => node.name));
  let { nextId } = graph;
  const fresh = { nextId: () => nextId++, unique: (name: string) => uniqueName(names, name) };
  const made: Node[] = [];
  const replaced = new Set<NodeId>();
  for (const [at, candidate] of candidates.entries()) {
    const chosen = decisions[at]?.choice.split;
    if (!chosen) continue;
    const parts = splitNodes(candidate, chosen.order, chosen.m, module, fresh, structural);
    for (const part of parts) made.push(part);
    replaced.add(candidate.node.id);
  }
  if (replaced.size === 0) return module;
  // Kernels that only replaced convolutions read are dead now.
  const dead = candidates
    .map(({ kernel }) => kernel.id)
    .filter(
      (id) =>
        users(graph)
          .get(id)
          ?.every((user) => replaced.has(user)) ?? false,
    )
    .filter((id) => graph.outputs.every((output) => output.node !== id));
  return {
    weights: module.weights,
    graph: produce(graph, (draft) => {
      for (const node of made) draft.nodes.set(node.id, castDraft(node));
      for (const id of dead) draft.nodes.delete(id);
      draft.nextId = nextId;
    }),
  };
}

function reportOf(
  candidates: readonly Candidate[],
  decisions: readonly Decision[],
  mode: SplitMode,
  module: Module,
): SplitReport {
  const structural = mode.mode === "structural";
  let lost = 0;
  let all = 0;
  const layers = candidates.flatMap((candidate, at): SplitLayer[] => {
    const decision = decisions[at];
    if (!decision) return [];
    const { whole, choice, reason } = decision;
    const norm = structural ? 0 : squaredNorm(candidate, module);
    lost += choice.squaredError;
    all += norm;
    return [
      {
        name: candidate.node.name,
        shape: candidate.shape,
        before: whole.cost,
        after: choice.cost,
        ...(choice.split ? { split: splitOf(candidate, choice, norm, structural) } : {}),
        reason,
      },
    ];
  });
  return {
    mode,
    layers,
    before: sumCosts(layers.map((layer) => layer.before)),
    after: sumCosts(layers.map((layer) => layer.after)),
    ...(structural ? {} : { weightError: relative(lost, all) }),
    needsTraining: structural && layers.some((layer) => layer.split),
  };
}

function splitOf(
  { shape }: Candidate,
  { split: chosen, squaredError }: Choice,
  norm: number,
  structural: boolean,
): NonNullable<SplitLayer["split"]> {
  const { order, m } = chosen ?? { order: "depthwise-pointwise", m: 1 };
  if (structural) return { order, m };
  return { order, m, weightError: relative(squaredError, norm), randomError: randomError(shape, order, m) };
}

function relative(squaredError: number, squaredTotal: number): number {
  return squaredTotal === 0 ? 0 : Math.sqrt(squaredError / squaredTotal);
}

/** Whether all values that a kernel is made of are generated. */
function isSeeded({ weights }: Module, { kernel }: Candidate): boolean {
  const seeded = (id: WeightId): boolean => {
    const { source } = entryOf(weights, id);
    return source.kind === "expression" ? source.inputs.every(seeded) : source.kind === "seeded";
  };
  return seeded(kernel.attributes.weight);
}
