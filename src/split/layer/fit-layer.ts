// Fits the split of one group of a convolution to rows of its inputs and wanted responses.

import { given } from "#diagnostic/given.js";
import { sumMoments } from "#calibrate/moments.js";
import type { Matrix, Products } from "#calibrate/algebra/products.js";
import type { Fit, FitOptions, Wanted } from "./fit-terms.js";
import { fitTerms, judgeTerms } from "./fit-terms.js";
import type { Metric } from "./metric.js";
import type { Terms } from "./terms.js";

/** Rows at positions of samples. */
export interface LayerRows {
  /** Patches of the convolution's input, [rows, n]. */
  readonly inputs: Matrix;
  /** The wanted responses of the convolution, [rows, outputs]. */
  readonly aims: Matrix;
  /** The values that are added to the result before the activation, [rows, outputs]; absent if nothing is added. */
  readonly shortcut?: Matrix;
}

export interface LayerFitOptions extends FitOptions {
  /** Whether only a `relu` reads the result (with the shortcut), so that only the values after it count. */
  readonly relu?: boolean;
  /** The norm in which responses are compared; the plain one by default. */
  readonly metric?: Metric;
}

export interface LayerFit {
  readonly terms: Terms;
  /** Ŵ, [n, outputs]. */
  readonly weights: Matrix;
  readonly bias: Float64Array;
  /** E‖y − ŷ‖² / E‖y − E[y]‖² over the rows, after the activation if one follows. */
  readonly error: number;
}

/** The weight of the original weights against the responses, relative to the mean variance of inputs: it decides where responses do not. */
const regularization = 1e-4;

/** The weights of the penalty that ties the auxiliary responses to the linear ones (Zhang et al. 2015, section 3.2), one for each round. */
const penalties = [0.01, 0.01, 0.1, 0.1, 1, 1, 1, 1];

/** Steps of the linear fit in a round. */
const stepsPerPenalty = 4;

/** The rows per input in which the activation is considered, and the least number: it changes less than the linear fit decides. */
const [activatedRows, fewestRows] = [4, 4096];

/** The part that does not depend on the terms, for fits of several splits to the same rows. */
export interface PreparedRows {
  /** The rows in which the activation is considered: some of all. */
  readonly some: LayerRows;
  readonly original: Matrix;
  readonly inputMean: Float64Array;
  readonly aimMean: Float64Array;
  /** Regularized covariance of the inputs; `cross` is that of inputs and aims. */
  readonly covariance: Matrix;
  readonly cross: Matrix;
  /** The number that regularization added to the diagonal. */
  readonly weight: number;
  /** E‖y − E[y]‖² and E‖y‖² of the aims. */
  readonly aimVariance: number;
  readonly aimSquares: number;
}

/** The moments of rows, regularized towards the original weights [n, outputs]. */
export async function prepareRows(
  rows: LayerRows,
  original: Matrix,
  products: Products,
): Promise<PreparedRows> {
  const n = rows.inputs.columns;
  const sums = sumMoments(n, rows.aims.columns, products);
  await sums.add(rows.inputs.data, rows.aims.data);
  const { covariance, crossCovariance, inputMean, responseMean, responseVariance } = await sums.finish();
  let trace = 0;
  for (let at = 0; at < n; at += 1) trace += covariance.data[at * n + at] ?? 0;
  // Inputs that never change do not determine the weights. Then regularization keeps the original ones.
  const weight = trace > 0 ? (regularization * trace) / n : 1;
  const aimVariance = responseVariance.reduce((sum, value) => sum + value, 0);
  const damped = Float32Array.from(covariance.data);
  for (let at = 0; at < n; at += 1) damped[at * n + at] = (damped[at * n + at] ?? 0) + weight;
  return {
    some: everyNth(rows, Math.floor(rows.inputs.rows / Math.max(fewestRows, activatedRows * n))),
    original,
    inputMean,
    aimMean: responseMean,
    covariance: { rows: n, columns: n, data: damped },
    cross: plus(crossCovariance, original, weight),
    weight,
    aimVariance,
    aimSquares: aimVariance + responseMean.reduce((sum, value) => sum + value ** 2, 0),
  };
}

