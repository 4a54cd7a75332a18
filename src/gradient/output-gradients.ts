// Gradients of the outputs of a network by the values of layers, sample by sample, with randomly weighted outputs.

import type { OnProgress } from "#calibrate/progress.js";
import type { Samples } from "#calibrate/samples.js";
import { openProbes, runProbes } from "#calibrate/probes.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { gradientModule } from "./gradient-module.js";
import { comparedOutputs } from "./compared-values.js";

export interface OutputGradientOptions {
  /** The weight of each output, by the nodes of `comparedOutputs`; 1 by default. */
  readonly weights?: ReadonlyMap<NodeId, number>;
  /** Other values to compute. */
  readonly values?: readonly NodeId[];
  /** The seed of the random weights; 0 by default. */
  readonly seed?: number;
  /** The number of threads; 1 by default. */
  readonly threads?: number;
  readonly onProgress?: OnProgress;
}

/** The results for a sample, valid until the next one. */
export interface SampleGradients {
  /** ∂(vᵀ·outputs) / ∂value for one of the nodes, in its shape, with v ~ N(0, weight²), drawn for each output value and sample. */
  readonly gradient: (node: NodeId) => Float32Array;
  /** One of the other values. */
  readonly value: (node: NodeId) => Float32Array;
}

/**
 * Passes the gradients by the values of `nodes` to `each`, in the order of samples. Instead of a softmax, its operand counts as the output.
 * Returns diagnostics if an op has no gradient, or if memory does not suffice.
 */
export async function outputGradients(
  module: Module,
  nodes: readonly NodeId[],
  samples: Samples,
  { weights, values = [], seed = 0, threads = 1, onProgress }: OutputGradientOptions,
  each: (sample: SampleGradients) => Promise<void>,
): Promise<Result<true>> {
  const outputs = comparedOutputs(module.graph);
  const { value: found, diagnostics } = gradientModule(module, { outputs, wanted: nodes });
  if (!found) return { diagnostics };
  const opened = await openProbes(found.module, [...found.gradients, ...values], { threads });
  const net = opened.value;
  if (!net) return { diagnostics: opened.diagnostics };
  const seeds = found.seeds.map(({ name, node }, at) => ({
    name,
    count: elements(nodeOf(found.module.graph, node).type.shape),
    weight: weights?.get(outputs[at] ?? -1) ?? 1,
  }));
  const weighed: Samples = {
    count: samples.count,
    async read(index) {
      const sample = await samples.read(index);
      const random = seededRandom(seed + index * 0x9e37_79b1);
      const drawn = seeds.map(({ name, count, weight }) => [
        name,
        Float32Array.from({ length: count }, () => weight * random.normal()),
      ]);
      return { ...sample, ...Object.fromEntries(drawn) };
    },
  };
  const gradients = new Map(nodes.map((id, at) => [id, found.gradients[at] ?? bug("no gradient")]));
  try {
    await runProbes(
      [net],
      weighed,
      ([probed]) => {
        const value = (id: NodeId): Float32Array => probed?.get(id) ?? bug("a value was not probed");
        return each({ value, gradient: (id) => value(gradients.get(id) ?? bug("no gradient of this")) });
      },
      onProgress,
    );
  } finally {
    net.dispose();
  }
  return { value: true, diagnostics: [] };
}
