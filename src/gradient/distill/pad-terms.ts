// Pads the terms of a split with zeros, so that the number of channels between its factors is a multiple of the lanes of a vec.

import { factorsOf } from "#passes/split/form.js";
import type { DenseWeights } from "#passes/split/form.js";
import type { FactoredLayer } from "#passes/split/report.js";

/** A kernel whose weights are inputs cannot pad them. It takes vecs of this many columns, or single columns, which takes six times as long. */
const lanes = 4;

/**
 * A layer with the terms of each group padded to a multiple of four. Where all factors of a term are 0, their gradients are 0 too, so the term
 * stays 0. The other orders have a multiple of their inputs or outputs as channels between the factors; they stay unchanged.
 */
export function paddedLayer(weights: DenseWeights, layer: FactoredLayer): FactoredLayer {
  if (layer.order !== "pointwise-depthwise-pointwise") return layer;
  return withRank(weights, layer, Math.ceil(layer.rank / lanes) * lanes);
}

/** A layer of the third order with the terms of each group cut to a rank, or filled up with zeros. */
export function withRank(weights: DenseWeights, layer: FactoredLayer, rank: number): FactoredLayer {
  if (rank === layer.rank) return layer;
  const factors = factorsOf(weights, layer).map(({ shape, part }, at) => {
    // Each row of the first two factors has `rank` columns for each group; the last factor has `rank` rows.
    const term = part === "project" ? (shape[3] ?? 1) : 1;
    return resized(layer.factors[at] ?? new Float32Array(), term * layer.rank, term * rank);
  });
  return { ...layer, rank, factors };
}

/** Rows of `from` values, each cut to `to` values or filled up with zeros. */
function resized(values: Float32Array, from: number, to: number): Float32Array {
  const rows = values.length / from;
  const result = new Float32Array(rows * to);
  for (let row = 0; row < rows; row += 1)
    result.set(values.subarray(row * from, row * from + Math.min(from, to)), row * to);
  return result;
}
