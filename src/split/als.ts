// Alternating least squares: the terms whose kernel responds most like a wanted one, in the norm of its inputs' covariance.

import { conjugateGradients } from "#calibrate/conjugate-gradients.js";
import type { Matrix, Products } from "#calibrate/products.js";
import { solvePositive } from "#calibrate/solve.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Terms } from "./terms.js";
import { spread } from "./terms.js";

/** What a kernel Ŵ [n, outputs] should be like: f(Ŵ) = tr(Ŵᵀ·C·Ŵ) − 2·tr(Ŵᵀ·R) is to be least. */
export interface Wanted {
  /** Covariance of the patches, [n, n], positive definite. */
  readonly covariance: Matrix;
  /** Their covariance with the wanted responses, [n, outputs]. */
  readonly cross: Matrix;
}

export interface FitOptions {
  readonly rounds: number;
  /** Steps of conjugate gradients for each of the factors that are solved so. */
  readonly innerSteps?: number;
  /** A round that gains less of f ends the fit; 0 by default, where only rounds that gain nothing do. */
  readonly leastGain?: number;
}

/** Terms, their kernel, and what it comes to. */
export interface Fit {
  readonly terms: Terms;
  /** Ŵ [n, outputs]. */
  readonly kernel: Matrix;
  readonly objective: number;
}

/** Steps of conjugate gradients a factor and round: more of them gain less than more rounds do. */
const defaultInnerSteps = 5;

/** Of the mean diagonal: f32 products make no smaller eigenvalues than this. */
const damping = 1e-7;

/**
 * Fits the factors in turn (the alternating least squares of Carroll and Chang 1970, in the norm of C). The last one, b, is the solution of
 * a small system; d and a, whose systems are large, go some steps of conjugate gradients from where they are. No round makes f greater:
 * one that would (by roundings, once nothing is to be gained) is undone and ends the fit.
 */
export async function fitTerms(
  wanted: Wanted,
  start: Terms,
  products: Products,
  { rounds, innerSteps = defaultInnerSteps, leastGain = 0 }: FitOptions,
): Promise<Fit> {
  const { covariance, cross } = wanted;
  let terms = start;
  if (terms.fixed !== "b") terms = { ...terms, b: await bestOutputs(covariance, cross, terms, products) };
  let best = await judgeTerms(wanted, terms, products);
  for (let round = 0; round < rounds; round += 1) {
    terms = await improve(covariance, cross, terms, "d", products, innerSteps);
    if (terms.fixed !== "a") terms = await improve(covariance, cross, terms, "a", products, innerSteps);
    terms = normalized(terms);
    if (terms.fixed !== "b") terms = { ...terms, b: await bestOutputs(covariance, cross, terms, products) };
    const next = await judgeTerms(wanted, terms, products);
    if (!(next.objective < best.objective)) break;
    const gain = best.objective - next.objective;
    best = next;
    if (gain <= leastGain * Math.abs(best.objective)) break;
  }
  return best;
}

/** f of terms, and their kernel. */
export async function judgeTerms(
  { covariance, cross }: Wanted,
  terms: Terms,
  products: Products,
): Promise<Fit> {
  const kernel = await products.multiply(
    spread(terms, terms.a, terms.d),
    matrixOf(terms.count, terms.outputs, terms.b),
  );
  const image = await products.multiply(covariance, kernel);
  let objective = 0;
  for (let at = 0; at < kernel.data.length; at += 1)
    objective += (kernel.data[at] ?? 0) * ((image.data[at] ?? 0) - 2 * (cross.data[at] ?? 0));
  return { terms, kernel, objective };
}

/** b of Tᵀ·C·T·b = Tᵀ·R. */
async function bestOutputs(
  covariance: Matrix,
  cross: Matrix,
  terms: Terms,
  products: Products,
): Promise<Float64Array> {
  const t = spread(terms, terms.a, terms.d);
  const image = await products.multiply(covariance, t);
  const gram = await products.multiply(t, image, { transposeA: true });
  const right = await products.multiply(t, cross, { transposeA: true });
  const solved = await solvePositive(gram.data, terms.count, right.data, terms.outputs, { damping });
  return solved?.x ?? bug("the covariance of what the terms give is not semidefinite");
}

