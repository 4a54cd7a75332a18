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

/** The least and the greatest value that is not cut off. */
export type Cut = readonly [low: number, high: number];

/** The means of channels, which are the last axis, after values were cut off; and the share of values that were not. */
export interface ChannelMeans {
  readonly take: Observer;
  means(): Float64Array;
  passed(): Float64Array;
}

/** Sums up means. Values are multiplied by the scale of their channel first. */
export function channelMeans(channels: number, [low, high]: Cut, scales?: Float64Array): ChannelMeans {
  const sums = new Float64Array(channels);
  const passing = new Float64Array(channels);
  let count = 0;
  return {
    take(values) {
      for (let from = 0; from < values.length; from += channels)
        for (let at = 0; at < channels; at += 1) {
          const value = (values[from + at] as number) * (scales ? (scales[at] as number) : 1);
          const isCut = value < low || value > high;
          sums[at] = (sums[at] as number) + (isCut ? Math.min(Math.max(value, low), high) : value);
          if (!isCut) passing[at] = (passing[at] as number) + 1;
        }
      count += values.length / channels;
    },
    means: () => sums.map((sum) => sum / Math.max(1, count)),
    passed: () => passing.map((share) => share / Math.max(1, count)),
  };
}
