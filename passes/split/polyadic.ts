// The canonical polyadic decomposition of weights, by alternating least squares that start from the strongest terms of slices.

import { CholeskyDecomposition, Matrix } from "ml-matrix";
import type { DenseWeightValues, Slices } from "./decompose.js";
import { decomposeSlice, slicesOf } from "./decompose.js";
import type { DenseWeights } from "./form.js";
import { composeFactors, formOf, sizesOf } from "./form.js";

const order = "pointwise-depthwise-pointwise";

/** The most elements for which limits consider this order: a round takes about 2 · elements · rank multiplications. */
export const largestPolyadic = 2 ** 16;

/** Some ranks up to the full one, each at most twice the one before. */
export function polyadicRanks(weights: DenseWeights): number[] {
  const full = formOf(order).fullRank(weights);
  const ranks = new Set<number>();
  for (let rank = full; rank >= 1; rank /= 2) ranks.add(Math.round(rank));
  return [...ranks].toReversed();
}

/** A decomposition in the layout of `factorsOf`, and its ‖W − Ŵ‖². */
export interface Polyadic {
  readonly factors: readonly Float32Array[];
  readonly squaredError: number;
}

const mostRounds = 10;
/** A round that gains less than this part of ‖W‖² ends the search. */
const leastGain = 1e-4;

/**
 * A decomposition with a rank up to the full one, for each group on its own. It starts with the strongest terms of the slices along
 * one axis: the axis where they hold most of ‖W‖². It is never worse than these terms, so it is exact at full rank. The search may miss
 * the best decomposition: the problem is hard, and a best one need not exist (Hillar and Lim 2013).
 */
export function polyadic(weights: DenseWeightValues, rank: number): Polyadic {
  const { taps, ci, co } = sizesOf(weights);
  const { groups } = weights;
  const [between, all] = [groups * rank, groups * co];
  const expand = new Float32Array(ci * between);
  const depthwise = new Float32Array(taps * between);
  const project = new Float32Array(rank * all);
  for (let group = 0; group < groups; group += 1) {
    const own: DenseWeightValues = {
      shape: [...weights.shape.slice(0, 3), co],
      groups: 1,
      data: Float64Array.from({ length: taps * ci * co }, (_, at) => {
        const row = Math.floor(at / co);
        return weights.data[row * all + group * co + (at - row * co)] ?? 0;
      }),
    };
    const { a, d, b } = balanced(improved(own, startingTerms(own, rank)));
    for (let k = 0; k < rank; k += 1) {
      const channel = group * rank + k;
      for (let i = 0; i < ci; i += 1) expand[i * between + channel] = a[i * rank + k] ?? 0;
      for (let t = 0; t < taps; t += 1) depthwise[t * between + channel] = d[t * rank + k] ?? 0;
      for (let o = 0; o < co; o += 1) project[k * all + group * co + o] = b[o * rank + k] ?? 0;
    }
  }
  const factors = [expand, depthwise, project];
  const composed = composeFactors(weights, { order, rank }, factors);
  const squaredError = weights.data.reduce((sum, value, at) => sum + (value - (composed[at] ?? 0)) ** 2, 0);
  return { factors, squaredError };
}

/** W[t, i, o] = Σ a[i, k] · d[t, k] · b[o, k], row by row. */
interface Terms {
  readonly rank: number;
  readonly a: Float64Array;
  readonly d: Float64Array;
  readonly b: Float64Array;
}

/**
 * The axes along which weights of one group are cut into slices. Each names the factors to which the rows, the columns and the number
 * of a slice belong.
 */
function cuts(weights: DenseWeightValues) {
  const { taps, ci, co } = sizesOf(weights);
  const byTap: Slices = {
    taps: ci,
    count: taps,
    columns: co,
    at: (tap, input, column) => (tap * ci + input) * co + column,
  };
  return [
    { slices: slicesOf(weights, "depthwise-pointwise"), rows: "d", columns: "b", cut: "a" },
    { slices: slicesOf(weights, "pointwise-depthwise"), rows: "d", columns: "a", cut: "b" },
    { slices: byTap, rows: "a", columns: "b", cut: "d" },
  ] as const;
}

