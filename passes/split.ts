// Splits standard convolutions into depthwise and pointwise ones.

import { castDraft, produce } from "immer";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error, warning } from "#diagnostic/diagnostic.js";
import type { Node, NodeId, WeightId } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf, inputsOf } from "#ir/weights.js";
import type { Pass, PassContext } from "#rewrite/pipeline/pass.js";
import { createFresh } from "#ir/fresh.js";
import type { WinogradOptions } from "#schedule/winograd.js";
import type { Candidate } from "./split/candidates.js";
import { findCandidates, findWhole, squaredNorm } from "./split/candidates.js";
import type { LayerChoice } from "./split/choices.js";
import { factorsOfChoice } from "./split/choices.js";
import { costModel, sumCosts } from "./split/cost.js";
import { randomError } from "./split/decompose.js";
import { factorsOf } from "./split/form.js";
import type { Considered, Decision } from "./split/plan.js";
import { plan } from "./split/plan.js";
import type { FactoredLayer, SplitLayer, SplitMode, SplitReport } from "./split/report.js";
import { splitNodes } from "./split/rewrite.js";

export type { SplitCost } from "./split/cost.js";
export type { SplitOrder } from "./split/form.js";
export { splitOrders } from "./split/form.js";
export { wrongSplit } from "./split/report.js";
export type { FactoredLayer, SplitLayer, SplitMode, SplitReport } from "./split/report.js";

/** The options of scheduling decide how whole convolutions would be computed: a split must be faster than that. */
export interface SplitOptions extends WinogradOptions {
  /** Absent by default, and then the pass splits nothing: a split changes values or requires training. */
  readonly split?: SplitMode;
  /** Called once per run of the pass, with the result. */
  readonly onSplit?: (report: SplitReport) => void;
}

export const split: Pass<SplitOptions> = {
  name: "split",
  doc: "Splits standard convolutions into depthwise and pointwise ones (with `--split`).",
  run: (module, context) =>
    context.options.split ? splitModule(module, context.options.split, context) : module,
};

function splitModule(module: Module, mode: SplitMode, context: PassContext<SplitOptions>): Module {
  const { target, options } = context;
  const candidates = findCandidates(module);
  const problems = mode.mode === "factors" ? wrongFactors(candidates, mode.layers) : [];
  for (const problem of problems) context.report(error("wrong-factors", `split: ${problem}`));
  if (problems.length > 0) return module;
  const costs = costModel(module, target, options);
  const considered = { module, candidates, costs, target: target.name };
  const structural = mode.mode === "structural";
  const { decisions, warnings } = plan(considered, mode);
  for (const message of warnings) context.report(warning("split-limit", message));
  const byWeights = !structural && mode.mode !== "factors";
  if (byWeights) for (const one of seededWeights(module, candidates)) context.report(one);
  options.onSplit?.(reportOf(considered, decisions, mode));
  return rewritten(module, candidates, decisions, structural);
}

function rewritten(
  module: Module,
  candidates: readonly Candidate[],
  decisions: readonly Decision[],
  structural: boolean,
): Module {
  const { graph } = module;
  const fresh = createFresh(graph);
  const made: Node[] = [];
  const replaced = new Set<NodeId>();
  for (const [at, candidate] of candidates.entries()) {
    const decision = decisions[at];
    const chosen = decision?.choice.split;
    if (!chosen) continue;
    const values = structural
      ? undefined
      : (decision.values ?? { factors: factorsOfChoice(candidate, decision.choice, module) });
    for (const node of splitNodes(candidate, chosen, module, fresh, values)) made.push(node);
    replaced.add(candidate.node.id);
  }
  if (replaced.size === 0) return module;
  // Weights and biases that only replaced convolutions read are dead now.
  const read = new Set(made.flatMap(({ inputs }) => inputs));
  const isDead = (id: NodeId): boolean =>
    !read.has(id) &&
    (users(graph)
      .get(id)
      ?.every((user) => replaced.has(user)) ??
      false) &&
    graph.outputs.every((output) => output.node !== id);
  const dead = candidates
    .filter(({ node }) => replaced.has(node.id))
    .flatMap(({ node }) => node.inputs.slice(1))
    .filter(isDead);
  return {
    weights: module.weights,
    graph: produce(graph, (draft) => {
      for (const node of made) draft.nodes.set(node.id, castDraft(node));
      for (const id of dead) draft.nodes.delete(id);
      draft.nextId = fresh.next;
    }),
  };
}

