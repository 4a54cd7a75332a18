// Quantizing with samples for commands: reads the model and samples, splits first if that is asked for, and quantizes.

import { availableParallelism } from "node:os";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Module } from "#ir/weights.js";
import type { Model } from "#node/read-model.js";
import type { QuantizedNet } from "#quantize/quantize-net.js";
import { quantizeNet } from "#quantize/quantize-net.js";
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

/** A net before it is quantized, split if that was asked for, with samples. */
export interface Base extends ReadSamples {
  readonly base: Module;
}

type Options = WithQuantize & { readonly calibrate: string };

/** The net to quantize: after the passes up to `split`, and split if the options say so; undefined after errors. */
export async function prepareQuantize(
  model: Model,
  options: Options,
  session: Session,
): Promise<Base | undefined> {
  const { split, ...others } = options;
  if (split && limitOf(split)) {
    const fitting = await prepareFit(model, options, session);
    if (!fitting) return undefined;
    return resumable(session, () =>
      withTried(fitting, session, async (tried) => {
        const plan = await fitModel(tried, fitting.limit, options, session);
        const base = plan && untilSplit(model, { ...others, split: factorsOf(plan) }, session);
        return base && { ...fitting, base };
      }),
    );
  }
  const base = untilSplit(model, options, session);
  const read = base && (await readSamples(base.graph, options, session));
  if (!read) return undefined;
  session.progress.show("looking at the samples");
  const isWrong = tell(await outOfRange(model, read.samples, threadsOf(options)), model, session);
  return isWrong ? undefined : { ...read, base };
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
  { base, samples }: Base,
  options: WithQuantize,
  session: Session,
): Promise<QuantizedNet | undefined> {
  session.checkpoints ??= commandCheckpoints(options.fresh ?? false, session);
  const how = {
    threads: threadsOf(options),
    checkpoints: session.checkpoints.store,
    onProgress: calibrating(session.progress),
    ...given({ loss: options.quantize?.loss }),
  };
  const { value, diagnostics } = await resumable(session, () => quantizeNet(base, samples, how));
  tell(diagnostics, model, session);
  return value;
}

/** The optimized model, split and quantized as the options say; undefined after errors. */
export async function optimizeQuantized(
  model: Model,
  options: WithQuantize,
  session: Session,
): Promise<(FittedModel & { readonly quantized?: QuantizedNet }) | undefined> {
  const { calibrate, quantize, split: _, ...others } = options;
  if (!quantize || calibrate === undefined) return optimizeFitted(model, options, session);
  const base = await prepareQuantize(model, { ...options, calibrate }, session);
  const quantized = base && (await quantizeBase(model, base, options, session));
  const optimized = quantized && optimizeModel({ ...model, ...quantized.module }, others, session);
  return optimized && { optimized, quantized };
}
