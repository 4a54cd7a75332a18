// Splitting with samples for commands: reads the model and samples, and fits within the limit.

import { availableParallelism } from "node:os";
import type { OnProgress } from "#calibrate/progress.js";
import type { Optimized } from "#compile/optimize.js";
import { targetOf } from "#compile/targets.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bug, hasErrors } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Module } from "#ir/weights.js";
import { seededWeights } from "#passes/split.js";
import { findCandidates } from "#passes/split/candidates.js";
import type { ResponseErrors } from "#report/fitted.js";
import { outOfRange, tooFewForFit } from "#split/samples/check-samples.js";
import { distillPlan } from "#split/distill-plan.js";
import { leftWithin, nothingToSplit, outOfReach } from "#split/limits.js";
import { limitOf } from "#split/request.js";
import type { SplitLimit, SplitPlan } from "#split/split-network.js";
import { fitWithin } from "#split/split-network.js";
import { factorsOf } from "#split/split-with-samples.js";
import type { TriedNetwork, TryOptions } from "#split/try-network.js";
import { leastShare, tryNetwork } from "#split/try-network.js";
import type { Model } from "#node/read-model.js";
import type { ReadSamples } from "../inputs/samples.js";
import { readSamples } from "../inputs/samples.js";
import { readDevices } from "../model/devices.js";
import { optimizeModel } from "../model/optimize.js";
import type { FitOptions } from "../options/fit.js";
import { mostThreads } from "../options/fit.js";
import { calibrating } from "../output/progress.js";
import { report } from "../output/terminal.js";
import { commandCheckpoints } from "../session/checkpoints.js";
import { resumable } from "../session/interruptible.js";
import type { Session } from "../session/session.js";

/** A model with samples, ready to be split. */
export interface Fitting extends ReadSamples {
  /** The module after the passes before `split`. */
  readonly base: Module;
  readonly limit: SplitLimit;
  readonly how: TryOptions & { readonly threads: number };
}

/** Reads the samples and checks the request; undefined after errors. */
export async function prepareFit(
  model: Model,
  options: FitOptions & { readonly calibrate: string },
  session: Session,
): Promise<Fitting | undefined> {
  const limit = (options.split && limitOf(options.split)) ?? bug("no limit");
  const { split: _, ...others } = options;
  const optimized = optimizeModel(model, { ...others, stopAfter: "split" }, session);
  const devices = optimized && readDevices(options, session);
  if (!devices) return undefined;
  const base = optimized.module;
  const checkpoints = commandCheckpoints(options.fresh ?? false, session);
  session.checkpoints = checkpoints;
  const how = {
    target: targetOf(options.target, devices).target,
    winograd: options.winograd,
    winogradMemory: options.winogradMemory,
    seed: options.seed,
    threads: options.threads ?? Math.min(mostThreads, availableParallelism()),
    checkpoints: checkpoints.store,
    onProgress: calibrating(session.progress),
  };
  const tell = (diagnostics: readonly Diagnostic[]): boolean => {
    session.code = Math.max(session.code, report(session.terminal, diagnostics, model.sources));
    return hasErrors(diagnostics);
  };
  if (tell(nothingToSplit(base))) return undefined;
  if (limit.kind !== "loss" && tell(outOfReach(limit, leastShare(base, limit.kind, how)))) return undefined;
  const read = await readSamples(model, options, session);
  if (!read) return undefined;
  session.progress.show("looking at the samples");
  tell([
    ...seededWeights(base, findCandidates(base)),
    ...tooFewForFit(base, read.samples.count),
    ...(await outOfRange(model, read.samples, how.threads)),
  ]);
  return { base, ...read, limit, how };
}

/** Tries the splits of a model, calls a function with them, and then disposes of them; undefined after errors. */
export async function withTried<T>(
  fitting: Fitting,
  session: Session,
  act: (tried: TriedNetwork) => Promise<T>,
): Promise<T | undefined> {
  const tried = await tryModel(fitting, session);
  try {
    return tried && (await act(tried));
  } finally {
    tried?.dispose();
  }
}

async function tryModel(
  { base, samples, limit, how }: Fitting,
  session: Session,
): Promise<TriedNetwork | undefined> {
  const { value: tried, diagnostics } = await tryNetwork(base, samples, how);
  const told = [
    ...diagnostics,
    ...(tried && limit.kind !== "loss" ? outOfReach(limit, leftWithin(tried, limit)) : []),
  ];
  session.code = Math.max(session.code, report(session.terminal, told, new Map()));
  if (tried && hasErrors(told)) {
    tried.dispose();
    return undefined;
  }
  return tried;
}

/** Fits layers within a limit, and distils them if requested; undefined after errors. `of` names the fit if there are several. */
export async function fitModel(
  tried: TriedNetwork,
  limit: SplitLimit,
  { distill }: Pick<FitOptions, "distill">,
  session: Session,
  of = "",
): Promise<SplitPlan | undefined> {
  const tell = calibrating(session.progress);
  const onProgress: OnProgress = (told) => tell({ ...told, stage: `${of}${told.stage}` });
  const { value: fitted, diagnostics } = await fitWithin(tried, limit, onProgress);
  session.code = Math.max(session.code, report(session.terminal, diagnostics, new Map()));
  if (!fitted || distill === undefined) return fitted;
  const distilled = await distillPlan(tried, fitted, distill, onProgress);
  session.code = Math.max(session.code, report(session.terminal, distilled.diagnostics, new Map()));
  return distilled.value;
}

/** An optimized model; with samples, also the response errors of the layers that are split, by their names. */
export interface FittedModel {
  readonly optimized: Optimized;
  readonly responses?: ReadonlyMap<string, ResponseErrors>;
}

/** The optimized model, with its split fitted to samples if samples are given; undefined after errors. */
export async function optimizeFitted(
  model: Model,
  { calibrate, ...options }: FitOptions,
  session: Session,
): Promise<FittedModel | undefined> {
  if (calibrate === undefined) {
    const optimized = optimizeModel(model, options, session);
    return optimized && { optimized };
  }
  const fitting = await prepareFit(model, { ...options, calibrate }, session);
  if (!fitting) return undefined;
  return resumable(session, () =>
    withTried(fitting, session, async (tried) => {
      const plan = await fitModel(tried, fitting.limit, options, session);
      const optimized = plan && optimizeModel(model, { ...options, split: factorsOf(plan) }, session);
      return optimized && { optimized, responses: responsesOf(plan) };
    }),
  );
}

function responsesOf({ planned }: SplitPlan): ReadonlyMap<string, ResponseErrors> {
  return new Map(
    planned.flatMap(({ candidate, responseError, fittedError }) =>
      responseError === undefined
        ? []
        : [[candidate.node.name, { responseError, ...given({ fittedError }) }] as const],
    ),
  );
}
