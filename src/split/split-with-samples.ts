// The public API for splitting a trained network with samples; `cleave split` does the same.

import type { TargetName } from "#ir/target.js";
import { given } from "#diagnostic/given.js";
import type { CheckpointStore } from "#calibrate/checkpoints.js";
import type { OnProgress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import { checkSamples, expectSamples, sampleInputs } from "#calibrate/samples.js";
import { emitKinds } from "#compile/emit.js";
import type { OptimizeOptions } from "#compile/optimize.js";
import { optimize, optimizeKinds } from "#compile/optimize.js";
import type { Devices } from "#compile/targets.js";
import { targetOf } from "#compile/targets.js";
import { expectArgument, expectModule } from "#diagnostic/argument.js";
import type { OptionKind, OptionKinds } from "#diagnostic/options.js";
import { aBoolean, aCount, aFunction, anObject, expectOptions } from "#diagnostic/options.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import { findCandidates, findWhole } from "#passes/split/candidates.js";
import { seededWeights } from "#passes/split.js";
import type { SplitCost, SplitMode } from "#passes/split.js";
import type { FittedLayer, FittedReport } from "#report/fitted.js";
import { outOfRange, tooFewForFit } from "./samples/check-samples.js";
import { distillPlan } from "./distill-plan.js";
import { leftWithin, nothingToSplit, outOfReach } from "./limits.js";
import type { SampledSplit } from "./request.js";
import { limitOf, wrongSampledSplit } from "./request.js";
import type { PlannedLayer, SplitPlan } from "./split-network.js";
import { fitWithin, planCosts } from "./split-network.js";
import type { TryOptions } from "./try-network.js";
import { leastShare, tryNetwork } from "./try-network.js";

/** Options of `optimize` that change what is split. They must be the same when the result is applied. */
type BeforeSplit = Pick<
  OptimizeOptions,
  "winograd" | "winogradMemory" | "rules" | "fusions" | "rulesAt" | "trustRules" | "approx" | "without"
>;

/** What `splitNetwork` takes. */
export interface SplitNetworkOptions extends BeforeSplit, Devices {
  /**
   * The limit: the share of the MACs or of the modelled time of the convolutions that remains, or the loss in the outputs,
   * Σ‖z − ẑ‖² / Σ‖z − E[z]‖².
   */
  readonly split: SampledSplit;
  /** The target whose times are modelled; `wasm` by default. */
  readonly target?: TargetName;
  /** The number of gradient steps on the split layers afterwards; none by default. */
  readonly distill?: number;
  /** The seed of all random choices; 0 by default. */
  readonly seed?: number;
  /** The number of threads; it does not change the result. 1 by default. */
  readonly threads?: number;
  /** Unless this is false, a split is taken only if the target runs it faster. */
  readonly veto?: boolean;
  /** Stores intermediate results, so that an interrupted run continues where it stopped, with the same result. */
  readonly checkpoints?: CheckpointStore;
  readonly onProgress?: OnProgress;
}

/** A split that was fitted to samples. */
export interface FittedSplit {
  /** The option `split` of `optimize` and `compile` that applies it. */
  readonly split: SplitMode;
  /** The convolutions considered, and the decision for each. */
  readonly layers: readonly FittedLayer[];
  /** The convolutions that cannot be split. */
  readonly left: FittedReport["left"];
  /** Sums over the layers. */
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** The course of distillation, if it was asked for. */
  readonly distilled?: NonNullable<FittedReport["distilled"]>;
}

const aSeed: OptionKind = {
  takes: "a whole number from 0 up",
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
};

const splitKinds: OptionKinds<SplitNetworkOptions> = {
  split: anObject('an object with a `mode`, "macs", "time" or "loss"', "mode"),
  target: emitKinds.target,
  limits: emitKinds.limits,
  adapter: emitKinds.adapter,
  winograd: optimizeKinds.winograd,
  winogradMemory: optimizeKinds.winogradMemory,
  rules: optimizeKinds.rules,
  fusions: optimizeKinds.fusions,
  rulesAt: optimizeKinds.rulesAt,
  trustRules: optimizeKinds.trustRules,
  approx: optimizeKinds.approx,
  without: optimizeKinds.without,
  distill: aCount,
  seed: aSeed,
  threads: aCount,
  veto: aBoolean,
  checkpoints: anObject("a store of checkpoints, `{ load, save }`", "load", "save"),
  onProgress: aFunction,
};

/**
 * Splits the convolutions of a trained network, as it was read, with samples of its inputs, without labels (docs/splitting.md). The
 * diagnostics name problems of samples and limits; warnings come with a value. Rejects if `samples.read` or the store of checkpoints
 * rejects, with the same reason.
 */
export async function splitNetwork(
  module: Module,
  samples: Samples,
  options: SplitNetworkOptions,
): Promise<Result<FittedSplit>> {
  expectModule("splitNetwork", module);
  expectSamples("splitNetwork", samples);
  expectOptions("splitNetwork", options, splitKinds);
  const { split, distill, target, limits, adapter, ...others } = options;
  expectArgument("splitNetwork", `split as ${splitKinds.split.takes}`, split, splitKinds.split.holds(split));
  const limit = limitOf(split);
  const problem = limit ? wrongSampledSplit(split) : "the modes with samples are macs, time and loss";
  if (problem !== undefined || !limit) return { diagnostics: [error("wrong-option", `split: ${problem}`)] };
  const devices = { ...given({ limits, adapter }) };
  const how = { ...others, target: targetOf(target, devices).target };
  const prepared = prepare(module, how);
  if (!prepared.value) return { diagnostics: prepared.diagnostics };
  const base = prepared.value;
  const told: Diagnostic[] = [...prepared.diagnostics, ...nothingToSplit(base)];
  const stop = (more: readonly Diagnostic[] = []): Result<never> => ({ diagnostics: [...told, ...more] });
  if (hasErrors(told)) return stop();
  const beyond = limit.kind === "loss" ? [] : outOfReach(limit, leastShare(base, limit.kind, how));
  if (beyond.length > 0) return stop(beyond);
  const checked = await checkSamples(samples, sampleInputs(base));
  for (const one of checked.diagnostics) told.push(one);
  if (!checked.value) return stop();
  const odd = [
    ...seededWeights(base, findCandidates(base)),
    ...tooFewForFit(base, samples.count),
    ...(await outOfRange(module, samples, how.threads)),
  ];
  for (const one of odd) told.push(one);
  const tried = await tryNetwork(base, samples, how);
  for (const one of tried.diagnostics) told.push(one);
  if (!tried.value) return stop();
  try {
    const unreached = limit.kind === "loss" ? [] : outOfReach(limit, leftWithin(tried.value, limit));
    if (unreached.length > 0) return stop(unreached);
    const fitted = await fitWithin(tried.value, limit, how.onProgress);
    for (const one of fitted.diagnostics) told.push(one);
    if (!fitted.value || distill === undefined)
      return fitted.value ? { value: fittedSplit(base, fitted.value), diagnostics: told } : stop();
    const { value, diagnostics } = await distillPlan(tried.value, fitted.value, distill, how.onProgress);
    return value
      ? { value: fittedSplit(base, value), diagnostics: [...told, ...diagnostics] }
      : stop(diagnostics);
  } finally {
    tried.value.dispose();
  }
}

/** The module before the pass `split`. */
function prepare(module: Module, how: BeforeSplit & Pick<TryOptions, "target">): Result<Module> {
  const { target, winograd, winogradMemory, rules, fusions, rulesAt, trustRules, approx, without } = how;
  const given = { winograd, winogradMemory, rules, fusions, rulesAt, trustRules, approx, without };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { value, diagnostics } = optimize(module, { ...options, target, stopAfter: "split" });
  return value ? { value: value.module, diagnostics } : { diagnostics };
}

function fittedSplit(base: Module, plan: SplitPlan): FittedSplit {
  return {
    split: factorsOf(plan),
    layers: plan.planned.map((layer) => layerOf(layer)),
    left: findWhole(base),
    ...planCosts(plan.planned),
    ...given({ distilled: plan.distilled }),
  };
}

/** The mode of the split pass that applies a plan. */
export function factorsOf({ layers, planned }: SplitPlan): SplitMode {
  const reasons = new Map(planned.map(({ candidate, reason }) => [candidate.node.name, reason]));
  return { mode: "factors", layers, reasons };
}

/** A layer in the form of reports. */
export function layerOf(
  { candidate: { node, shape, groups }, whole, choice, responseError = 0, fittedError, reason }: PlannedLayer,
  measured?: FittedLayer["measured"],
): FittedLayer {
  const errors = { responseError, ...given({ fittedError }) };
  return {
    name: node.name,
    shape,
    groups,
    before: whole.cost,
    after: choice.cost,
    ...(choice.split ? { split: { ...choice.split, ...errors } } : {}),
    ...given({ measured }),
    reason,
  };
}
