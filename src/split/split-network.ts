// Splits a trained network with samples: fits every layer to the responses of the original network.

import { given } from "#diagnostic/given.js";
import { identityOf } from "#calibrate/identity.js";
import type { OnProgress } from "#calibrate/progress.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { bug, hasErrors, warning } from "#diagnostic/diagnostic.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { Limit } from "#passes/split/budget.js";
import { allocate } from "#passes/split/budget.js";
import type { Candidate } from "#passes/split/candidates.js";
import type { LayerChoice } from "#passes/split/choices.js";
import { sumCosts } from "#passes/split/cost.js";
import { savedElsewhere, shareText } from "#passes/split/plan.js";
import { split as splitPass } from "#passes/split.js";
import type { Split } from "#passes/split/form.js";
import type { FactoredLayer } from "#passes/split/report.js";
import type { Distilled } from "#gradient/distill/distill.js";
import { compareOutputs } from "./compare-outputs.js";
import { fitGroups, meanError, prepareGroups, substituteOf } from "./curves.js";
import type { WalkedNetwork } from "./gather-rows.js";
import { gatherRows, passRows } from "./gather-rows.js";
import type { Terms } from "./layer/terms.js";
import { factorsOfTerms } from "./layer/terms.js";
import type { TriedLayer, TriedNetwork } from "./try-network.js";
import { keepLoss, mostFits } from "./within-loss.js";

/** The limit over all layers. With a share, the loss is minimized; with a loss, the savings are maximized. */
export type SplitLimit =
  | { readonly kind: "macs" | "time"; readonly share: number }
  | { readonly kind: "loss"; readonly loss: number };

/** A layer and the decision for it. */
export interface PlannedLayer {
  readonly candidate: Candidate;
  readonly whole: LayerChoice;
  readonly choice: LayerChoice;
  /** Relative squared error of the response, after the activation; absent for a layer that stays whole. */
  readonly responseError?: number;
  /** The response error before distillation, if the layers were distilled. */
  readonly fittedError?: number;
  /** Why it is split in this way, or stays whole. */
  readonly reason: string;
}

export interface SplitPlan {
  /** For the split pass (`mode: "factors"`). */
  readonly layers: ReadonlyMap<string, FactoredLayer>;
  readonly planned: readonly PlannedLayer[];
  /** Present if the layers were distilled: the best step, and the losses of the held-out samples. */
  readonly distilled?: Pick<Distilled, "best" | "heldOut">;
}

/**
 * The steps of each sweep: a sweep fits all layers in order. The second sweep starts from the result of the first.
 */
const finalSteps = [40, 20];

/** One choice per layer that keeps the limit if possible; else the choices that come nearest. */
export function chooseWithin({ layers }: Pick<TriedNetwork, "layers">, limit: SplitLimit): LayerChoice[] {
  const costOf = ({ cost }: LayerChoice): number => (limit.kind === "time" ? cost.seconds : cost.macs);
  const choices = layers.map((layer) => layer.choices);
  return allocate(choices, limitOf(limit, choices, costOf), costOf);
}

/**
 * The plan that keeps a limit, or comes nearest to it. The limit is divided by what the splits lose alone. Then the layers are
 * fitted in order, each on the inputs that the network gives when it is split so far. So a layer makes up for losses of the layers before it.
 */
export async function fitWithin(
  tried: TriedNetwork,
  limit: SplitLimit,
  onProgress?: OnProgress,
): Promise<Result<SplitPlan>> {
  if (limit.kind !== "loss")
    return fitChoices(tried, chooseWithin(tried, limit), savedElsewhere[limit.kind], onProgress);
  const choose = (loss: number): LayerChoice[] => chooseWithin(tried, { kind: "loss", loss });
  const sumOf = (chosen: readonly LayerChoice[]): number =>
    chosen.reduce((sum, choice) => sum + choice.loss, 0);
  const fit = async (chosen: readonly LayerChoice[], attempt: number) => {
    const of = attempt === 1 ? "" : `attempt ${attempt} of at most ${mostFits} to keep the loss: `;
    const tell: OnProgress | undefined =
      onProgress && ((told) => onProgress({ ...told, stage: `${of}${told.stage}` }));
    const { value: plan, diagnostics } = await fitChoices(tried, chosen, savedElsewhere.loss, tell);
    if (!plan) return { diagnostics };
    const { value: loss, diagnostics: others } = await lossOf(tried, plan.layers, tell);
    return loss === undefined ? { diagnostics: others } : { value: { plan, loss }, diagnostics: [] };
  };
  const { value: kept, diagnostics } = await keepLoss(limit.loss, { choose, sumOf, fit });
  if (!kept) return { diagnostics };
  if (kept.plan) return { value: kept.plan, diagnostics: [] };
  const whole = await fitChoices(tried, choose(0), savedElsewhere.loss);
  return { ...whole, diagnostics: [...whole.diagnostics, nothingKeeps(limit.loss, kept.broken)] };
}

function nothingKeeps(limit: number, least: number | undefined): Diagnostic {
  const found = least === undefined ? "" : `; the least loss found is ${least.toPrecision(3)}`;
  return warning(
    "nothing-split",
    `no layer is split: no split was found that loses at most ${limit} in the outputs${found}`,
  );
}

