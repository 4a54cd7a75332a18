// Tries splits of all layers of a network: what each costs, and what it loses in the outputs.

import type { Checkpoints, CheckpointStore } from "#calibrate/checkpoints.js";
import { openCheckpoints } from "#calibrate/checkpoints.js";
import { workIdentity } from "#calibrate/identity.js";
import type { OnProgress } from "#calibrate/progress.js";
import type { Products, Sums } from "#calibrate/products.js";
import { openProducts } from "#calibrate/products.js";
import type { Samples } from "#calibrate/samples.js";
import { chooseSamples } from "#calibrate/samples.js";
import type { Taps } from "#calibrate/taps.js";
import { openTaps } from "#calibrate/taps.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { least } from "#diagnostic/extremes.js";
import type { OutputMetricOptions } from "#gradient/output-metrics.js";
import { outputMetrics } from "#gradient/output-metrics.js";
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
import { choicesFrom, splitsNear, substituteOf, triedShares, trySplits } from "./curves.js";
import type { RowLimits } from "./gather-rows.js";
import { gatherRows, tapsForRows } from "./gather-rows.js";
import { measureSubstitutes } from "./measure.js";
import type { Surroundings } from "./surroundings.js";
import { surroundingsOf } from "./surroundings.js";

/** The options of scheduling say how whole convolutions would be computed, beside which a split must be faster. */
export interface TryOptions extends WinogradOptions {
  readonly target: Target;
  /** Of everything that is drawn; 0 by default. */
  readonly seed?: number;
  readonly threads?: number;
  /** Splits that the target does not run faster are not taken, unless this is false. */
  readonly veto?: boolean;
  /** Where what was found is kept, so that an interrupted run goes on where it was, to the same result. */
  readonly checkpoints?: CheckpointStore;
  readonly onProgress?: OnProgress;
}

/** A convolution, and the ways to have it. */
export interface TriedLayer {
  readonly candidate: Candidate;
  readonly around: Surroundings;
  /** The whole layer first. */
  readonly choices: readonly LayerChoice[];
  /** Why there is nothing but the whole layer, if so. */
  readonly hindrance?: string;
}

/** What was tried of a network, for plans with any limit. It holds nets and memory until it is disposed of. */
export interface TriedNetwork {
  readonly module: Module;
  readonly samples: Samples;
  readonly layers: readonly TriedLayer[];
  readonly target: Target;
  readonly seed: number;
  readonly threads: number;
  readonly rowLimits: RowLimits;
  /** How much the outputs change with the channels of a layer's result, by its node; nothing where there is no gradient. */
  readonly metrics: ReadonlyMap<NodeId, Sums>;
  /** The network as it was, with the values that layers are to give. */
  readonly original: Taps;
  readonly products: Products;
  /** Of all that depends on no more than the network, the samples and how it was tried. */
  readonly checkpoints: Checkpoints;
  dispose(): void;
}

/** Positions that statistics are made of; more of them change nothing that could be told from noise. */
const mostPositions = 20_000;
const mostBytes = 256 * 2 ** 20;
/** Samples on which losses in the outputs are measured. */
const measured = 128;
const triedSteps = 10;

