// Terms of zeros that make the number of channels between the factors of a split a multiple of a vector's lanes.

import { factorsOf } from "#passes/split/form.js";
import type { DenseWeights } from "#passes/split/form.js";
import type { FactoredLayer } from "#passes/split/report.js";

/** Kernels whose weights are inputs cannot have padded weights: they take vectors of this many columns, or single ones, which takes six times as long. */
const lanes = 4;

/**
 * A layer with the terms of each group padded to a multiple of four. Where all factors of a term are 0 so are its gradients, so it stays nothing.
 * Other orders have as many channels between the factors as inputs or outputs, or a multiple of that: they stay as they are.
 */
export function paddedLayer(kernel: DenseWeights, layer: FactoredLayer): FactoredLayer {
  if (layer.order !== "pointwise-depthwise-pointwise") return layer;
  return withRank(kernel, layer, Math.ceil(layer.rank / lanes) * lanes);
}

/** A layer in the third order with the terms of each group cut to a rank, or filled up with zeros. */
export function withRank(kernel: DenseWeights, layer: FactoredLayer, rank: number): FactoredLayer {
  if (rank === layer.rank) return layer;
  const factors = factorsOf(kernel, layer).map(({ shape, part }, at) => {
    // Each row of the first two has `rank` columns for each group; the last one has `rank` rows.
    const term = part === "project" ? (shape[3] ?? 1) : 1;
    return resized(layer.factors[at] ?? new Float32Array(), term * layer.rank, term * rank);
  });
  return { ...layer, rank, factors };
}

/** Blocks of `from` values, each cut to `to` of them or filled up with zeros. */
function resized(values: Float32Array, from: number, to: number): Float32Array {
  const blocks = values.length / from;
  const result = new Float32Array(blocks * to);
  for (let block = 0; block < blocks; block += 1)
    result.set(values.subarray(block * from, block * from + Math.min(from, to)), block * to);
  return result;
}
