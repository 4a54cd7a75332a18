// Splits a trained network with the help of samples: every layer is fitted to what the original network responds.

import type { OnProgress } from "#calibrate/progress.js";
import type { Products } from "#calibrate/products.js";
import { openProducts } from "#calibrate/products.js";
import type { Samples } from "#calibrate/samples.js";
import { chooseSamples } from "#calibrate/samples.js";
import type { Taps } from "#calibrate/taps.js";
import { openTaps } from "#calibrate/taps.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { bug, hasErrors } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { Limit } from "#passes/split/budget.js";
import { allocate } from "#passes/split/budget.js";
import type { Candidate } from "#passes/split/candidates.js";
import { findCandidates } from "#passes/split/candidates.js";
import type { LayerChoice } from "#passes/split/choices.js";
import { costModel, sumCosts } from "#passes/split/cost.js";
import type { Split } from "#passes/split/form.js";
import { split as splitPass } from "#passes/split.js";
import type { FactoredLayer } from "#passes/split/report.js";
import { choicesFrom, fitGroups, meanError, prepareGroups, substituteOf, trySplits } from "./curves.js";
import { gatherRows, tapsForRows } from "./gather-rows.js";
import { measureSubstitutes } from "./measure.js";
import { surroundingsOf } from "./surroundings.js";
import type { Terms } from "./terms.js";
import { factorsOfTerms } from "./terms.js";

/** What is limited over all layers; the loss is made least, or what is saved most. */
export type SplitLimit =
  | { readonly kind: "macs" | "time"; readonly share: number }
  | { readonly kind: "loss"; readonly loss: number };

export interface SplitNetworkOptions {
  readonly target: Target;
  readonly limit: SplitLimit;
  /** Of everything that is drawn; 0 by default. */
  readonly seed?: number;
  readonly threads?: number;
  /** Splits that the target does not run faster are not taken, unless this is false. */
  readonly veto?: boolean;
  readonly onProgress?: OnProgress;
}

/** A layer and what became of it. */
export interface PlannedLayer {
  readonly candidate: Candidate;
  readonly whole: LayerChoice;
  readonly choice: LayerChoice;
  /** Relative squared error of the response, behind the activation; absent for a layer that stays whole. */
  readonly responseError?: number;
}

export interface SplitPlan {
  /** For the split pass (`mode: "factors"`). */
  readonly layers: ReadonlyMap<string, FactoredLayer>;
  readonly planned: readonly PlannedLayer[];
}

/** Positions that statistics are made of; more of them change nothing that could be told from noise. */
const mostPositions = 20_000;
const mostBytes = 256 * 2 ** 20;
/** Samples on which losses in the outputs are measured. */
const measured = 128;
const [triedRounds, finalRounds] = [10, 30];
/** How often all layers are fitted in order: the second time each knows how those behind the ones before it have become. */
const sweeps = 2;

/**
 * The plan for a module as the passes before `split` leave it. Every split is first fitted with the rest of the network as it was, and what it
 * loses in the outputs is measured; the limit is divided by that. Then the layers are fitted in order, each on the inputs that the network
 * gives that is split so far, so that a layer makes up for what those before it lost.
 */
export async function splitNetwork(
  module: Module,
  samples: Samples,
  options: SplitNetworkOptions,
): Promise<Result<SplitPlan>> {
  const products = openProducts({ threads: options.threads ?? 1 });
  try {
    return await plan(module, samples, options, products);
  } finally {
    products.dispose();
  }
}

