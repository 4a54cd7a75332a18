// Finds the steps of values from samples, and the integers of weights: all that a net of integers needs.

import type { Samples } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Histogram } from "./histogram.js";
import { addValues, createHistogram } from "./histogram.js";
import type { ObserveOptions } from "./observe.js";
import { channelMeans, observe } from "./observe.js";
import type { Product } from "./plan.js";
import { cutAfter, highestOf, planIntegers, planKnown, sourcesOf } from "./plan.js";
import type { IntegerLayer, Quantization } from "./rewrite.js";
import { roundWeights } from "./round-weights.js";
import type { RangeMethod } from "./steps.js";
import { stepFor } from "./steps.js";

/** What samples tell about the values of a net. Plain data, so that it can be stored. */
export interface Statistics {
  /** The histograms of values that the plan of all layers wants as integers, each by itself. */
  readonly histograms: readonly (readonly [NodeId, Histogram])[];
  /** The mean of each output channel of the layers, after an activation that only cuts off. */
  readonly means: readonly (readonly [NodeId, Float64Array])[];
}

/** Runs the net once over all samples. */
export async function collectStatistics(
  module: Module,
  samples: Samples,
  options: ObserveOptions,
): Promise<Result<Statistics>> {
  const { graph } = module;
  const plan = planIntegers(graph);
  const sources = [...sourcesOf(graph, plan).values()].flat();
  const histograms = sources.map((id) => [id, createHistogram()] as const);
  const means = plan.layers.map(
    ({ id }) => [id, channelMeans(channels(nodeOf(graph, id).type.shape), cutAfter(graph, id))] as const,
  );
  const observers = [
    ...histograms.map(([id, one]) => [id, (values: Float32Array) => addValues(one, values)] as const),
    ...means.map(([id, one]) => [id, one.take] as const),
  ];
  const { value, diagnostics } = await observe(module, observers, samples, options);
  if (!value) return { diagnostics };
  return {
    value: {
      histograms,
      means: means.map(([id, one]) => [id, one.means()] as const),
    },
    diagnostics: [],
  };
}

/** Finds quantizations of a net that differ in the layers that stay f32. Steps and rounded weights that are equal are found once. */
export interface StepFinder {
  /** All layers that can be integers. */
  readonly layers: readonly Product[];
  /** The plan, the steps and the integers of weights, with biases as they are. */
  find(left: ReadonlySet<NodeId>): Quantization;
}

export function createStepFinder(
  module: Module,
  statistics: Statistics,
  method: RangeMethod = "squares",
): StepFinder {
  const { graph } = module;
  const histograms = new Map(statistics.histograms);
  const unbounded = histogramsThat(histograms, ({ isFinite }) => !isFinite);
  const steps = memoise((ids: readonly NodeId[], most: number) =>
    stepFor(
      ids.flatMap((id) => histograms.get(id) ?? []),
      method,
      most,
    ),
  );
  const rounded = memoise((id: NodeId, scale: number) => roundLayer(module, id, scale));
  return {
    layers: planIntegers(graph, { values: unbounded }).layers,
    find(left) {
      const plan = planKnown(graph, { layers: left, values: unbounded }, (id) => histograms.has(id));
      const own = new Map(
        [...sourcesOf(graph, plan)].map(([group, ids]) => [group, steps(ids, highestOf(plan, group))]),
      );
      const scaleOf = ({ inputs: [x = -1] }: Product): number =>
        own.get(plan.groups.get(x) ?? -1)?.scale ?? bug("a layer whose input has no step");
      const layers = new Map(plan.layers.map((layer) => [layer.id, rounded(layer.id, scaleOf(layer))]));
      return { plan, steps: own, layers };
    },
  };
}

/** Remembers the results of a function of plain data. */
function memoise<A extends readonly unknown[], T>(compute: (...values: A) => T): (...values: A) => T {
  const known = new Map<string, T>();
  return (...values) => {
    const key = JSON.stringify(values);
    const found = known.get(key) ?? compute(...values);
    known.set(key, found);
    return found;
  };
}

function histogramsThat(
  histograms: ReadonlyMap<NodeId, Histogram>,
  holds: (histogram: Histogram) => boolean,
): ReadonlySet<NodeId> {
  return new Set([...histograms].flatMap(([id, one]) => (holds(one) ? [id] : [])));
}

function roundLayer({ graph, weights }: Module, id: NodeId, inputScale: number): IntegerLayer {
  const layer = nodeOf(graph, id);
  const [w, b] = [1, 2].map((at) => {
    const node = nodeOf(graph, layer.inputs[at] ?? -1);
    return node.op === "constant"
      ? weights.readF32(node.attributes.weight)
      : bug(`${layer.name}: no constant`);
  });
  if (!w || !b) return bug(`${layer.name} has no weights`);
  return { ...roundWeights(w, b, inputScale), bias: b };
}
