// Fits terms so that their responses come nearest to wanted ones, in the norm of the covariance of the inputs.

import type { Evaluated } from "#calibrate/algebra/minimize.js";
import { minimize } from "#calibrate/algebra/minimize.js";
import type { Matrix, Products } from "#calibrate/algebra/products.js";
import { mirrorLower } from "#calibrate/algebra/products.js";
import { solvePositive } from "#calibrate/algebra/solve.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Terms } from "./terms.js";
import { spread } from "./terms.js";

/** The problem: weights Ŵ [n, outputs] that minimize f(Ŵ) = tr(Ŵᵀ·C·Ŵ) − 2·tr(Ŵᵀ·R). */
export interface Wanted {
  /** C, the covariance of the patches, [n, n], positive definite. */
  readonly covariance: Matrix;
  /** R, the covariance of the patches with the wanted responses, [n, outputs]. */
  readonly cross: Matrix;
}

export interface FitOptions {
  /** The most steps of the search. */
  readonly steps: number;
}

/** Terms, the weights that they compute, and f of these. */
export interface Fit {
  readonly terms: Terms;
  /** Ŵ [n, outputs]. */
  readonly weights: Matrix;
  readonly objective: number;
}

/** Relative to the mean of the diagonal: f32 products cannot resolve smaller eigenvalues. */
const damping = 1e-7;

/** Relative to the mean curvature: added to the curvature of each unknown, so that unknowns with little effect take no long steps. */
const leastCurvature = 1e-3;

/**
 * Fits the factors. f is a function of a and d alone, since the best b for them is the solution of a small system (variable projection, Golub
 * and Pereyra 1973). Its gradient takes one product with C, as f itself does. The search is `minimize`, and no step increases f.
 * Where the order fixes b, f is a function of a and d with that b; where it fixes a, f is a function of d.
 *
 * Alternating least squares (Carroll and Chang 1970) take ten products for each round of the factors, and get as far in 30 rounds as this
 * method in 15 steps (1×7×192×192 of a trained network, 164 terms: both lose a part of 0.054 of the responses then; after 45 steps 0.045).
 */
export async function fitTerms(
  wanted: Wanted,
  start: Terms,
  products: Products,
  { steps }: FitOptions,
): Promise<Fit> {
  const begin = normalized(start);
  const found = await minimize((x) => evaluate(wanted, unpacked(begin, x), products), packed(begin, begin), {
    steps,
    curvature: (terms) => curvatureOf(wanted.covariance, terms, products),
  });
  const terms = found.state;
  return { terms, weights: await weightsOf(terms, products), objective: found.value };
}

/** f of terms, and the weights that they compute. */
export async function judgeTerms(
  { covariance, cross }: Wanted,
  terms: Terms,
  products: Products,
): Promise<Fit> {
  const weights = await weightsOf(terms, products);
  const image = await products.multiply(covariance, weights);
  return { terms, weights, objective: objectiveOf(weights, image, cross) };
}

/** Ŵ [n, outputs]. */
export function weightsOf(terms: Terms, products: Products): Promise<Matrix> {
  return products.multiply(spread(terms, terms.a, terms.d), outputsOf(terms));
}

function objectiveOf(weights: Matrix, image: Matrix, cross: Matrix): number {
  let objective = 0;
  for (let at = 0; at < weights.data.length; at += 1)
    objective += (weights.data[at] ?? 0) * ((image.data[at] ?? 0) - 2 * (cross.data[at] ?? 0));
  return objective;
}

/** f with the best b, and its gradient by the unknown factors. */
async function evaluate(
  { covariance, cross }: Wanted,
  given: Terms,
  products: Products,
): Promise<Evaluated<Terms>> {
  const t = spread(given, given.a, given.d);
  let terms = given;
  let image: Matrix;
  let value: number;
  if (given.fixed === "b") {
    const weights = await products.multiply(t, outputsOf(given));
    image = await products.multiply(covariance, weights);
    value = objectiveOf(weights, image, cross);
  } else {
    const imageOfTerms = await products.multiply(covariance, t);
    const gram = { rows: given.count, columns: given.count, data: new Float32Array(given.count ** 2) };
    await products.addProduct(gram, t, imageOfTerms, { transposeA: true, lower: true });
    mirrorLower(gram);
    const right = await products.multiply(t, cross, { transposeA: true });
    const solved = await solvePositive(gram.data, given.count, right.data, given.outputs, { damping });
    if (!solved) return bug("the covariance of what the terms give is not semidefinite");
    terms = { ...given, b: solved.x };
    const b = outputsOf(terms);
    value = objectiveOf(b, await products.multiply(gram, b), right);
    image = await products.multiply(imageOfTerms, b);
  }
  // ∂f/∂Ŵ, and through Ŵ = T·b back to T. b changes with T too, but at the best b that does not change f to first order.
  for (let at = 0; at < image.data.length; at += 1)
    image.data[at] = 2 * ((image.data[at] ?? 0) - (cross.data[at] ?? 0));
  const back = await products.multiply(image, outputsOf(terms), { transposeB: true });
  return { value, gradient: packed(terms, gather(terms, back)), state: terms };
}

