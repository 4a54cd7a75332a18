// Factors weights into a depthwise and a pointwise part, by truncated singular value decompositions of slices.

import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { bug } from "#diagnostic/diagnostic.js";
import { seededRandom } from "#ops/random.js";
import type { DenseWeights, SplitOrder } from "./form.js";
import { formOf, sizesOf } from "./form.js";

/** The orders whose factors are singular vectors of slices of the weights. */
export type SlicedOrder = Extract<SplitOrder, "depthwise-pointwise" | "pointwise-depthwise">;

/** How slices are stored in weights `[kh, kw, ci / groups, co]`: slice s is a matrix of kh·kw rows and `columns` columns. */
export interface Slices {
  readonly taps: number;
  readonly count: number;
  readonly columns: number;
  /** The index in the weights of a tap and a column of slice s. */
  at(slice: number, tap: number, column: number): number;
}

/**
 * depthwise → pointwise has a slice for each input channel, (kh·kw) × (co / groups); pointwise → depthwise has one for each output
 * channel, (kh·kw) × (ci / groups) (Guo et al. 2018, Network Decoupling, arXiv 1808.05517, sections 3.1 and 3.2).
 */
export function slicesOf(weights: DenseWeights, order: SlicedOrder): Slices {
  const { taps, ci, co } = sizesOf(weights);
  const all = weights.groups * co;
  if (order === "pointwise-depthwise")
    return { taps, count: all, columns: ci, at: (slice, tap, column) => (tap * ci + column) * all + slice };
  return {
    taps,
    count: weights.groups * ci,
    columns: co,
    at: (slice, tap, column) => (tap * ci + (slice % ci)) * all + Math.floor(slice / ci) * co + column,
  };
}

/** Weights with their values. */
export interface DenseWeightValues extends DenseWeights {
  readonly data: Float64Array;
}

/** ‖W − Ŵ‖² for m = 0 … the full multiplier: the sums of the squared singular values that are left out. */
export function squaredErrors(weights: DenseWeightValues, order: SlicedOrder): number[] {
  const slices = slicesOf(weights, order);
  const full = formOf(order).fullRank(weights);
  const errors = new Array<number>(full + 1).fill(0);
  for (let slice = 0; slice < slices.count; slice += 1) {
    const { values } = decomposeSlice(weights, slices, slice);
    let tail = 0;
    for (let m = full; m >= 0; m -= 1) {
      errors[m] = (errors[m] ?? 0) + tail;
      tail += values[m - 1] ?? 0;
    }
  }
  return errors;
}

/**
 * The factors with the least ‖W − Ŵ‖ (Eckart and Young 1936), for a multiplier up to the full one, in the order of the data, in the
 * layout of `factorsOf`.
 */
export function factorize(weights: DenseWeightValues, order: SlicedOrder, m: number): Float32Array[] {
  const slices = slicesOf(weights, order);
  const { taps, count, columns } = slices;
  const { ci, co } = sizesOf(weights);
  const all = weights.groups * co;
  const depthwise = new Float32Array(taps * count * m);
  const pointwise = new Float32Array(count * m * columns);
  for (let slice = 0; slice < count; slice += 1) {
    const { vectors, left } = decomposeSlice(weights, slices, slice);
    for (let r = 0; r < m; r += 1) {
      // Vector r of the smaller side, and the slice times that vector on the other side. So nothing is divided by small values.
      const other = left ? columns : taps;
      const product = new Float64Array(other);
      const length = left ? taps : columns;
      for (let k = 0; k < length; k += 1) {
        const v = vectors.get(k, r);
        for (let j = 0; j < other; j += 1) {
          const value = weights.data[left ? slices.at(slice, k, j) : slices.at(slice, j, k)] ?? 0;
          product[j] = (product[j] ?? 0) + v * value;
        }
      }
      const tapOf = (tap: number): number => (left ? vectors.get(tap, r) : (product[tap] ?? 0));
      const columnOf = (column: number): number => (left ? (product[column] ?? 0) : vectors.get(column, r));
      // Depthwise [kh, kw, 1, ci·m], where output channel c·m + r reads input channel c; or [kh, kw, m, co].
      for (let tap = 0; tap < taps; tap += 1) {
        const at =
          order === "depthwise-pointwise" ? (tap * count + slice) * m + r : (tap * m + r) * count + slice;
        depthwise[at] = tapOf(tap);
      }
      // Pointwise [(ci / groups)·m, co]; or [ci / groups, co·m], where channel o·m + r belongs to output channel o.
      for (let column = 0; column < columns; column += 1) {
        const at =
          order === "depthwise-pointwise"
            ? ((slice % ci) * m + r) * all + Math.floor(slice / ci) * co + column
            : (column * count + slice) * m + r;
        pointwise[at] = columnOf(column);
      }
    }
  }
  return order === "depthwise-pointwise" ? [depthwise, pointwise] : [pointwise, depthwise];
}

