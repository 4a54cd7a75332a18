// Tries splits of all layers of a network: the cost of each, and its loss in the outputs.

import { given } from "#diagnostic/given.js";
import type { Checkpoints, CheckpointStore } from "#calibrate/checkpoints.js";
import { openCheckpoints } from "#calibrate/checkpoints.js";
import { workIdentity } from "#calibrate/identity.js";
import type { OnProgress } from "#calibrate/progress.js";
import type { Products, Sums } from "#calibrate/algebra/products.js";
import { openProducts } from "#calibrate/algebra/products.js";
import type { Samples } from "#calibrate/samples.js";
import { chooseSamples, takeSamples } from "#calibrate/samples.js";
import type { Walk } from "#calibrate/walk.js";
import { createWalk } from "#calibrate/walk.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import { least } from "#diagnostic/extremes.js";
import type { NodeId } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { Candidate } from "#passes/split/candidates.js";
import { findCandidates } from "#passes/split/candidates.js";
import type { LayerChoice } from "#passes/split/choices.js";
import type { CostModel, SplitCost } from "#passes/split/cost.js";
import { costModel } from "#passes/split/cost.js";
import type { Split } from "#passes/split/form.js";
import { splitOrders } from "#passes/split/form.js";
import { slowerText } from "#passes/split/plan.js";
import type { WinogradOptions } from "#schedule/winograd.js";
import type { Tried } from "./curves.js";
import { choicesFrom, denseWeights, splitsNear, substituteOf, triedShares, trySplits } from "./curves.js";
import type { RowLimits } from "./gather-rows.js";
import { gatherRows, passRows } from "./gather-rows.js";
import type { Replaceable, Substitute } from "./measure.js";
import { measureSubstitutes } from "./measure.js";
import { outputWeights, predictLosses } from "./predict-losses.js";
import type { Surroundings } from "./surroundings.js";
import { surroundingsOf } from "./surroundings.js";
import type { Terms } from "./layer/terms.js";

/** The options of scheduling decide how whole convolutions would be computed: a split must be faster than that. */
export interface TryOptions extends WinogradOptions {
  readonly target: Target;
  /** The seed of all random choices; 0 by default. */
  readonly seed?: number;
  readonly threads?: number;
  /** Unless this is false, a split is taken only if the target runs it faster. */
  readonly veto?: boolean;
  /** Stores intermediate results, so that an interrupted run continues where it stopped, with the same result. */
  readonly checkpoints?: CheckpointStore;
  readonly onProgress?: OnProgress;
}

/** A convolution, and the choices for it. */
export interface TriedLayer {
  readonly candidate: Candidate;
  readonly around: Surroundings;
  /** The whole layer first. */
  readonly choices: readonly LayerChoice[];
  /** Why the whole layer is the only choice, if it is. */
  readonly hindrance?: string;
}

/** The results of trying a network, for plans with any limit. Holds memory until `dispose`. */
export interface TriedNetwork {
  readonly module: Module;
  readonly samples: Samples;
  readonly layers: readonly TriedLayer[];
  readonly target: Target;
  readonly seed: number;
  readonly threads: number;
  readonly rowLimits: RowLimits;
  /** How much the outputs change with the channels of a layer's result, by the layer's node; empty if an op has no gradient. */
  readonly metrics: ReadonlyMap<NodeId, Sums>;
  readonly products: Products;
  /** Starts a walk through networks with the samples. */
  walk(): Walk;
  /** The results that depend only on the network, the samples and the options of trying. */
  readonly checkpoints: Checkpoints;
  dispose(): void;
}

/** The positions for statistics; more of them would change the results less than noise does. */
const mostPositions = 20_000;
const mostBytes = 256 * 2 ** 20;
/** The most bytes of values that a walk through the network keeps. */
const mostKept = 2 ** 30;
/** The number of runs to predict losses in the outputs, and of samples to measure them where they cannot be predicted. */
const [predicted, measured] = [384, 32];
const triedSteps = 10;

/**
 * Fits splits of each layer with the rest of the network unchanged, and finds what they lose in the outputs. `module` is the module
 * before the pass `split`. A warning names ops without gradients.
 */
