// Measures how much the outputs of a network change with the values of a layer.

import type { Matrix, Products, Sums } from "#calibrate/algebra/products.js";
import { mirrorLower } from "#calibrate/algebra/products.js";
import type { Samples } from "#calibrate/samples.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { OutputGradientOptions, SampleGradients } from "./output-gradients.js";
import { outputGradients } from "./output-gradients.js";

export interface OutputMetricOptions extends Omit<OutputGradientOptions, "values"> {
  readonly products: Products;
}

/**
 * For each node, of shape [..., c], the second moment of the gradients by its channels: G = Σ g·gᵀ, [c, c], over samples and positions, with
 * the gradients g of `outputGradients`. Its expectation is that of Jᵀ·J, so a change d of the
 * value at a position changes the outputs by about dᵀ·G·d (a Hutchinson estimate of the Gauss-Newton matrix). Returns the same diagnostics.
 */
export async function outputMetrics(
  module: Module,
  nodes: readonly NodeId[],
  samples: Samples,
  { products, ...options }: OutputMetricOptions,
): Promise<Result<ReadonlyMap<NodeId, Sums>>> {
  const metrics = metricSums(module.graph, nodes, products);
  const { value, diagnostics } = await outputGradients(module, nodes, samples, options, metrics.add);
  return value ? { value: metrics.finish(), diagnostics } : { diagnostics };
}

/** Sums up the metrics of nodes. */
export function metricSums(graph: Graph, nodes: readonly NodeId[], products: Products) {
  const metrics = new Map<NodeId, Sums>(
    nodes.map((id) => {
      const c = channels(nodeOf(graph, id).type.shape);
      return [id, { rows: c, columns: c, data: new Float64Array(c * c) }];
    }),
  );
  return {
    async add({ gradient }: SampleGradients): Promise<void> {
      for (const id of nodes) {
        const sums = metrics.get(id) ?? bug("a metric without sums");
        const data = gradient(id);
        const rows: Matrix = { rows: data.length / sums.columns, columns: sums.columns, data };
        await products.addProduct(sums, rows, rows, { transposeA: true, lower: true });
      }
    },
    /** The metrics. Can be called once, since it changes the sums. */
    finish(): ReadonlyMap<NodeId, Sums> {
      for (const sums of metrics.values()) mirrorLower(sums);
      return metrics;
    },
  };
}
