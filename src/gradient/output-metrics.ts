// How much the outputs of a network change with the values of a layer.

import type { OnProgress } from "#calibrate/progress.js";
import type { Matrix, Products, Sums } from "#calibrate/products.js";
import { mirrorLower } from "#calibrate/products.js";
import type { Samples } from "#calibrate/samples.js";
import { openTaps, runTaps } from "#calibrate/taps.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { channels, elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { gradientModule } from "./gradient-module.js";
import { judgedValues } from "./judged.js";

export interface OutputMetricOptions {
  readonly products: Products;
  /** Of what the outputs are weighed with; 0 by default. */
  readonly seed?: number;
  /** How many threads compute; 1 by default. */
  readonly threads?: number;
  readonly onProgress?: OnProgress;
}

/**
 * For each node, of shape [..., c], the second moment of what its channels do to the outputs: G = Σ g·gᵀ, [c, c], over samples and positions, with
 * g = ∂(vᵀ·outputs) / ∂value and v ~ N(0, 1), drawn for each output value and sample. Its expectation is that of Jᵀ·J, so a change d of the
 * value at a position changes the outputs by about dᵀ·G·d (a Hutchinson estimate of the Gauss-Newton matrix). Outputs of a softmax count as its
 * operand. Diagnostics where there is no gradient, or no memory for it.
 */
export async function outputMetrics(
  module: Module,
  nodes: readonly NodeId[],
  samples: Samples,
  { products, seed = 0, threads = 1, onProgress }: OutputMetricOptions,
): Promise<Result<ReadonlyMap<NodeId, Sums>>> {
  const { value: gradients, diagnostics } = gradientModule(module, {
    outputs: judgedValues(module.graph),
    wanted: nodes,
  });
  if (!gradients) return { diagnostics };
  const opened = await openTaps(gradients.module, gradients.gradients, { threads });
  const net = opened.value;
  if (!net) return { diagnostics: opened.diagnostics };
  const seeds = gradients.seeds.map(({ name, node }) => ({
    name,
    count: elements(nodeOf(gradients.module.graph, node).type.shape),
  }));
  const weighed: Samples = {
    count: samples.count,
    async read(index) {
      const sample = await samples.read(index);
      const random = seededRandom(seed + index * 0x9e37_79b1);
      const drawn = seeds.map(({ name, count }) => [
        name,
        Float32Array.from({ length: count }, () => random.normal()),
      ]);
      return { ...sample, ...Object.fromEntries(drawn) };
    },
  };
  const metrics = new Map<NodeId, Sums>(
    nodes.map((id) => {
      const c = channels(nodeOf(module.graph, id).type.shape);
      return [id, { rows: c, columns: c, data: new Float64Array(c * c) }];
    }),
  );
  try {
    await runTaps(
      [net],
      weighed,
      async ([values]) => {
        for (const [at, id] of nodes.entries()) {
          const sums = metrics.get(id) ?? bug("a metric without sums");
          const data = values?.get(gradients.gradients[at] ?? id) ?? bug("a gradient without values");
          const rows: Matrix = { rows: data.length / sums.columns, columns: sums.columns, data };
          await products.addProduct(sums, rows, rows, { transposeA: true, lower: true });
        }
      },
      onProgress,
    );
  } finally {
    net.dispose();
  }
  for (const sums of metrics.values()) mirrorLower(sums);
  return { value: metrics, diagnostics };
}