/** The singular vectors of one side of a slice. */
export interface Decomposition {
  /** Squared singular values, largest first. */
  readonly values: readonly number[];
  /** The singular vectors of the smaller side as columns, in the same order. */
  readonly vectors: Matrix;
  /** Whether the vectors belong to the taps (left) or to the columns. */
  readonly left: boolean;
}

/**
 * The decomposition of A (taps × columns) by the eigenvectors of A·Aᵀ or Aᵀ·A, whichever is smaller: 9 × 9 instead of
 * 9 × 512. Squaring loses half of the digits of small singular values. Float64 has enough digits: a value of 10⁻⁸ times the
 * greatest one is lost, and f32 does not hold it either.
 */
export function decomposeSlice({ data }: DenseWeightValues, slices: Slices, slice: number): Decomposition {
  const { taps, columns } = slices;
  const left = taps <= columns;
  const size = left ? taps : columns;
  const length = left ? columns : taps;
  const rows = Array.from({ length: size }, (_, i) =>
    Float64Array.from(
      { length },
      (_unused, j) => data[left ? slices.at(slice, i, j) : slices.at(slice, j, i)] ?? 0,
    ),
  );
  const gram = Matrix.zeros(size, size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      const [a, b] = [rows[i] ?? bug("no row"), rows[j] ?? bug("no row")];
      let sum = 0;
      for (let k = 0; k < length; k += 1) sum += (a[k] ?? 0) * (b[k] ?? 0);
      gram.set(i, j, sum);
      gram.set(j, i, sum);
    }
  }
  const eigen = new EigenvalueDecomposition(gram, { assumeSymmetric: true });
  const order = [...eigen.realEigenvalues.keys()].sort(
    (a, b) => (eigen.realEigenvalues[b] ?? 0) - (eigen.realEigenvalues[a] ?? 0),
  );
  return {
    // Rounding makes tiny negative numbers of eigenvalues that are zero.
    values: order.map((at) => Math.max(0, eigen.realEigenvalues[at] ?? 0)),
    vectors: eigen.eigenvectorMatrix.subMatrixColumn(order),
    left,
  };
}

const randomSlices = 8;

/** ‖W − Ŵ‖ / ‖W‖ for random normal weights of the same shape, from a few random slices; the same on every machine. */
export function randomError(weights: DenseWeights, order: SlicedOrder, m: number): number {
  const { taps, columns } = slicesOf(weights, order);
  const random = seededRandom(1);
  // Weights with few input channels: their slices are as large as those of the given shape.
  const values = {
    shape: [1, taps, randomSlices, columns],
    groups: 1,
    data: Float64Array.from({ length: taps * randomSlices * columns }, () => random.normal()),
  };
  const errors = squaredErrors(values, "depthwise-pointwise");
  return Math.sqrt((errors[m] ?? 0) / (errors[0] ?? 1));
}
