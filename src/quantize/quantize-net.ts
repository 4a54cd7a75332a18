// Quantizes a net with samples: finds steps and integers, corrects biases, and leaves layers in f32 if a limit of the loss asks for it.

import type { CheckpointStore } from "#calibrate/checkpoints.js";
import { openCheckpoints } from "#calibrate/checkpoints.js";
import { workIdentity } from "#calibrate/identity.js";
import type { OnProgress, Progress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import { takeSamples } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { QuantizedReport } from "#report/quantized.js";
import { correctBiases, withBiases } from "./correct-biases.js";
import type { StepFinder } from "./find-steps.js";
import { collectStatistics, createStepFinder } from "./find-steps.js";
import type { Losses } from "./measure.js";
import { compareLosses, measureLosses } from "./measure.js";
import type { ObserveOptions } from "./observe.js";
import { quantizeDynamically } from "./dynamic.js";
import { dynamicReportOf, integerLayers, reportOf } from "./report-of.js";
import type { Quantization } from "./rewrite.js";
import { withIntegers } from "./rewrite.js";

export interface QuantizeNetOptions {
  /** The largest loss in the outputs; layers stay f32 where it would be exceeded. 0.01 by default; ∞ makes all layers integers. */
  readonly loss?: number;
  readonly threads?: number;
  readonly checkpoints?: CheckpointStore;
  readonly onProgress?: OnProgress;
}

/** The largest loss in the outputs by default: the outputs keep 99% of their variance. */
const defaultLimit = 0.01;

/** A net of integers, and what it loses. */
export interface QuantizedNet {
  readonly module: Module;
  readonly report: QuantizedReport;
}

/** The most samples on which choices of layers are compared. */
const fewSamples = 16;

/** A quantization with its losses over all samples. */
interface Fitted {
  readonly quantization: Quantization;
  readonly losses: Losses;
}

/** Quantizes a module after the passes up to `split`. The samples have been checked. */
export async function quantizeNet(
  base: Module,
  samples: Samples,
  { loss: limit = defaultLimit, threads = 1, checkpoints: store, onProgress }: QuantizeNetOptions = {},
): Promise<Result<QuantizedNet>> {
  const staged = (stage: string) => ({
    threads,
    ...(onProgress ? { onProgress: (told: Progress) => onProgress({ ...told, stage }) } : {}),
  });
  const checkpoints = openCheckpoints(store, store ? await workIdentity(base, samples, "quantize") : "");
  const collected = await checkpoints.step("finding ranges", () =>
    collectStatistics(base, samples, staged("finding ranges")),
  );
  if (!collected.value) return { diagnostics: collected.diagnostics };
  const statistics = collected.value;
  const finder = createStepFinder(base, statistics);
  if (finder.layers.length === 0) return { diagnostics: [nothingToQuantize(base)] };

  const fit = async (left: ReadonlySet<NodeId>): Promise<Result<Fitted>> => {
    const rough = finder.find(left);
    const found = await checkpoints.step(`correcting biases, ${left.size} layers in f32`, () =>
      correctBiases(base, rough, statistics.means, samples, staged("correcting biases")),
    );
    if (!found.value) return { diagnostics: found.diagnostics };
    const quantization = withBiases(rough, found.value);
    const { value, diagnostics } = await measureLosses(
      base,
      quantization,
      samples,
      staged("measuring the loss"),
    );
    return value ? { value: { quantization, losses: value }, diagnostics: [] } : { diagnostics };
  };

  const all = await fit(new Set());
  if (!all.value) return { diagnostics: all.diagnostics };
  let kept = all.value;
  let alone: ReadonlyMap<NodeId, number> = new Map();
  if (kept.losses.loss > limit) {
    const some = spread(samples, fewSamples);
    const few = await collectStatistics(base, some, { threads });
    if (!few.value) return { diagnostics: few.diagnostics };
    const { means } = few.value;
    // Biases are corrected by the same samples, since that may be most of what a layer loses.
    const corrected = async (left: ReadonlySet<NodeId>): Promise<Result<Quantization>> => {
      const rough = finder.find(left);
      const { value, diagnostics } = await correctBiases(base, rough, means, some, { threads });
      return value ? { value: withBiases(rough, value), diagnostics: [] } : { diagnostics };
    };
    const losses = await checkpoints.step("measuring layers", () =>
      lossesAlone(base, finder.layers, corrected, some, staged("measuring layers")),
    );
    if (!losses.value) return { diagnostics: losses.diagnostics };
    alone = new Map(losses.value);
    const within = await keepLimit(limit, worstFirst(alone), fit, async (left) => {
      const { value, diagnostics } = await compareLosses(base, [() => corrected(left)], some, { threads });
      return value ? { value: value[0] ?? 0, diagnostics } : { diagnostics };
    });
    if (!within.value) return { diagnostics: within.diagnostics };
    kept = within.value;
  }
  const { module } = withIntegers(base, kept.quantization);
  const report = reportOf(base, module, kept.quantization, kept.losses, {
    samples: samples.count,
    limit,
    alone,
  });
  return { value: { module, report }, diagnostics: [] };
}

/** Quantizes a module after the passes up to `split` without samples. */
export function quantizeWithoutSamples(base: Module): Result<QuantizedNet> {
  const net = quantizeDynamically(base);
  const report = dynamicReportOf(base, net);
  if (report.layers.length === 0) return { diagnostics: [nothingToQuantize(base)] };
  return { value: { module: net.module, report }, diagnostics: [] };
}

function nothingToQuantize(base: Module) {
  const { name } = base.graph;
  const before = integerLayers(base).length;
  if (before > 0)
    return error("nothing-to-quantize", `${name} has no more layers that can be quantized`, {
      help: [`${before} of its layers ${before === 1 ? "is" : "are"} in integers already`],
    });
  return error("nothing-to-quantize", `${name} has no layer that can be quantized`, {
    help: ["only convolutions and dense layers with constant weights and finite inputs can be"],
  });
}

/** So many samples, evenly spread, since they may be sorted by class. */
function spread(samples: Samples, most: number): Samples {
  const count = Math.min(samples.count, most);
  return takeSamples(
    samples,
    Array.from({ length: count }, (_, at) => Math.floor((at * samples.count) / count)),
  );
}

/** The loss of each layer if it alone is quantized, with its input. */
async function lossesAlone(
  base: Module,
  layers: StepFinder["layers"],
  quantized: (left: ReadonlySet<NodeId>) => Promise<Result<Quantization>>,
  samples: Samples,
  options: ObserveOptions,
): Promise<Result<readonly (readonly [NodeId, number])[]>> {
  const ids = layers.map(({ id }) => id);
  const each = ids.map((own) => () => quantized(new Set(ids.filter((id) => id !== own))));
  const { value, diagnostics } = await compareLosses(base, each, samples, options);
  return value
    ? { value: ids.map((id, at) => [id, value[at] ?? 0] as const), diagnostics: [] }
    : { diagnostics };
}

/** The layers in the order in which they become f32: first those that lose most. Each one costs conversions, whatever its work is. */
function worstFirst(alone: ReadonlyMap<NodeId, number>): NodeId[] {
  return [...alone.keys()].toSorted((a, b) => (alone.get(b) ?? 0) - (alone.get(a) ?? 0));
}

/**
 * Leaves the fewest layers in f32 that keep the limit, in the given order. The number is searched with few samples (`estimate`), and then raised
 * until the limit is kept over all samples.
 */
async function keepLimit(
  limit: number,
  order: readonly NodeId[],
  fit: (left: ReadonlySet<NodeId>) => Promise<Result<Fitted>>,
  estimate: (left: ReadonlySet<NodeId>) => Promise<Result<number>>,
): Promise<Result<Fitted>> {
  const first = (count: number): ReadonlySet<NodeId> => new Set(order.slice(0, count));
  const most = order.length - 1;
  // The limit is broken with the lower number; whether the upper one keeps it is not known if it is all but one.
  let [broken, enough] = [0, Math.min(1, most)];
  for (;;) {
    const { value, diagnostics } = await estimate(first(enough));
    if (value === undefined) return { diagnostics };
    if (value <= limit || enough === most) break;
    [broken, enough] = [enough, Math.min(2 * enough, most)];
  }
  while (enough - broken > 1) {
    const middle = Math.floor((broken + enough) / 2);
    const { value, diagnostics } = await estimate(first(middle));
    if (value === undefined) return { diagnostics };
    if (value <= limit) enough = middle;
    else broken = middle;
  }
  for (let count = enough; ; count = Math.min(most, count + Math.ceil(count / 4))) {
    const { value, diagnostics } = await fit(first(count));
    if (!value) return { diagnostics };
    if (value.losses.loss <= limit) return { value, diagnostics: [] };
    if (count < most) continue;
    const message = `none of the ${order.length} layers in f32 can be quantized with a loss of ${limit}`;
    const help = [`one layer alone loses ${value.losses.loss.toPrecision(3)}`];
    return { diagnostics: [error("quantize-limit", message, { help })] };
  }
}
