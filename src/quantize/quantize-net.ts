// Quantizes a net with samples: finds steps and integers, corrects biases, and leaves layers in f32 if a limit of the loss asks for it.

import type { CheckpointStore } from "#calibrate/checkpoints.js";
import { openCheckpoints } from "#calibrate/checkpoints.js";
import { workIdentity } from "#calibrate/identity.js";
import type { OnProgress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import { takeSamples } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { least } from "#diagnostic/extremes.js";
import { given } from "#diagnostic/given.js";
import { nodeCost } from "#inspect/cost.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { QuantizedReport } from "#report/quantized.js";
import { correctBiases, withBiases } from "./correct-biases.js";
import type { Statistics } from "./find-steps.js";
import { collectStatistics, findSteps, wholePlan } from "./find-steps.js";
import type { Losses } from "./measure.js";
import { measureLosses } from "./measure.js";
import { reportOf } from "./report-of.js";
import type { Quantization } from "./rewrite.js";
import { withIntegers } from "./rewrite.js";

export interface QuantizeNetOptions {
  /** The largest loss in the outputs; layers stay f32 where it would be exceeded. By default all layers become integers. */
  readonly loss?: number;
  readonly threads?: number;
  readonly checkpoints?: CheckpointStore;
  readonly onProgress?: OnProgress;
}

/** A net of integers, and what it loses. */
export interface QuantizedNet {
  readonly module: Module;
  readonly report: QuantizedReport;
}

/** The most samples on which the losses of single layers are measured. */
const fewSamples = 32;

/** A quantization with its losses over all samples. */
interface Fitted {
  readonly quantization: Quantization;
  readonly losses: Losses;
}

/** Quantizes a module after the passes up to `split`. The samples have been checked. */
export async function quantizeNet(
  base: Module,
  samples: Samples,
  { loss: limit, threads = 1, checkpoints: store, onProgress }: QuantizeNetOptions = {},
): Promise<Result<QuantizedNet>> {
  const staged =
    (stage: string): OnProgress =>
    (told) =>
      onProgress?.({ ...told, stage });
  const identity = store ? await workIdentity(base, samples, "quantize") : "";
  const checkpoints = openCheckpoints(store, identity);
  const collected = await checkpoints.step("finding ranges", () =>
    collectStatistics(base, samples, { threads, onProgress: staged("finding ranges") }),
  );
  if (!collected.value) return { diagnostics: collected.diagnostics };
  const statistics = collected.value;
  if (wholePlan(base, statistics).layers.length === 0) return { diagnostics: [nothingToQuantize(base)] };

  const fit = async (left: ReadonlySet<NodeId>): Promise<Result<Fitted>> => {
    const rough = findSteps(base, statistics, left);
    const found = await checkpoints.step(`correcting biases, ${left.size} layers in f32`, () =>
      correctBiases(base, rough, statistics.means, samples, given({ threads, onProgress })),
    );
    if (!found.value) return { diagnostics: found.diagnostics };
    const quantization = withBiases(rough, found.value);
    const measured = await measureLosses(base, base, quantization, samples, {
      threads,
      withResponses: true,
      onProgress: staged("measuring the loss"),
    });
    return measured.value
      ? { value: { quantization, losses: measured.value }, diagnostics: [] }
      : { diagnostics: measured.diagnostics };
  };

  const all = await fit(new Set());
  if (!all.value) return { diagnostics: all.diagnostics };
  let kept = all.value;
  let alone: ReadonlyMap<NodeId, number> = new Map();
  if (limit !== undefined && kept.losses.loss > limit) {
    const losses = await lossesAlone(base, statistics, samples, {
      threads,
      onProgress: staged("measuring layers"),
    });
    if (!losses.value) return { diagnostics: losses.diagnostics };
    alone = new Map(losses.value);
    const within = await keepLimit(base, limit, alone, fit);
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

function nothingToQuantize({ graph }: Module) {
  return error("nothing-to-quantize", `${graph.name} has no layer that can be quantized`, {
    help: ["only convolutions and dense layers with constant weights and finite inputs can be"],
  });
}

/** The loss of each layer if it alone is quantized, with its input. */
async function lossesAlone(
  base: Module,
  statistics: Statistics,
  samples: Samples,
  { threads, onProgress }: { readonly threads: number; readonly onProgress: OnProgress },
): Promise<Result<readonly (readonly [NodeId, number])[]>> {
  const { layers } = wholePlan(base, statistics);
  const few = Math.min(samples.count, fewSamples);
  // Evenly spread, since samples may be sorted by class.
  const some = takeSamples(
    samples,
    Array.from({ length: few }, (_, at) => Math.floor((at * samples.count) / few)),
  );
  const losses: (readonly [NodeId, number])[] = [];
  for (const [at, { id }] of layers.entries()) {
    onProgress({ stage: "", done: at, all: layers.length });
    const others = new Set(layers.map((one) => one.id).filter((one) => one !== id));
    const measured = await measureLosses(base, base, findSteps(base, statistics, others), some, { threads });
    if (!measured.value) return { diagnostics: measured.diagnostics };
    losses.push([id, measured.value.loss]);
  }
  return { value: losses, diagnostics: [] };
}

/** Leaves the fewest layers in f32 that keep the limit: first those that lose most for their work. */
async function keepLimit(
  base: Module,
  limit: number,
  alone: ReadonlyMap<NodeId, number>,
  fit: (left: ReadonlySet<NodeId>) => Promise<Result<Fitted>>,
): Promise<Result<Fitted>> {
  const worth = (id: NodeId): number =>
    (alone.get(id) ?? 0) / Math.max(1, nodeCost(base, nodeOf(base.graph, id)).macs);
  const order = [...alone.keys()].toSorted((a, b) => worth(b) - worth(a));
  // With all layers in f32 nothing is lost.
  let [broken, enough] = [0, order.length];
  let best: Fitted | undefined;
  while (enough - broken > 1) {
    const count =
      best === undefined
        ? Math.min(order.length - 1, Math.max(1, 2 * broken))
        : Math.floor((broken + enough) / 2);
    const { value, diagnostics } = await fit(new Set(order.slice(0, count)));
    if (!value) return { diagnostics };
    if (value.losses.loss <= limit) [enough, best] = [count, value];
    else if (count === order.length - 1) break;
    else broken = count;
  }
  if (best) return { value: best, diagnostics: [] };
  return {
    diagnostics: [
      error("quantize-limit", `no layer can be quantized with a loss of ${limit}`, {
        help: [`the layer that loses least loses ${least(alone.values()).toPrecision(3)}`],
      }),
    ],
  };
}