/**
 * The terms and the bias with which a group gives the wanted responses. With `relu`, responses that the activation makes 0 are free below
 * 0: responses and weights are found in turn (Zhang et al. 2015, *Accelerating very deep convolutional networks*, arXiv 1505.06798,
 * section 3.2). The bias corrects the means.
 */
export async function fitLayer(
  rows: PreparedRows,
  start: Terms,
  products: Products,
  { relu = false, metric, ...options }: LayerFitOptions,
): Promise<LayerFit> {
  let { terms, weights, objective } = await fitInMetric(rows, start, products, metric, options);
  let bias = biasOf(rows, weights, rows.aimMean);
  if (!relu) return { terms, weights, bias, error: linearError(rows, weights, objective) };
  const { some } = rows;
  let responses = await products.multiply(some.inputs, weights);
  let best: LayerFit = { terms, weights, bias, error: activatedError(some, responses, bias) };
  for (const penalty of penalties) {
    // The sample of rows only gives the change of the aims against those of the linear fit, which all rows determine.
    const moved = movedAims(some, responses, bias, penalty);
    const mean = centred(moved);
    const cross = await products.multiply(some.inputs, moved, { transposeA: true });
    const wanted = { covariance: rows.covariance, cross: plus(rows.cross, cross, 1 / some.inputs.rows) };
    const fewer = { ...options, steps: stepsPerPenalty };
    ({ terms, weights } = await fitInMetric(wanted, terms, products, metric, fewer));
    bias = biasOf(
      rows,
      weights,
      rows.aimMean.map((one, o) => one + (mean[o] ?? 0)),
    );
    responses = await products.multiply(some.inputs, weights);
    const error = activatedError(some, responses, bias);
    if (error < best.error) best = { terms, weights, bias, error };
  }
  return best;
}

/** Every nth row; all rows for n below 2. */
function everyNth({ inputs, aims, shortcut }: LayerRows, n: number): LayerRows {
  const some = (all: Matrix): Matrix => {
    if (n < 2) return all;
    const rows = Math.ceil(all.rows / n);
    const data = new Float32Array(rows * all.columns);
    for (let row = 0; row < rows; row += 1)
      data.set(all.data.subarray(row * n * all.columns, (row * n + 1) * all.columns), row * all.columns);
    return { rows, columns: all.columns, data };
  };
  return { inputs: some(inputs), aims: some(aims), ...given({ shortcut: shortcut && some(shortcut) }) };
}

/**
 * `fitTerms` with responses compared in a metric: minimizes f of Ŵ·L, where b·L is the unknown factor. Not where the order fixes b.
 * The objective returned is that of the plain norm.
 */
async function fitInMetric(
  wanted: Wanted,
  start: Terms,
  products: Products,
  metric: Metric | undefined,
  options: FitOptions,
): Promise<Fit> {
  if (!metric || start.fixed === "b") return fitTerms(wanted, start, products, options);
  const by = async ({ count, outputs, b }: Terms, change: Matrix): Promise<Float64Array> => {
    const factor = { rows: count, columns: outputs, data: Float32Array.from(b) };
    return Float64Array.from((await products.multiply(factor, change)).data);
  };
  const from = { ...start, b: await by(start, metric.root) };
  const cross = await products.multiply(wanted.cross, metric.root);
  const { terms } = await fitTerms({ ...wanted, cross }, from, products, options);
  return judgeTerms(wanted, { ...terms, b: await by(terms, metric.inverse) }, products);
}

/**
 * For each response, the z that minimizes (relu(y) − relu(z))² + penalty · (z − ŷ)², in closed form over negative and other z. Gives
 * z − y. `responses` are without the bias, and are overwritten by the result.
 */
