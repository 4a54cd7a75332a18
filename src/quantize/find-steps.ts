// Finds the steps of values from samples, and the integers of weights: all that a net of integers needs.

import type { Samples } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Histogram } from "./histogram.js";
import { addValues, createHistogram } from "./histogram.js";
import type { ChannelMeans, ObserveOptions } from "./observe.js";
import { channelMeans, observe } from "./observe.js";
import type { IntegerPlan, Product } from "./plan.js";
import { planIntegers, sourcesOf } from "./plan.js";
import type { IntegerLayer, Quantization } from "./rewrite.js";
import { roundWeights } from "./round-weights.js";
import type { RangeMethod } from "./steps.js";
import { stepFor } from "./steps.js";

/** What samples tell about the values of a net. Plain data, so that it can be stored. */
export interface Statistics {
  /** The histograms of values that the plan of all layers wants as integers, each by itself. */
  readonly histograms: readonly (readonly [NodeId, Histogram])[];
  /** The mean of each output channel of the products, before any activation. */
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
  const means = plan.layers.map(({ id }) => [id, meansOf(graph, id)] as const);
  const observers = [
    ...histograms.map(([id, one]) => [id, (values: Float32Array) => addValues(one, values)] as const),
    ...means.map(([id, one]) => [id, one.take] as const),
  ];
  const { value, diagnostics } = await observe(module, observers, samples, options);
  if (!value) return { diagnostics };
  const found = { histograms, means: means.map(([id, one]) => [id, one.means()] as const) };
  return { value: found, diagnostics: [] };
}

/** Values that are not finite for all samples. */
function unboundedOf({ histograms }: Statistics): Set<NodeId> {
  return new Set(histograms.flatMap(([id, { isFinite }]) => (isFinite ? [] : [id])));
}

/** Collects the means of a node's channels. */
export function meansOf(graph: Graph, id: NodeId): ChannelMeans {
  return channelMeans(channels(nodeOf(graph, id).type.shape));
}

/** The plan, the steps and the integers of weights, with biases as they are, except for layers that stay f32. */
export function findSteps(
  module: Module,
  statistics: Statistics,
  layers: ReadonlySet<NodeId>,
  method: RangeMethod = "squares",
): Quantization {
  const { graph } = module;
  // Without a value that is not finite, others may be wanted than the plan of all layers wants; they stay f32 too.
  const histograms = new Map(statistics.histograms);
  const values = unboundedOf(statistics);
  let plan = planIntegers(graph, { layers, values });
  for (;;) {
    const unknown = [...sourcesOf(graph, plan).values()].flat().filter((id) => !histograms.has(id));
    if (unknown.length === 0) break;
    for (const id of unknown) values.add(id);
    plan = planIntegers(graph, { layers, values });
  }
  const steps = new Map(
    [...sourcesOf(graph, plan)].map(([group, ids]) => [
      group,
      stepFor(
        ids.flatMap((id) => histograms.get(id) ?? []),
        method,
      ),
    ]),
  );
  const scaleOf = ({ inputs: [x = -1] }: Product): number =>
    steps.get(plan.groups.get(x) ?? -1)?.scale ?? bug("a layer whose input has no step");
  return {
    plan,
    steps,
    layers: new Map(plan.layers.map((layer) => [layer.id, roundLayer(module, layer, scaleOf(layer))])),
  };
}

function roundLayer({ graph, weights }: Module, layer: Product, inputScale: number): IntegerLayer {
  const [w, b] = [1, 2].map((at) => {
    const node = nodeOf(graph, layer.inputs[at] ?? -1);
    return node.op === "constant"
      ? weights.readF32(node.attributes.weight)
      : bug(`${layer.name}: no constant`);
  });
  if (!w || !b) return bug(`${layer.name} has no weights`);
  return { ...roundWeights(w, b, inputScale), bias: b };
}

/** The plan whose layers may all be integers, as far as values are finite. */
export function wholePlan(module: Module, statistics: Statistics): IntegerPlan {
  return planIntegers(module.graph, { values: unboundedOf(statistics) });
}