/** What is wrong with given factors: names, numbers and sizes that do not fit. */
function wrongFactors(
  candidates: readonly Candidate[],
  layers: ReadonlyMap<string, FactoredLayer>,
): string[] {
  const byName = new Map(candidates.map((candidate) => [candidate.node.name, candidate]));
  return [...layers].flatMap(([name, layer]) => {
    const candidate = byName.get(name);
    if (!candidate) return [`the net has no convolution \`${name}\` that can be split`];
    const factors = factorsOf(candidate, layer);
    if (factors.length !== layer.factors.length)
      return [`\`${name}\` has ${layer.factors.length} factors, but ${layer.order} has ${factors.length}`];
    const channels = candidate.shape.at(-1) ?? 1;
    const sizes = [
      ...factors.map(({ part, shape }, at): [string, number, number | undefined] => [
        part,
        elements(shape),
        layer.factors[at]?.length,
      ]),
      ["bias", channels, layer.bias?.length ?? channels] as const,
    ];
    return sizes
      .filter(([, wanted, found]) => wanted !== found)
      .map(
        ([part, wanted, found]) =>
          `the ${part} of \`${name}\` has ${found} elements, but ${layer.order} of rank ${layer.rank} has ${wanted}`,
      );
  });
}

function reportOf(
  { module, candidates, target }: Considered,
  decisions: readonly Decision[],
  mode: SplitMode,
): SplitReport {
  const structural = mode.mode === "structural";
  let lost = 0;
  let all = 0;
  const layers = candidates.flatMap((candidate, at): SplitLayer[] => {
    const decision = decisions[at];
    if (!decision) return [];
    const { whole, choice, reason } = decision;
    const norm = structural ? 0 : squaredNorm(candidate, module);
    lost += choice.loss;
    all += norm;
    return [
      {
        name: candidate.node.name,
        shape: candidate.shape,
        groups: candidate.groups,
        before: whole.cost,
        after: choice.cost,
        ...(choice.split ? { split: splitOf(candidate, choice, norm, structural) } : {}),
        reason,
      },
    ];
  });
  return {
    mode: mode.mode,
    target,
    layers,
    left: findWhole(module),
    before: sumCosts(layers.map((layer) => layer.before)),
    after: sumCosts(layers.map((layer) => layer.after)),
    ...(structural ? {} : { weightError: relative(lost, all) }),
    needsTraining: structural && layers.some((layer) => layer.split),
  };
}

function splitOf(
  candidate: Candidate,
  { split: chosen, loss }: LayerChoice,
  norm: number,
  structural: boolean,
): NonNullable<SplitLayer["split"]> {
  const { order, rank } = chosen ?? { order: "depthwise-pointwise", rank: 1 };
  if (structural) return { order, rank };
  const weightError = relative(loss, norm);
  if (order === "pointwise-depthwise-pointwise") return { order, rank, weightError };
  return { order, rank, weightError, randomError: randomError(candidate, order, rank) };
}

function relative(squaredError: number, squaredTotal: number): number {
  return squaredTotal === 0 ? 0 : Math.sqrt(squaredError / squaredTotal);
}

/** A warning if all weights are generated: then the errors of a split say nothing about a trained model. */
export function seededWeights(module: Module, candidates: readonly Candidate[]): Diagnostic[] {
  if (candidates.length === 0 || !candidates.every((one) => isSeeded(module, one))) return [];
  return [
    warning(
      "split-seeded",
      "the weights are generated, so the errors of the split say nothing about a trained model",
      {
        help: ["use `--split structural` for an architecture without weights"],
      },
    ),
  ];
}

/** Whether any values of a candidate's weights are generated. */
function isSeeded({ weights }: Module, { weight }: Candidate): boolean {
  const seeded = (id: WeightId): boolean => {
    const { source } = entryOf(weights, id);
    return source.kind === "seeded" || inputsOf(source).some(seeded);
  };
  return seeded(weight.attributes.weight);
}
