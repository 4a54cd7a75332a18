// A split of one group as a sum of terms, the form in which all orders are fitted: Ŵ[t·ci + i, o] = Σₖ a[i, k] · d[t, k] · b[k, o].

import { bug } from "#diagnostic/diagnostic.js";
import { seededRandom } from "#ops/random.js";
import type { DenseWeightValues } from "#passes/split/decompose.js";
import { factorize } from "#passes/split/decompose.js";
import type { DenseWeights, Split, SplitOrder } from "#passes/split/form.js";
import { factorsOf, sizesOf } from "#passes/split/form.js";
import { elements } from "#ir/type.js";
import type { Matrix } from "#calibrate/algebra/products.js";

/** A sum of terms. All arrays are stored row by row. */
export interface Terms {
  readonly taps: number;
  readonly inputs: number;
  readonly outputs: number;
  /** The number of terms. */
  readonly count: number;
  /** [inputs, count]: ones and zeros if each term reads one input (depthwise → pointwise), and then fixed. */
  readonly a: Float64Array;
  /** [taps, count]. */
  readonly d: Float64Array;
  /** [count, outputs]: ones and zeros if each term is written to one output (pointwise → depthwise), and then fixed. */
  readonly b: Float64Array;
  /** The factor that the order fixes. */
  readonly fixed: "a" | "b" | undefined;
}

const fixedFactor: Readonly<Record<SplitOrder, Terms["fixed"]>> = {
  "depthwise-pointwise": "a",
  "pointwise-depthwise": "b",
  "pointwise-depthwise-pointwise": undefined,
};

/**
 * The terms to start from for the weights of a group. For the first two orders, those that lose least of the weights. For the third,
 * random ones, from which the fit gets as far as from any others.
 */
export function startingTerms(weights: DenseWeightValues, { order, rank }: Split, seed: number): Terms {
  const { taps, ci, co } = sizesOf(weights);
  const fixed = fixedFactor[order];
  const count = fixed === "a" ? ci * rank : fixed === "b" ? co * rank : rank;
  const a = new Float64Array(ci * count);
  const d = new Float64Array(taps * count);
  const b = new Float64Array(count * co);
  const terms = { taps, inputs: ci, outputs: co, count, a, d, b, fixed };
  if (order === "pointwise-depthwise-pointwise") {
    const random = seededRandom(seed);
    for (const factor of [a, d]) for (let at = 0; at < factor.length; at += 1) factor[at] = random.normal();
    return terms;
  }
  const [first, second] = factorize(weights, order, rank);
  if (!first || !second) return bug(`${order} has two factors`);
  if (order === "depthwise-pointwise") {
    for (let k = 0; k < count; k += 1) a[Math.floor(k / rank) * count + k] = 1;
    d.set(first);
    b.set(second);
    return terms;
  }
  for (let k = 0; k < count; k += 1) {
    const o = Math.floor(k / rank);
    b[k * co + o] = 1;
    // The depthwise weights are [taps, m, co].
    for (let t = 0; t < taps; t += 1) d[t * count + k] = second[(t * rank + (k % rank)) * co + o] ?? 0;
  }
  a.set(first);
  return terms;
}

/** T[t·inputs + i, k] = a[i, k] · d[t, k], for any factors of these sizes. */
export function spread({ taps, inputs, count }: Terms, a: ArrayLike<number>, d: ArrayLike<number>): Matrix {
  const data = new Float32Array(taps * inputs * count);
  let to = 0;
  for (let t = 0; t < taps; t += 1)
    for (let i = 0; i < inputs; i += 1)
      for (let k = 0; k < count; k += 1) {
        data[to] = (a[i * count + k] ?? 0) * (d[t * count + k] ?? 0);
        to += 1;
      }
  return { rows: taps * inputs, columns: count, data };
}

/** The weights of the convolutions of a split, from the terms of its groups, in the layout of `factorsOf`. */
export function factorsOfTerms(
  weights: DenseWeights,
  split: Split,
  groups: readonly Terms[],
): Float32Array[] {
  const data = factorsOf(weights, split).map(({ shape }) => new Float32Array(elements(shape)));
  const [first, second, third] = data;
  if (!first || !second) return bug(`${split.order} has too few factors`);
  const all = groups.length;
  for (const [group, { taps, inputs, outputs, count, a, d, b, fixed }] of groups.entries()) {
    /** Copies [rows, columns] to columns of a wider matrix. */
    const copyColumns = (to: Float32Array, from: Float64Array, rows: number, columns: number): void => {
      for (let row = 0; row < rows; row += 1)
        to.set(from.subarray(row * columns, (row + 1) * columns), (row * all + group) * columns);
    };
    if (fixed === "a") {
      copyColumns(first, d, taps, count);
      copyColumns(second, b, count, outputs);
    } else if (fixed === "b") {
      copyColumns(first, a, inputs, count);
      for (let t = 0; t < taps; t += 1)
        for (let k = 0; k < count; k += 1) {
          const at = (t * split.rank + (k % split.rank)) * outputs * all + group * outputs;
          second[at + Math.floor(k / split.rank)] = d[t * count + k] ?? 0;
        }
    } else {
      copyColumns(first, a, inputs, count);
      copyColumns(second, d, taps, count);
      copyColumns(third ?? bug(`${split.order} has three factors`), b, count, outputs);
    }
  }
  return data;
}