export async function tryNetwork(
  module: Module,
  samples: Samples,
  options: TryOptions,
): Promise<Result<TriedNetwork>> {
  const { target, seed = 0, threads = 1, onProgress } = options;
  const candidates = findCandidates(module).map((candidate) => ({
    candidate,
    around: surroundingsOf(module.graph, candidate.node),
  }));
  const products = openProducts({ threads });
  const identity = options.checkpoints ? await identityOfTrying(module, samples, options) : "";
  const network: Omit<TriedNetwork, "layers" | "metrics"> = {
    module,
    samples,
    target,
    seed,
    threads,
    rowLimits: { positions: mostPositions, bytes: mostBytes, seed },
    products,
    checkpoints: openCheckpoints(options.checkpoints, identity),
    walk: () => createWalk(samples, { threads, bytes: mostKept }),
    dispose: () => products.dispose(),
  };
  const costs = costModel(module, target, options);
  const walk = network.walk();
  const trials: (readonly Trial[])[] = [];
  try {
    for (const [at, layer] of candidates.entries()) {
      onProgress?.({ stage: "trying splits", done: at, all: candidates.length });
      const { value, diagnostics } = await network.checkpoints.step(
        `layer ${at + 1} of ${candidates.length} (trying splits)`,
        () => tryLayer(network, walk, layer, costs, options),
        () => passRows(layer.candidate, layer.around, { original: { module, walk } }),
      );
      if (!value) {
        network.dispose();
        return { diagnostics };
      }
      trials.push(value);
    }
    const judged = await network.checkpoints.step("all layers (trying splits)", () =>
      judgeTrials(network, walk, candidates, trials, onProgress),
    );
    if (!judged.value) {
      network.dispose();
      return { diagnostics: judged.diagnostics };
    }
    const { losses, metrics } = judged.value;
    const layers = candidates.map(({ candidate, around }, at): TriedLayer => {
      const tried = (trials[at] ?? []).map(({ split }, which) => ({
        split,
        loss: losses[at]?.[which] ?? bug("a split without a loss"),
      }));
      const choices = fasterChoices(candidate, tried, costs, options);
      const hindrance = choices.length > 1 ? undefined : hindranceOf(candidate, costs, target.name);
      return { candidate, around, choices, ...given({ hindrance }) };
    });
    return { value: { ...network, layers, metrics: new Map(metrics) }, diagnostics: judged.diagnostics };
  } catch (cause) {
    network.dispose();
    throw cause;
  }
}

/** A hash of everything that the results depend on. The number of threads does not change them. */
function identityOfTrying(
  module: Module,
  samples: Samples,
  { target, seed = 0, veto = true, winograd, winogradMemory }: TryOptions,
): Promise<string> {
  return workIdentity(module, samples, { target, seed, veto, winograd, winogradMemory });
}

/** A split that was tried, with the terms and the bias of its fit, for each group. */
interface Trial {
  readonly split: Split;
  readonly terms: readonly Terms[];
  readonly bias: Float64Array;
}

async function tryLayer(
  { module, samples, products, seed, rowLimits }: Omit<TriedNetwork, "layers" | "metrics">,
  walk: Walk,
  { candidate, around }: Pick<TriedLayer, "candidate" | "around">,
  costs: CostModel,
  { veto = true }: TryOptions,
): Promise<Result<Trial[]>> {
  const whole = costs.whole(candidate);
  const isFaster = (split: Split): boolean => !veto || costs.split(candidate, split).seconds < whole.seconds;
  const rows = await gatherRows(candidate, around, { original: { module, walk } }, samples.count, rowLimits);
  if (!rows.value) return { diagnostics: rows.diagnostics };
  const how = { steps: triedSteps, seed };
  const fitted = await trySplits(candidate, module, rows.value, products, how, isFaster);
  const value = fitted.map(({ split, fits }) => ({
    split,
    terms: fits.map(({ terms }) => terms),
    bias: substituteOf(fits).bias,
  }));
  return { value, diagnostics: [] };
}

interface JudgedTrials {
  /** The losses in the outputs, for the trials of each layer. */
  readonly losses: readonly (readonly number[])[];
  readonly metrics: readonly (readonly [NodeId, Sums])[];
}

