// The norm in which responses are compared: it weighs differences in a layer's channels by how much they change the outputs.

import type { Matrix, Sums } from "#calibrate/algebra/products.js";
import { bug } from "#diagnostic/diagnostic.js";

/** L with L·Lᵀ = M, and its inverse: ‖d‖² in the norm is ‖d·L‖². */
export interface Metric {
  /** [c, c], lower triangular. */
  readonly root: Matrix;
  readonly inverse: Matrix;
}

/** The part of M that is the plain norm: so channels that do not change the outputs on these samples still count. */
const plain = 0.1;

/**
 * The metric of channels `from` to `from + count`, from the second moment of gradients (see `outputMetrics`): the Cholesky factor of
 * M = G / mean diagonal of G + 0.1·I.
 */
export function metricOf(moment: Sums, from: number, count: number): Metric {
  const at = (row: number, column: number): number =>
    moment.data[(from + row) * moment.columns + from + column] ?? 0;
  let trace = 0;
  for (let i = 0; i < count; i += 1) trace += at(i, i);
  const scale = trace > 0 ? count / trace : 0;
  const root = new Float64Array(count * count);
  for (let i = 0; i < count; i += 1)
    for (let j = 0; j <= i; j += 1) {
      let sum = scale * at(i, j) + (i === j ? plain : 0);
      for (let k = 0; k < j; k += 1) sum -= (root[i * count + k] ?? 0) * (root[j * count + k] ?? 0);
      root[i * count + j] = i === j ? Math.sqrt(sum) : sum / (root[j * count + j] ?? 1);
      if (!Number.isFinite(root[i * count + j])) return bug("a second moment is not semidefinite");
    }
  const inverse = new Float64Array(count * count);
  for (let column = 0; column < count; column += 1)
    for (let i = column; i < count; i += 1) {
      let sum = i === column ? 1 : 0;
      for (let k = column; k < i; k += 1)
        sum -= (root[i * count + k] ?? 0) * (inverse[k * count + column] ?? 0);
      inverse[i * count + column] = sum / (root[i * count + i] ?? 1);
    }
  const matrix = (data: Float64Array): Matrix => ({
    rows: count,
    columns: count,
    data: Float32Array.from(data),
  });
  return { root: matrix(root), inverse: matrix(inverse) };
}
