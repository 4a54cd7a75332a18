// Corrects biases: rounding weights and clipping values moves the mean of each output channel, and a bias moves it back (Nagel et al. 2019,
// arXiv 1906.04721, section 4.2, with means over samples). Means are taken after an activation that only cuts off: values that it cuts off anyway
// may be far from others, and would move the bias for nothing.

import type { Samples } from "#calibrate/samples.js";
import { createWalk } from "#calibrate/walk.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { Statistics } from "./find-steps.js";
import type { ChannelMeans, ObserveOptions } from "./observe.js";
import { channelMeans } from "./observe.js";
import { cutAfter } from "./plan.js";
import type { IntegerLayer, Quantization } from "./rewrite.js";
import { withIntegers } from "./rewrite.js";

/** The most bytes of values that the walk through the net keeps. */
const mostKept = 2 ** 29;

/** The biases of layers, by their ids. */
export type Biases = readonly (readonly [NodeId, Float64Array])[];

/**
 * Corrects the biases of the layers in order, each on the inputs that the layers before it give it, so that a layer also corrects what is left
 * of their errors. `means` has the means of the f32 net.
 */
export async function correctBiases(
  module: Module,
  quantization: Quantization,
  means: Statistics["means"],
  samples: Samples,
  { threads = 1, onProgress }: ObserveOptions = {},
): Promise<Result<Biases>> {
  const walk = createWalk(samples, { threads, bytes: mostKept });
  const { plan, steps } = quantization;
  const layers = new Map(quantization.layers);
  const wanted = new Map(means);
  for (const [at, layer] of plan.layers.entries()) {
    onProgress?.({ stage: "correcting biases", done: at, all: plan.layers.length });
    const { module: integers, sums, sources } = withIntegers(module, { plan, steps, layers });
    const [x = -1] = layer.inputs;
    const sum = sums.get(layer.id) ?? bug(`${layer.name} has no sum`);
    const own = layers.get(layer.id) ?? bug(`${layer.name} has no integers`);
    const { scale } = steps.get(plan.groups.get(x) ?? -1) ?? bug(`${layer.name} has no step`);
    const scales = Float64Array.from(own.scales, (one) => one * scale);
    const found = channelMeans(scales.length, cutAfter(module.graph, layer.id), scales);
    const { value, diagnostics } = await walk.values(
      integers,
      [sum],
      (values) => found.take(values.get(sum) ?? bug("a sum was not computed")),
      [sources.get(x) ?? x],
    );
    if (!value) return { diagnostics };
    layers.set(layer.id, corrected(own, wanted.get(layer.id), found));
  }
  return { value: [...layers].map(([id, { bias }]) => [id, Float64Array.from(bias)]), diagnostics: [] };
}

/** A quantization with other biases. */
export function withBiases(quantization: Quantization, biases: Biases): Quantization {
  const layers = new Map(quantization.layers);
  for (const [id, bias] of biases)
    layers.set(id, { ...(layers.get(id) ?? bug("a bias without a layer")), bias });
  return { ...quantization, layers };
}

/** The least share of values by which a difference of means is divided: the others do not move the mean. */
const leastPassed = 0.05;

/** A layer whose means, which were found with its bias, become those that were wanted. */
function corrected(
  layer: IntegerLayer,
  wanted: Float64Array = bug("no means"),
  found: ChannelMeans,
): IntegerLayer {
  const [means, passed] = [found.means(), found.passed()];
  const bias = Float64Array.from(layer.bias, (one, channel) => {
    const difference = (wanted[channel] ?? 0) - (means[channel] ?? 0);
    return one + difference / Math.max(leastPassed, passed[channel] ?? 0);
  });
  return { ...layer, bias };
}