interface Searched {
  readonly a: Float64Array;
  readonly d: Float64Array;
}

/** The unknowns as one vector: a, if the order does not fix it, and d. */
function packed({ fixed }: Terms, { a, d }: Searched): Float64Array {
  if (fixed === "a") return d;
  const all = new Float64Array(a.length + d.length);
  all.set(a);
  all.set(d, a.length);
  return all;
}

function unpacked(terms: Terms, x: Float64Array): Terms {
  const from = terms.fixed === "a" ? 0 : terms.a.length;
  return { ...terms, a: from === 0 ? terms.a : x.subarray(0, from), d: x.subarray(from) };
}

/** Turns a gradient by T [n, count] into gradients by a and d. */
function gather({ taps, inputs, count, a, d }: Terms, image: Matrix): Searched {
  const toA = new Float64Array(inputs * count);
  const toD = new Float64Array(taps * count);
  let from = 0;
  for (let t = 0; t < taps; t += 1)
    for (let i = 0; i < inputs; i += 1)
      for (let k = 0; k < count; k += 1) {
        const value = image.data[from] ?? 0;
        toA[i * count + k] = (toA[i * count + k] ?? 0) + value * (d[t * count + k] ?? 0);
        toD[t * count + k] = (toD[t * count + k] ?? 0) + value * (a[i * count + k] ?? 0);
        from += 1;
      }
  return { a: toA, d: toD };
}

/** The second derivatives by each unknown, for constant b: twice the diagonals of their systems. */
async function curvatureOf(covariance: Matrix, terms: Terms, products: Products): Promise<Float64Array> {
  const d = await diagonalOf(covariance, terms, "d", products);
  const a = terms.fixed === "a" ? d : await diagonalOf(covariance, terms, "a", products);
  const all = packed(terms, { a, d });
  const least = leastCurvature * mean(all) + Number.MIN_VALUE;
  return all.map((value) => 2 * (value + least));
}

/** The diagonal of the least-squares system of a or d. */
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
    // C between all pairs of taps, at the same input.
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
    const tapCovariance = { rows: inputs, columns: inputs, data: new Float32Array(inputs * inputs) };
    for (let t = 0; t < taps; t += 1) {
      for (let i = 0; i < inputs; i += 1) {
        const from = (t * inputs + i) * n + t * inputs;
        tapCovariance.data.set(covariance.data.subarray(from, from + inputs), i * inputs);
      }
      const image = await products.multiply(tapCovariance, inputsOfTerms);
      for (let i = 0; i < inputs; i += 1)
        for (let k = 0; k < count; k += 1) {
          const to = t * count + k;
          result[to] = (result[to] ?? 0) + (image.data[i * count + k] ?? 0) * (a[i * count + k] ?? 0);
        }
    }
  }
  return result.map((value, at) => value * (weights[at % count] ?? 0));
}

/** The same terms with filters of length 1 (and inputs of length 1, where b is solved for). The next factor takes up their lengths. */
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

/** Divides columns by their lengths, and returns the lengths; columns of zeros stay. */
function scaleColumns(data: Float64Array, count: number): Float64Array {
  const lengths = new Float64Array(count);
  for (let at = 0; at < data.length; at += 1)
    lengths[at % count] = (lengths[at % count] ?? 0) + (data[at] ?? 0) ** 2;
  for (let k = 0; k < count; k += 1) lengths[k] = Math.sqrt(lengths[k] ?? 0) || 1;
  for (let at = 0; at < data.length; at += 1) data[at] = (data[at] ?? 0) / (lengths[at % count] ?? 1);
  return lengths;
}

function outputsOf({ count, outputs, b }: Terms): Matrix {
  return matrixOf(count, outputs, b);
}

function matrixOf(rows: number, columns: number, data: Float64Array): Matrix {
  return { rows, columns, data: Float32Array.from(data) };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