async function plan(
  module: Module,
  samples: Samples,
  options: SplitNetworkOptions,
  products: Products,
): Promise<Result<SplitPlan>> {
  const { target, limit, seed = 0, threads = 1, veto = true, onProgress } = options;
  const diagnostics: Diagnostic[] = [];
  const layers = findCandidates(module).map((candidate) => ({
    candidate,
    around: surroundingsOf(module.graph, candidate.node),
  }));
  const costs = costModel(module, target);
  const rowLimits = { positions: mostPositions, bytes: mostBytes, seed };
  const all = new Set<NodeId>(
    layers.flatMap(({ candidate, around }) => {
      const { original, current } = tapsForRows(candidate, around);
      return [...original, ...current];
    }),
  );
  const opened = await openTaps(module, [...all], { threads });
  if (!opened.value) return { diagnostics: opened.diagnostics };
  const original = opened.value;
  const forLoss = chooseSamples(samples, measured, seed);

  const choices: LayerChoice[][] = [];
  for (const [at, { candidate, around }] of layers.entries()) {
    onProgress?.({ stage: "trying splits", done: at, all: layers.length });
    const whole = costs.whole(candidate);
    const isFaster = (split: Split): boolean =>
      !veto || costs.split(candidate, split).seconds < whole.seconds;
    const rows = await gatherRows(
      module.graph,
      candidate,
      around,
      { original, current: original },
      samples,
      rowLimits,
    );
    const fitted = await trySplits(
      candidate,
      module,
      rows,
      products,
      { rounds: triedRounds, seed },
      isFaster,
    );
    const substitutes = fitted.map(({ fits }) => substituteOf(fits));
    const losses = await measureSubstitutes(module, candidate, substitutes, forLoss, products, threads);
    if (!losses.value) return { diagnostics: losses.diagnostics };
    const tried = fitted.map(({ split }, index) => ({ split, loss: losses.value?.[index] ?? 0 }));
    choices.push(
      choicesFrom(candidate, tried, costs).filter(
        ({ split, cost }) => !split || !veto || cost.seconds < whole.seconds,
      ),
    );
  }
  const costOf = ({ cost }: LayerChoice): number => (limit.kind === "time" ? cost.seconds : cost.macs);
  const chosen = allocate(choices, limitOf(limit, choices, costOf), costOf);

  const made = new Map<string, FactoredLayer>();
  const errors = new Map<string, number>();
  const terms = new Map<string, readonly Terms[]>();
  const toSplit = layers.flatMap(({ candidate, around }, at) => {
    const split = chosen[at]?.split;
    return split ? [{ candidate, around, split }] : [];
  });
  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    for (const [at, { candidate, around, split }] of toSplit.entries()) {
      onProgress?.({
        stage: "fitting layers",
        done: sweep * toSplit.length + at,
        all: sweeps * toSplit.length,
      });
      const { name } = candidate.node;
      const current = await openCurrent(
        module,
        made,
        tapsForRows(candidate, around).current,
        target,
        threads,
      );
      if (!current.value) return { diagnostics: current.diagnostics };
      const nets = { original, current: current.value };
      const rows = await gatherRows(module.graph, candidate, around, nets, samples, rowLimits);
      current.value.dispose();
      const start = terms.get(name);
      const options = { rounds: finalRounds, relu: around.relu, seed, ...(start ? { start } : {}) };
      const prepared = await prepareGroups(candidate, module, rows, products);
      const fits = await fitGroups(prepared, split, products, options);
      const found = fits.map((fit) => fit.terms);
      terms.set(name, found);
      errors.set(name, meanError(fits));
      const bias = Float32Array.from(substituteOf(fits).bias);
      made.set(name, { ...split, factors: factorsOfTerms(candidate, split, found), bias });
    }
  }
  const planned = layers.map(({ candidate }, at): PlannedLayer => {
    const whole = choices[at]?.[0] ?? bug("no whole layer");
    const responseError = errors.get(candidate.node.name);
    return {
      candidate,
      whole,
      choice: chosen[at] ?? whole,
      ...(responseError === undefined ? {} : { responseError }),
    };
  });
  original.dispose();
  return { value: { layers: made, planned }, diagnostics };
}

/** The network as it is split so far, with values tapped. */
async function openCurrent(
  module: Module,
  layers: ReadonlyMap<string, FactoredLayer>,
  values: readonly NodeId[],
  target: Target,
  threads: number,
): Promise<Result<Taps>> {
  const diagnostics: Diagnostic[] = [];
  const now = splitPass.run(module, {
    target,
    options: { split: { mode: "factors", layers } },
    report: (one) => void diagnostics.push(one),
  });
  return hasErrors(diagnostics) ? { diagnostics } : openTaps(now, values, { threads });
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

/** What planned layers cost, whole and split. */
export function planCosts(planned: readonly PlannedLayer[]) {
  return {
    before: sumCosts(planned.map(({ whole }) => whole.cost)),
    after: sumCosts(planned.map(({ choice }) => choice.cost)),
  };
}