/**
 * Fits ways to split each layer with the rest of the network as it was, and measures what they lose in the outputs. `module` is as the passes
 * before `split` leave it. A warning says where there are no gradients.
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
  const all = new Set<NodeId>(
    candidates.flatMap(({ candidate, around }) => {
      const { original, current } = tapsForRows(candidate, around);
      return [...original, ...current];
    }),
  );
  const opened = await openTaps(module, [...all], { threads });
  if (!opened.value) return { diagnostics: opened.diagnostics };
  const products = openProducts({ threads });
  const identity = options.checkpoints ? await identityOfTrying(module, samples, options) : "";
  const network: Omit<TriedNetwork, "layers" | "metrics"> = {
    module,
    samples,
    target,
    seed,
    threads,
    rowLimits: { positions: mostPositions, bytes: mostBytes, seed },
    original: opened.value,
    products,
    checkpoints: openCheckpoints(options.checkpoints, identity),
    dispose: () => {
      opened.value?.dispose();
      products.dispose();
    },
  };
  const costs = costModel(module, target, options);
  const layers: TriedLayer[] = [];
  try {
    for (const [at, { candidate, around }] of candidates.entries()) {
      onProgress?.({ stage: "trying splits", done: at, all: candidates.length });
      const tried = await network.checkpoints.step(
        `layer ${at + 1} of ${candidates.length} (trying splits)`,
        () => tryLayer(network, { candidate, around }, costs, options),
      );
      if (!tried.value) {
        network.dispose();
        return { diagnostics: tried.diagnostics };
      }
      const choices = fasterChoices(candidate, tried.value, costs, options);
      const hindrance = choices.length > 1 ? undefined : hindranceOf(candidate, costs, target.name);
      layers.push({ candidate, around, choices, ...(hindrance ? { hindrance } : {}) });
    }
    const splittable = layers.flatMap(({ candidate, choices }) =>
      choices.length > 1 ? [candidate.node.id] : [],
    );
    const metrics = await network.checkpoints.step("all layers (trying splits)", () =>
      listedMetrics(module, splittable, samples, { products, seed, threads }),
    );
    const value = { ...network, layers, metrics: new Map(metrics.value) };
    return { value, diagnostics: metrics.diagnostics.map(withoutGradients) };
  } catch (cause) {
    network.dispose();
    throw cause;
  }
}

/** Everything that what is found depends on; threads change no result. */
function identityOfTrying(
  module: Module,
  samples: Samples,
  { target, seed = 0, veto = true, winograd, winogradMemory }: TryOptions,
): Promise<string> {
  return workIdentity(module, samples, { target, seed, veto, winograd, winogradMemory });
}

/** `outputMetrics` as a list. */
async function listedMetrics(
  module: Module,
  nodes: readonly NodeId[],
  samples: Samples,
  options: OutputMetricOptions,
): Promise<Result<(readonly [NodeId, Sums])[]>> {
  const { value, diagnostics } = await outputMetrics(module, nodes, samples, options);
  return value ? { value: [...value], diagnostics } : { diagnostics };
}

/** Without gradients the plain norm does, and less well. */
function withoutGradients(one: Diagnostic): Diagnostic {
  const help = "layers are fitted without regard to what their channels do to the outputs";
  return { ...one, severity: "warning", help: [...(one.help ?? []), help] };
}

async function tryLayer(
  network: Omit<TriedNetwork, "layers" | "metrics">,
  { candidate, around }: Pick<TriedLayer, "candidate" | "around">,
  costs: CostModel,
  { veto = true }: TryOptions,
): Promise<Result<Tried[]>> {
  const { module, original, samples, products, seed, threads } = network;
  const whole = costs.whole(candidate);
  const isFaster = (split: Split): boolean => !veto || costs.split(candidate, split).seconds < whole.seconds;
  const nets = { original, current: original };
  const rows = await gatherRows(module.graph, candidate, around, nets, samples, network.rowLimits);
  const how = { steps: triedSteps, seed };
  const fitted = await trySplits(candidate, module, rows, products, how, isFaster);
  const substitutes = fitted.map(({ fits }) => substituteOf(fits));
  const forLoss = chooseSamples(samples, measured, seed);
  const losses = await measureSubstitutes(module, candidate, substitutes, forLoss, products, threads);
  if (!losses.value) return { diagnostics: losses.diagnostics };
  return {
    value: fitted.map(({ split }, index) => ({ split, loss: losses.value?.[index] ?? 0 })),
    diagnostics: [],
  };
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

/** Why a layer has no split that is worth trying. */
function hindranceOf(candidate: Candidate, costs: CostModel, target: string): string {
  const whole = { cost: costs.whole(candidate), loss: 0 };
  const splits = splitOrders.flatMap((order) => splitsNear(candidate, order, triedShares));
  if (splits.length === 0) return "every split has about as many MACs";
  return slowerText(least(splits.map((split) => costs.split(candidate, split).seconds)), whole, target);
}

/** The least share of the MACs or the time of all convolutions that splits can leave, by the model of costs. */
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