/** The loss in the outputs over all samples, as the mean over the outputs. */
async function lossOf(
  { module, target, samples, threads }: TriedNetwork,
  layers: SplitPlan["layers"],
  onProgress: OnProgress | undefined,
): Promise<Result<number>> {
  const split = withLayers(module, layers, target);
  if (!split.value) return { diagnostics: split.diagnostics };
  const how = { threads, ...given({ onProgress }) };
  const { value: outputs, diagnostics } = await compareOutputs(module, split.value, samples, how);
  if (!outputs) return { diagnostics };
  const sum = outputs.reduce((all, { loss }) => all + loss, 0);
  return { value: sum / Math.max(1, outputs.length), diagnostics };
}

/** The plan with layers fitted for their choices; `otherwise` is the reason for layers that stay whole and could be split. */
async function fitChoices(
  tried: TriedNetwork,
  chosen: readonly LayerChoice[],
  otherwise: string,
  onProgress?: OnProgress,
): Promise<Result<SplitPlan>> {
  const { layers } = tried;
  const made = new Map<string, FactoredLayer>();
  const fitted = new Map<string, FittedTerms>();
  const toSplit = layers.flatMap((layer, at) => {
    const split = chosen[at]?.split;
    return split ? [{ layer, split }] : [];
  });
  const checkpoints = tried.checkpoints.part(identityOf(chosen.map(({ split }) => split ?? null)));
  const all = finalSteps.length * toSplit.length;
  for (const [sweep, steps] of finalSteps.entries()) {
    const walks = { original: tried.walk(), current: tried.walk() };
    for (const [at, { layer, split }] of toSplit.entries()) {
      const { candidate } = layer;
      const { name } = candidate.node;
      const done = sweep * toSplit.length + at;
      onProgress?.({ stage: "fitting layers", done, all });
      const now = withLayers(tried.module, made, tried.target);
      if (!now.value) return { diagnostics: now.diagnostics };
      const nets = {
        original: { module: tried.module, walk: walks.original },
        current: { module: now.value, walk: walks.current },
      };
      const found = await checkpoints.step(
        `layer ${done + 1} of ${all} (fitting layers)`,
        () => fitOne(tried, nets, layer, split, { steps, start: fitted.get(name)?.terms }),
        () => passRows(candidate, layer.around, nets),
      );
      if (!found.value) return { diagnostics: found.diagnostics };
      const { terms, bias } = found.value;
      fitted.set(name, found.value);
      made.set(name, { ...split, factors: factorsOfTerms(candidate, split, terms), bias });
    }
  }
  const planned = layers.map((layer, at): PlannedLayer => {
    const { candidate } = layer;
    const whole = layer.choices[0] ?? bug("no whole layer");
    const choice = chosen[at] ?? whole;
    const responseError = fitted.get(candidate.node.name)?.error;
    return {
      candidate,
      whole,
      choice,
      reason: choice.split ? shareText(choice, whole, tried.target.name) : (layer.hindrance ?? otherwise),
      ...given({ responseError }),
    };
  });
  return { value: { layers: made, planned }, diagnostics: [] };
}

/** The result of fitting a layer. */
interface FittedTerms {
  /** The terms of each group. */
  readonly terms: readonly Terms[];
  readonly bias: Float32Array;
  /** The error of the response. */
  readonly error: number;
}

/** Fits a layer on the inputs that the current network gives, from the terms that were found before, if any. */
async function fitOne(
  tried: TriedNetwork,
  nets: Readonly<Record<"original" | "current", WalkedNetwork>>,
  { candidate, around }: TriedLayer,
  split: Split,
  { steps, start }: { readonly steps: number; readonly start: readonly Terms[] | undefined },
): Promise<Result<FittedTerms>> {
  const { module, samples, rowLimits, products, seed, metrics } = tried;
  const rows = await gatherRows(candidate, around, nets, samples.count, rowLimits);
  if (!rows.value) return { diagnostics: rows.diagnostics };
  const moment = metrics.get(candidate.node.id);
  const options = {
    steps,
    relu: around.relu,
    seed,
    ...given({ start, moment }),
  };
  const prepared = await prepareGroups(candidate, module, rows.value, products);
  const fits = await fitGroups(prepared, split, products, options);
  const value = {
    terms: fits.map(({ terms }) => terms),
    bias: Float32Array.from(substituteOf(fits).bias),
    error: meanError(fits),
  };
  return { value, diagnostics: [] };
}

/** A network with some layers split. */
export function withLayers(
  module: Module,
  layers: ReadonlyMap<string, FactoredLayer>,
  target: Target,
): Result<Module> {
  const diagnostics: Diagnostic[] = [];
  const value = splitPass.run(module, {
    target,
    options: { split: { mode: "factors", layers } },
    report: (one) => void diagnostics.push(one),
  });
  return hasErrors(diagnostics) ? { diagnostics } : { value, diagnostics };
}

function limitOf(
  limit: SplitLimit,
  choices: readonly (readonly LayerChoice[])[],
  costOf: (choice: LayerChoice) => number,
): Limit {
  if (limit.kind === "loss") return limit;
  const whole = choices.flatMap(([first]) => (first ? [first] : []));
  return { kind: "cost", cost: limit.share * whole.reduce((sum, choice) => sum + costOf(choice), 0) };
}

/** The sums of the costs of planned layers, before and after. */
export function planCosts(planned: readonly PlannedLayer[]) {
  return {
    before: sumCosts(planned.map(({ whole }) => whole.cost)),
    after: sumCosts(planned.map(({ choice }) => choice.cost)),
  };
}