function movedAims(rows: LayerRows, responses: Matrix, bias: Float64Array, penalty: number): Matrix {
  const { columns, data } = responses;
  for (let at = 0; at < data.length; at += 1) {
    const beside = rows.shortcut?.data[at] ?? 0;
    const aim = (rows.aims.data[at] ?? 0) + beside;
    const now = (data[at] ?? 0) + (bias[at % columns] ?? 0) + beside;
    const wanted = Math.max(0, aim);
    const negative = Math.min(0, now);
    const positive = Math.max(0, (penalty * now + wanted) / (penalty + 1));
    const whenNegative = wanted ** 2 + penalty * (negative - now) ** 2;
    const whenPositive = (wanted - positive) ** 2 + penalty * (positive - now) ** 2;
    data[at] = (whenNegative < whenPositive ? negative : positive) - aim;
  }
  return responses;
}

/** The scale of squared differences: the variance, or the sum of squares where the variance is only rounding error. */
export function scaleOf(variance: number, squares: number): number {
  return variance > 1e-9 * squares ? variance : squares || 1;
}

/** E‖y − ŷ‖² / E‖y − E[y]‖² from the moments: the objective without the part of the regularization. */
function linearError(
  { original, weight, aimVariance, aimSquares }: PreparedRows,
  weights: Matrix,
  objective: number,
): number {
  let added = 0;
  for (let at = 0; at < weights.data.length; at += 1) {
    const value = weights.data[at] ?? 0;
    added += value * (value - 2 * (original.data[at] ?? 0));
  }
  return Math.max(0, aimVariance + objective - weight * added) / scaleOf(aimVariance, aimSquares);
}

/** E‖relu(y) − relu(ŷ)‖² / E‖relu(y) − E[relu(y)]‖² over the rows, with the shortcut; `responses` are without the bias. */
function activatedError(rows: LayerRows, { columns, data }: Matrix, bias: Float64Array): number {
  const sums = new Float64Array(columns);
  let [lost, squares] = [0, 0];
  for (let at = 0; at < data.length; at += 1) {
    const beside = rows.shortcut?.data[at] ?? 0;
    const now = Math.max(0, (data[at] ?? 0) + (bias[at % columns] ?? 0) + beside);
    const wanted = Math.max(0, (rows.aims.data[at] ?? 0) + beside);
    lost += (wanted - now) ** 2;
    squares += wanted ** 2;
    sums[at % columns] = (sums[at % columns] ?? 0) + wanted;
  }
  const variance = squares - sums.reduce((all, sum) => all + sum ** 2 / rows.inputs.rows, 0);
  return lost / scaleOf(variance, squares);
}

/** E[y] − Ŵᵀ·E[u]. */
function biasOf({ inputMean }: PreparedRows, { columns, data }: Matrix, aimMean: Float64Array): Float64Array {
  const bias = Float64Array.from(aimMean);
  for (let at = 0; at < data.length; at += 1) {
    const o = at % columns;
    bias[o] = (bias[o] ?? 0) - (data[at] ?? 0) * (inputMean[Math.floor(at / columns)] ?? 0);
  }
  return bias;
}

/** Subtracts the means of columns in place, and returns them. */
function centred({ rows, columns, data }: Matrix): Float64Array {
  const mean = new Float64Array(columns);
  for (let at = 0; at < data.length; at += 1)
    mean[at % columns] = (mean[at % columns] ?? 0) + (data[at] ?? 0) / rows;
  for (let at = 0; at < data.length; at += 1) data[at] = (data[at] ?? 0) - (mean[at % columns] ?? 0);
  return mean;
}

function plus({ rows, columns, data }: Matrix, other: Matrix, weight: number): Matrix {
  return { rows, columns, data: data.map((value, at) => value + weight * (other.data[at] ?? 0)) };
}