function startingTerms(weights: DenseWeightValues, rank: number): Terms {
  const { taps, ci, co } = sizesOf(weights);
  const found = cuts(weights).map((cut) => {
    const parts = Array.from({ length: cut.slices.count }, (_, slice) =>
      decomposeSlice(weights, cut.slices, slice),
    );
    const strongest = parts
      .flatMap(({ values }, slice) => values.map((value, at) => ({ slice, at, value })))
      .toSorted((x, y) => y.value - x.value || x.slice - y.slice || x.at - y.at)
      .slice(0, rank);
    return { cut, parts, strongest, held: strongest.reduce((sum, { value }) => sum + value, 0) };
  });
  const best = found.reduce((one, other) => (other.held > one.held ? other : one));
  const terms: Terms = {
    rank,
    a: new Float64Array(ci * rank),
    d: new Float64Array(taps * rank),
    b: new Float64Array(co * rank),
  };
  const { slices, rows, columns, cut } = best.cut;
  for (const [k, { slice, at }] of best.strongest.entries()) {
    const { vectors, left } = best.parts[slice] ?? decomposeSlice(weights, slices, slice);
    terms[cut][slice * rank + k] = 1;
    const [known, other] = left ? [rows, columns] : [columns, rows];
    const [length, width] = left ? [slices.taps, slices.columns] : [slices.columns, slices.taps];
    for (let p = 0; p < length; p += 1) {
      const v = vectors.get(p, at);
      terms[known][p * rank + k] = v;
      for (let q = 0; q < width; q += 1) {
        const value = weights.data[left ? slices.at(slice, p, q) : slices.at(slice, q, p)] ?? 0;
        const to = q * rank + k;
        terms[other][to] = (terms[other][to] ?? 0) + v * value;
      }
    }
  }
  return terms;
}

/** Rounds of alternating least squares: given two of the factors, the third is the solution of a linear problem. */
function improved(weights: DenseWeightValues, start: Terms): Terms {
  const { taps, ci, co } = sizesOf(weights);
  const { rank } = start;
  const norm = weights.data.reduce((sum, value) => sum + value * value, 0);
  let best = start;
  let least = lossOf(weights, start, norm);
  for (let round = 0; round < mostRounds && least > leastGain * norm; round += 1) {
    // A: sums over taps and outputs.
    const byOutput = new Float64Array(taps * ci * rank);
    contract(weights.data, best.b, byOutput, { rows: taps * ci, columns: co, rank });
    const a = solved(
      sumOver(byOutput, best.d, { outer: taps, inner: ci, rank }),
      gram(best.d, best.b, rank),
      rank,
    );
    normalise(a, rank);
    // D and B share the sum over inputs.
    const byInput = new Float64Array(taps * co * rank);
    for (let t = 0; t < taps; t += 1) {
      for (let i = 0; i < ci; i += 1) {
        for (let o = 0; o < co; o += 1) {
          const value = weights.data[(t * ci + i) * co + o] ?? 0;
          if (value === 0) continue;
          const [from, to] = [i * rank, (t * co + o) * rank];
          for (let k = 0; k < rank; k += 1)
            byInput[to + k] = (byInput[to + k] ?? 0) + value * (a[from + k] ?? 0);
        }
      }
    }
    const rightD = new Float64Array(taps * rank);
    for (let row = 0; row < taps * co; row += 1) {
      const [t, o] = [Math.floor(row / co), row % co];
      for (let k = 0; k < rank; k += 1) {
        const to = t * rank + k;
        rightD[to] = (rightD[to] ?? 0) + (byInput[row * rank + k] ?? 0) * (best.b[o * rank + k] ?? 0);
      }
    }
    const d = solved(rightD, gram(a, best.b, rank), rank);
    normalise(d, rank);
    const rightB = sumOver(byInput, d, { outer: taps, inner: co, rank });
    const matrix = gram(a, d, rank);
    const b = solved(rightB, matrix, rank);
    const terms = { rank, a, d, b };
    const loss = lossFrom(terms, rightB, matrix, norm);
    if (!(loss < least)) break;
    const gain = least - loss;
    best = terms;
    least = loss;
    if (gain < leastGain * norm) break;
  }
  return best;
}

interface Sizes {
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
}

/** to[row, k] = Σ over columns of x[row, column] · f[column, k]. */
function contract(x: Float64Array, f: Float64Array, to: Float64Array, { rows, columns, rank }: Sizes): void {
  for (let row = 0; row < rows; row += 1) {
    const start = row * rank;
    for (let column = 0; column < columns; column += 1) {
      const value = x[row * columns + column] ?? 0;
      if (value === 0) continue;
      const from = column * rank;
      for (let k = 0; k < rank; k += 1) to[start + k] = (to[start + k] ?? 0) + value * (f[from + k] ?? 0);
    }
  }
}

/** [inner, k] = Σ over outer of z[outer, inner, k] · f[outer, k]. */
function sumOver(
  z: Float64Array,
  f: Float64Array,
  { outer, inner, rank }: { readonly outer: number; readonly inner: number; readonly rank: number },
): Float64Array {
  const result = new Float64Array(inner * rank);
  for (let t = 0; t < outer; t += 1) {
    for (let i = 0; i < inner; i += 1) {
      for (let k = 0; k < rank; k += 1) {
        const to = i * rank + k;
        result[to] = (result[to] ?? 0) + (z[(t * inner + i) * rank + k] ?? 0) * (f[t * rank + k] ?? 0);
      }
    }
  }
  return result;
}