/** One of a and d after some steps towards its best, the others as they are. */
async function improve(
  covariance: Matrix,
  cross: Matrix,
  terms: Terms,
  which: "a" | "d",
  products: Products,
  steps: number,
): Promise<Terms> {
  const { count, outputs } = terms;
  const b = matrixOf(count, outputs, terms.b);
  const spreadBy = (x: ArrayLike<number>): Matrix =>
    which === "a" ? spread(terms, x, terms.d) : spread(terms, terms.a, x);
  // What a change of the factor does to the kernel goes through C and comes back.
  const apply = async (x: Float64Array): Promise<Float64Array> => {
    const kernel = await products.multiply(spreadBy(x), b);
    const image = await products.multiply(covariance, kernel);
    const back = gather(terms, which, await products.multiply(image, b, { transposeB: true }));
    for (let at = 0; at < back.length; at += 1) back[at] = (back[at] ?? 0) + damped * (x[at] ?? 0);
    return back;
  };
  const right = gather(terms, which, await products.multiply(cross, b, { transposeB: true }));
  const diagonal = await diagonalOf(covariance, terms, which, products);
  const damped = damping * mean(diagonal) + Number.MIN_VALUE;
  const { x } = await conjugateGradients(apply, right, {
    start: terms[which],
    steps,
    tolerance: 1e-7,
    precondition: (residual) => residual.map((value, at) => value / ((diagonal[at] ?? 0) + damped)),
  });
  return { ...terms, [which]: x };
}

/** What a gradient with regard to T [n, count] is with regard to a or d. */
function gather({ taps, inputs, count, a, d }: Terms, which: "a" | "d", image: Matrix): Float64Array {
  const result = new Float64Array((which === "a" ? inputs : taps) * count);
  let from = 0;
  for (let t = 0; t < taps; t += 1)
    for (let i = 0; i < inputs; i += 1) {
      const to = (which === "a" ? i : t) * count;
      const [other, at] = which === "a" ? [d, t * count] : [a, i * count];
      for (let k = 0; k < count; k += 1) {
        result[to + k] = (result[to + k] ?? 0) + (image.data[from] ?? 0) * (other[at + k] ?? 0);
        from += 1;
      }
    }
  return result;
}

/** The diagonal of the system of a or d. */
async function diagonalOf(
  covariance: Matrix,
  terms: Terms,
  which: "a" | "d",
  products: Products,
): Promise<Float64Array> {
  const { taps, inputs, outputs, count, a, d, b } = terms;
  const weights = new Float64Array(count);
  for (let k = 0; k < count; k += 1)
    for (let o = 0; o < outputs; o += 1) weights[k] = (weights[k] ?? 0) + (b[k * outputs + o] ?? 0) ** 2;
  const n = taps * inputs;
  const result = new Float64Array((which === "a" ? inputs : taps) * count);
  if (which === "a") {
    // Σ over pairs of taps, of C at that input.
    for (let i = 0; i < inputs; i += 1)
      for (let t = 0; t < taps; t += 1)
        for (let u = 0; u < taps; u += 1) {
          const value = covariance.data[(t * inputs + i) * n + u * inputs + i] ?? 0;
          for (let k = 0; k < count; k += 1) {
            const to = i * count + k;
            result[to] = (result[to] ?? 0) + value * (d[t * count + k] ?? 0) * (d[u * count + k] ?? 0);
          }
        }
  } else {
    const inputsOfTerms = matrixOf(inputs, count, a);
    const block = { rows: inputs, columns: inputs, data: new Float32Array(inputs * inputs) };
    for (let t = 0; t < taps; t += 1) {
      for (let i = 0; i < inputs; i += 1) {
        const from = (t * inputs + i) * n + t * inputs;
        block.data.set(covariance.data.subarray(from, from + inputs), i * inputs);
      }
      const image = await products.multiply(block, inputsOfTerms);
      for (let i = 0; i < inputs; i += 1)
        for (let k = 0; k < count; k += 1) {
          const to = t * count + k;
          result[to] = (result[to] ?? 0) + (image.data[i * count + k] ?? 0) * (a[i * count + k] ?? 0);
        }
    }
  }
  return result.map((value, at) => value * (weights[at % count] ?? 0));
}

/** The same terms with filters of length 1 (and inputs, where b is solved for): what they had goes to the next factor. */
function normalized(terms: Terms): Terms {
  const { count, fixed } = terms;
  const d = Float64Array.from(terms.d);
  const a = Float64Array.from(terms.a);
  const lengths = scaleColumns(d, count);
  if (fixed === undefined) scaleColumns(a, count);
  if (fixed === "b")
    for (let at = 0; at < a.length; at += 1) a[at] = (a[at] ?? 0) * (lengths[at % count] ?? 0);
  return { ...terms, a, d };
}

/** Divides columns by their lengths, which it gives; columns of zeros stay. */
function scaleColumns(data: Float64Array, count: number): Float64Array {
  const lengths = new Float64Array(count);
  for (let at = 0; at < data.length; at += 1)
    lengths[at % count] = (lengths[at % count] ?? 0) + (data[at] ?? 0) ** 2;
  for (let k = 0; k < count; k += 1) lengths[k] = Math.sqrt(lengths[k] ?? 0) || 1;
  for (let at = 0; at < data.length; at += 1) data[at] = (data[at] ?? 0) / (lengths[at % count] ?? 1);
  return lengths;
}

function matrixOf(rows: number, columns: number, data: Float64Array): Matrix {
  return { rows, columns, data: Float32Array.from(data) };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