/** The losses of all trials: predicted by gradients, or measured, with a warning, if an op has no gradient. */
async function judgeTrials(
  { module, samples, products, seed, threads }: Omit<TriedNetwork, "layers" | "metrics">,
  walk: Walk,
  layers: readonly Pick<TriedLayer, "candidate">[],
  trials: readonly (readonly Trial[])[],
  onProgress?: OnProgress,
): Promise<Result<JudgedTrials>> {
  const replaceable: Replaceable[] = [];
  for (const [at, { candidate }] of layers.entries()) {
    const substitutes: Substitute[] = [];
    for (const { terms, bias } of trials[at] ?? [])
      substitutes.push({ weights: await denseWeights(terms, products), bias });
    replaceable.push({ candidate, substitutes });
  }
  const split = replaceable.filter(({ substitutes }) => substitutes.length > 0);
  const scattered = (losses: readonly (readonly number[])[]) =>
    replaceable.map((layer) => losses[split.indexOf(layer)] ?? []);
  const tell: OnProgress = (progress) => onProgress?.({ ...progress, stage: "predicting losses" });
  const weights = await outputWeights(module, samples.count, walk);
  if (!weights.value) return { diagnostics: weights.diagnostics };
  // If there are fewer samples than runs, each sample runs several times, with other random weights for the outputs.
  const some =
    samples.count >= predicted
      ? chooseSamples(samples, predicted, seed)
      : takeSamples(
          samples,
          Array.from({ length: predicted }, (_, index) => index % samples.count),
        );
  const options = { weights: weights.value, seed, threads, onProgress: tell };
  const found = await predictLosses(module, split, some, products, options);
  if (found.value) {
    const { losses, metrics } = found.value;
    return { value: { losses: scattered(losses), metrics: [...metrics] }, diagnostics: [] };
  }
  const fewer = chooseSamples(samples, measured, seed);
  const losses: (readonly number[])[] = [];
  for (const [done, layer] of split.entries()) {
    onProgress?.({ stage: "measuring losses", done, all: split.length });
    const { value, diagnostics } = await measureSubstitutes(module, layer, fewer, products, threads);
    if (!value) return { diagnostics };
    losses.push(value);
  }
  return {
    value: { losses: scattered(losses), metrics: [] },
    diagnostics: found.diagnostics.map(withoutGradients),
  };
}

/** Without gradients, layers are fitted in the plain norm, which gives worse results. */
function withoutGradients(one: Diagnostic): Diagnostic {
  const help = "the fit of a layer ignores how much its channels change the outputs";
  return { ...one, severity: "warning", help: [...(one.help ?? []), help] };
}

/** The whole layer, and the splits that may be taken. */
function fasterChoices(
  candidate: Candidate,
  tried: readonly Tried[],
  costs: CostModel,
  { veto = true }: TryOptions,
): LayerChoice[] {
  const whole = costs.whole(candidate);
  return choicesFrom(candidate, tried, costs).filter(
    ({ split, cost }) => !split || !veto || cost.seconds < whole.seconds,
  );
}

/** Why no split of a layer is worth trying. */
function hindranceOf(candidate: Candidate, costs: CostModel, target: string): string {
  const whole = { cost: costs.whole(candidate), loss: 0 };
  const splits = splitOrders.flatMap((order) => splitsNear(candidate, order, triedShares));
  if (splits.length === 0) return "every split has about as many MACs";
  return slowerText(least(splits.map((split) => costs.split(candidate, split).seconds)), whole, target);
}

/** The least share of the MACs or of the modelled time of all convolutions that splits can reach. */
export function leastShare(module: Module, kind: "macs" | "time", options: TryOptions): number {
  const { target, veto = true } = options;
  const costs = costModel(module, target, options);
  const costOf = (cost: SplitCost): number => (kind === "time" ? cost.seconds : cost.macs);
  let [all, left] = [0, 0];
  for (const candidate of findCandidates(module)) {
    const whole = costs.whole(candidate);
    const splits = splitOrders
      .flatMap((order) => splitsNear(candidate, order, triedShares))
      .map((split) => costs.split(candidate, split))
      .filter(({ seconds }) => !veto || seconds < whole.seconds);
    all += costOf(whole);
    left += least([whole, ...splits].map(costOf));
  }
  return all === 0 ? 1 : left / all;
}
