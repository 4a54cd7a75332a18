// The public API for quantizing a trained network with samples; `cleave quantize` does the same.

import type { CheckpointStore } from "#calibrate/checkpoints.js";
import type { OnProgress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import { checkSamples, expectSamples, sampleInputs } from "#calibrate/samples.js";
import { emitKinds } from "#compile/emit.js";
import type { OptimizeOptions } from "#compile/optimize.js";
import { optimize, optimizeKinds } from "#compile/optimize.js";
import type { Devices } from "#compile/targets.js";
import { targetOf } from "#compile/targets.js";
import { expectModule } from "#diagnostic/argument.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aCount, aFunction, aNumber, anObject, expectOptions } from "#diagnostic/options.js";
import type { TargetName } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { outOfRange } from "#split/samples/check-samples.js";
import type { QuantizedNet } from "./quantize-net.js";
import { quantizeNet, quantizeWithoutSamples } from "./quantize-net.js";

/** Options of `optimize` that change the net before it is quantized. */
type BeforeQuantizing = Pick<
  OptimizeOptions,
  | "winograd"
  | "winogradMemory"
  | "split"
  | "rules"
  | "fusions"
  | "rulesAt"
  | "trustRules"
  | "approx"
  | "withoutRules"
  | "without"
>;

/** What `quantize` takes. */
export interface QuantizeOptions extends BeforeQuantizing, Devices {
  /**
   * The largest loss in the outputs, Σ‖z − ẑ‖² / Σ‖z − E[z]‖² over the samples. Layers stay f32 where it would be exceeded. 0.01
   * by default; with `Infinity` all layers become integers.
   */
  readonly loss?: number;
  /** The target whose costs the passes use; `wasm` by default. */
  readonly target?: TargetName;
  /** The number of threads; 1 by default. */
  readonly threads?: number;
  /** Stores intermediate results, so that an interrupted run continues where it stopped, with the same result. */
  readonly checkpoints?: CheckpointStore;
  readonly onProgress?: OnProgress;
}

const quantizeKinds: OptionKinds<QuantizeOptions> = {
  loss: aNumber,
  target: emitKinds.target,
  limits: emitKinds.limits,
  adapter: emitKinds.adapter,
  winograd: optimizeKinds.winograd,
  winogradMemory: optimizeKinds.winogradMemory,
  split: optimizeKinds.split,
  rules: optimizeKinds.rules,
  fusions: optimizeKinds.fusions,
  rulesAt: optimizeKinds.rulesAt,
  trustRules: optimizeKinds.trustRules,
  approx: optimizeKinds.approx,
  withoutRules: optimizeKinds.withoutRules,
  without: optimizeKinds.without,
  threads: aCount,
  checkpoints: anObject("a store of checkpoints, `{ load, save }`", "load", "save"),
  onProgress: aFunction,
};

/**
 * Quantizes a trained network, as it was read, with samples of its inputs, without labels (docs/quantization.md). Without samples, ranges that
 * are not known are found in each run. The passes up to `split` run
 * first, with the given options; `optimize` and `compile` take the result like any other module. The diagnostics name problems of samples and
 * limits; warnings come with a value. Rejects if `samples.read` or the store of checkpoints rejects, with the same reason.
 */
export async function quantize(
  module: Module,
  samples: Samples | undefined,
  options: QuantizeOptions = {},
): Promise<Result<QuantizedNet>> {
  expectModule("quantize", module);
  if (samples !== undefined) expectSamples("quantize", samples);
  expectOptions("quantize", options, quantizeKinds);
  const { loss, threads, checkpoints, onProgress, target, limits, adapter, ...passes } = options;
  if (loss !== undefined && !(loss >= 0))
    return { diagnostics: [error("wrong-option", "loss must be a number, 0 or more")] };
  if (loss !== undefined && !samples)
    return { diagnostics: [error("wrong-option", "a loss is measured with samples, and there are none")] };
  const told: Diagnostic[] = [];
  const tell = <T>({ value, diagnostics }: Result<T>): T | undefined => {
    for (const one of diagnostics) told.push(one);
    return value;
  };
  const base = tell(
    optimize(module, {
      ...passes,
      target: targetOf(target, given({ limits, adapter })).target,
      stopAfter: "split",
    }),
  );
  if (!base) return { diagnostics: told };
  if (!samples) {
    const value = tell(quantizeWithoutSamples(base.module));
    return value ? { value, diagnostics: told } : { diagnostics: told };
  }
  if (!tell(await checkSamples(samples, sampleInputs(base.module)))) return { diagnostics: told };
  tell({ diagnostics: await outOfRange(module, samples, threads) });
  const how = given({ loss, threads, checkpoints, onProgress });
  const value = tell(await quantizeNet(base.module, samples, how));
  return value ? { value, diagnostics: told } : { diagnostics: told };
}