/** (FᵀF) ∘ (GᵀG), `[rank, rank]`. */
function gram(f: Float64Array, g: Float64Array, rank: number): Matrix {
  const products = [f, g].map((one) => {
    const matrix = Matrix.zeros(rank, rank);
    for (let row = 0; row < one.length; row += rank) {
      for (let k = 0; k < rank; k += 1) {
        const value = one[row + k] ?? 0;
        if (value === 0) continue;
        for (let l = 0; l <= k; l += 1) matrix.set(k, l, matrix.get(k, l) + value * (one[row + l] ?? 0));
      }
    }
    return matrix;
  });
  const [first, second] = products;
  const result = Matrix.zeros(rank, rank);
  for (let k = 0; k < rank; k += 1) {
    for (let l = 0; l <= k; l += 1) {
      const value = (first?.get(k, l) ?? 0) * (second?.get(k, l) ?? 0);
      result.set(k, l, value);
      result.set(l, k, value);
    }
  }
  return result;
}

/** F with F · G = right, `[rows, rank]`; adds to the diagonal of G until it is positive definite. */
function solved(right: Float64Array, matrix: Matrix, rank: number): Float64Array {
  const rows = right.length / rank;
  const transposed = new Matrix(rank, rows);
  for (let row = 0; row < rows; row += 1)
    for (let k = 0; k < rank; k += 1) transposed.set(k, row, right[row * rank + k] ?? 0);
  const mean = matrix.trace() / rank || 1;
  for (let ridge = 1e-10; ; ridge *= 100) {
    const sum = matrix.clone();
    for (let k = 0; k < rank; k += 1) sum.set(k, k, sum.get(k, k) + ridge * mean);
    const cholesky = new CholeskyDecomposition(sum);
    if (!cholesky.isPositiveDefinite() && ridge < 1) continue;
    const solution = cholesky.solve(transposed);
    return Float64Array.from({ length: right.length }, (_, at) =>
      solution.get(at % rank, Math.floor(at / rank)),
    );
  }
}

/** Scales columns to norm 1. The factor that is solved last takes up their scale. */
function normalise(f: Float64Array, rank: number): void {
  for (const [k, norm] of columnNorms(f, rank).entries()) {
    if (norm === 0) continue;
    for (let at = k; at < f.length; at += rank) f[at] = (f[at] ?? 0) / norm;
  }
}

function columnNorms(f: Float64Array, rank: number): Float64Array {
  const sums = new Float64Array(rank);
  for (const [at, value] of f.entries()) sums[at % rank] = (sums[at % rank] ?? 0) + value * value;
  return sums.map(Math.sqrt);
}

/** ‖W‖² − 2·⟨W, Ŵ⟩ + ‖Ŵ‖², from the linear system of the last factor. */
function lossFrom({ b, rank }: Terms, right: Float64Array, matrix: Matrix, norm: number): number {
  let inner = 0;
  let own = 0;
  for (let row = 0; row < b.length; row += rank) {
    for (let k = 0; k < rank; k += 1) {
      const value = b[row + k] ?? 0;
      inner += value * (right[row + k] ?? 0);
      for (let l = 0; l < rank; l += 1) own += value * matrix.get(k, l) * (b[row + l] ?? 0);
    }
  }
  return Math.max(0, norm - 2 * inner + own);
}

function lossOf(weights: DenseWeightValues, terms: Terms, norm: number): number {
  const { taps, ci, co } = sizesOf(weights);
  const { rank } = terms;
  // The rows of the weights, times A and D, summed over taps and inputs.
  const right = new Float64Array(co * rank);
  for (let row = 0; row < taps * ci; row += 1) {
    const [t, i] = [Math.floor(row / ci), row % ci];
    for (let k = 0; k < rank; k += 1) {
      const factor = (terms.d[t * rank + k] ?? 0) * (terms.a[i * rank + k] ?? 0);
      if (factor === 0) continue;
      for (let o = 0; o < co; o += 1)
        right[o * rank + k] = (right[o * rank + k] ?? 0) + factor * (weights.data[row * co + o] ?? 0);
    }
  }
  return lossFrom(terms, right, gram(terms.a, terms.d, rank), norm);
}

/** The same terms with factors of equal norms, term by term. */
function balanced({ rank, a, d, b }: Terms): Terms {
  const norms = [a, d, b].map((f) => columnNorms(f, rank));
  const scaled = [a, d, b].map((f, which) =>
    f.map((value, at) => {
      const k = at % rank;
      const product = norms.reduce((all, one) => all * (one[k] ?? 0), 1);
      const own = norms[which]?.[k] ?? 0;
      return product === 0 || own === 0 ? 0 : (value * Math.cbrt(product)) / own;
    }),
  );
  const [newA = a, newD = d, newB = b] = scaled;
  return { rank, a: newA, d: newD, b: newB };
}
