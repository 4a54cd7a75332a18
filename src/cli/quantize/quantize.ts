// Quantizing with samples for commands: reads the model and samples, splits first if that is asked for, and quantizes.

import { availableParallelism } from "node:os";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Module } from "#ir/weights.js";
import type { Model } from "#node/read-model.js";
import type { QuantizedNet } from "#quantize/quantize-net.js";
import { quantizeNet, quantizeWithoutSamples } from "#quantize/quantize-net.js";
import { limitOf } from "#split/request.js";
import { outOfRange } from "#split/samples/check-samples.js";
import { factorsOf } from "#split/split-with-samples.js";
import type { ReadSamples } from "../inputs/samples.js";
import { readSamples } from "../inputs/samples.js";
import { optimizeModel } from "../model/optimize.js";
import { mostThreads } from "../options/fit.js";
import type { PassOptions } from "../options/passes.js";
import type { WithQuantize } from "../options/quantize.js";
import { calibrating } from "../output/progress.js";
import { report } from "../output/terminal.js";
import { commandCheckpoints } from "../session/checkpoints.js";
import { resumable } from "../session/interruptible.js";
import type { Session } from "../session/session.js";
import type { FittedModel } from "../split/fit.js";
import { fitModel, optimizeFitted, prepareFit, withTried } from "../split/fit.js";

/** A net before it is quantized, split if that was asked for, with samples if there are some. */
export interface Base {
  readonly base: Module;
  readonly read?: ReadSamples;
}

/** The net to quantize: after the passes up to `split`, and split if the options say so; undefined after errors. */
export async function prepareQuantize(
  model: Model,
  options: WithQuantize,
  session: Session,
): Promise<Base | undefined> {
  const { split, calibrate, ...others } = options;
  if (calibrate !== undefined && split && limitOf(split)) {
    const fitting = await prepareFit(model, { ...options, calibrate }, session);
    if (!fitting) return undefined;
    return resumable(session, () =>
      withTried(fitting, session, async (tried) => {
        const plan = await fitModel(tried, fitting.limit, options, session);
        const base = plan && untilSplit(model, { ...others, split: factorsOf(plan) }, session);
        return base && { base, read: fitting };
      }),
    );
  }
  const base = untilSplit(model, options, session);
  if (!base || calibrate === undefined) return base && { base };
  const read = await readSamples(model, { ...options, calibrate }, session);
  if (!read) return undefined;
  session.progress.show("looking at the samples");
  const isWrong = tell(await outOfRange(model, read.samples, threadsOf(options)), model, session);
  return isWrong ? undefined : { base, read };
}

function untilSplit(model: Model, options: PassOptions, session: Session): Module | undefined {
  return optimizeModel(model, { ...options, stopAfter: "split" }, session)?.module;
}

function threadsOf({ threads }: WithQuantize): number {
  return threads ?? Math.min(mostThreads, availableParallelism());
}

function tell(diagnostics: readonly Diagnostic[], model: Model, session: Session): boolean {
  session.code = Math.max(session.code, report(session.terminal, diagnostics, model.sources));
  return hasErrors(diagnostics);
}

/** Quantizes a prepared net; undefined after errors. */
export async function quantizeBase(
  model: Model,
  { base, read }: Base,
  options: WithQuantize,
  session: Session,
): Promise<QuantizedNet | undefined> {
  if (!read) {
    const { value, diagnostics } = quantizeWithoutSamples(base);
    tell(diagnostics, model, session);
    return value;
  }
  session.checkpoints ??= commandCheckpoints(options.fresh ?? false, session);
  const how = {
    threads: threadsOf(options),
    checkpoints: session.checkpoints.store,
    onProgress: calibrating(session.progress),
    ...given({ loss: options.quantize?.loss }),
  };
  const { value, diagnostics } = await resumable(session, () => quantizeNet(base, read.samples, how));
  tell(diagnostics, model, session);
  return value;
}

/** The optimized model, split and quantized as the options say; undefined after errors. */
export async function optimizeQuantized(
  model: Model,
  options: WithQuantize,
  session: Session,
): Promise<(FittedModel & { readonly quantized?: QuantizedNet }) | undefined> {
  const { quantize, split: _, ...others } = options;
  if (!quantize) return optimizeFitted(model, options, session);
  const prepared = await prepareQuantize(model, options, session);
  const quantized = prepared && (await quantizeBase(model, prepared, options, session));
  const optimized = quantized && optimizeModel({ ...model, ...quantized.module }, others, session);
  return optimized && { optimized, quantized };
}
