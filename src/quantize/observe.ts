// Runs a net on samples and passes inner values to functions that collect statistics of them.

import type { OnProgress } from "#calibrate/progress.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import type { Samples } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";

export interface ObserveOptions {
  readonly threads?: number;
  readonly onProgress?: OnProgress;
}

/** Takes a value of one sample; the array is reused for the next sample. */
export type Observer = (values: Float32Array) => void;

/** Calls each observer with the values of its node, for each sample; for a constant once. */
export async function observe(
  module: Module,
  observers: readonly (readonly [NodeId, Observer])[],
  samples: Samples,
  { threads = 1, onProgress }: ObserveOptions = {},
): Promise<Result<true>> {
  const { graph, weights } = module;
  const computed: (readonly [NodeId, Observer])[] = [];
  for (const one of observers) {
    const [id, take] = one;
    const node = nodeOf(graph, id);
    if (node.op === "constant") take(weights.readF32(node.attributes.weight));
    else computed.push(one);
  }
  const ids = computed.map(([id]) => id);
  const { value: net, diagnostics } = await openProbes(module, ids, { threads, lanes: true });
  if (!net) return { diagnostics };
  try {
    await runProbes(
      [net],
      samples,
      ([values]) => {
        for (const [id, take] of computed) take(values?.get(id) ?? new Float32Array());
      },
      onProgress,
    );
  } finally {
    net.dispose();
  }
  return { value: true, diagnostics: [] };
}

/** Sums up the means of channels, which are the last axis. */
export interface ChannelMeans {
  readonly take: Observer;
  means(): Float64Array;
}

export function channelMeans(channels: number): ChannelMeans {
  const sums = new Float64Array(channels);
  let count = 0;
  return {
    take(values) {
      for (let from = 0; from < values.length; from += channels)
        for (let at = 0; at < channels; at += 1)
          sums[at] = (sums[at] as number) + (values[from + at] as number);
      count += values.length / channels;
    },
    means: () => sums.map((sum) => sum / Math.max(1, count)),
  };
}
