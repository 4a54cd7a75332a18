// First and second moments of a stream of rows, in memory that does not grow with their number.

import type { Matrix, Products, Sums } from "./algebra/products.js";
import { mirrorLower } from "./algebra/products.js";

/** Moments of inputs u (n elements a row) and responses y (m elements a row). */
export interface Moments {
  /** The number of rows. */
  readonly count: number;
  /** E[u], n elements, and E[y], m elements. */
  readonly inputMean: Float64Array;
  readonly responseMean: Float64Array;
  /** E[u·uᵀ] − E[u]·E[u]ᵀ, [n, n], both triangles. */
  readonly covariance: Matrix;
  /** E[u·yᵀ] − E[u]·E[y]ᵀ, [n, m]. */
  readonly crossCovariance: Matrix;
  /** E[y²] − E[y]², m elements. */
  readonly responseVariance: Float64Array;
}

export interface MomentSums {
  /** Takes rows: `inputs` [rows, n] and `responses` [rows, m], which are copied. Throws `RangeError` if the numbers of rows differ. */
  add(inputs: Float32Array, responses: Float32Array): Promise<void>;
  /** Returns the moments of all rows. Can be called once, since it reuses the sums. Throws `RangeError` without rows. */
  finish(): Promise<Moments>;
  /** Bytes that are held until then. */
  readonly bytes: number;
}

/** Rows that are gathered for one product: two tiles deep. With fewer rows, passing over the sums would take noticeable time. */
const gathered = 1024;

/**
 * Sums up moments of rows. Subtracts from each 1,024 rows their own mean, which is so near to them that f32 loses nothing by it, and
 * merges them with the rows before (Chan, Golub and LeVeque 1979). So means may be far from zero, and may drift. The f32 results of the
 * kernels are added in float64: 8·(n² + n·m) bytes, in addition to 4,096·(n + m) for the rows. In f32, adding thousands of blocks would add as
 * many rounding errors to the diagonal, and small eigenvalues would be lost.
 *
 * `products` does the work: n²/2 + n·m multiply-accumulates a row. Values may have scales of 10⁻¹⁵ to 10¹⁵: their squares are in the range of f32.
 */
export function sumMoments(n: number, m: number, products: Products): MomentSums {
  const inputs = new Float32Array(gathered * n);
  const responses = new Float32Array(gathered * m);
  const covariance: Sums = { rows: n, columns: n, data: new Float64Array(n * n) };
  const cross: Sums = { rows: n, columns: m, data: new Float64Array(n * m) };
  const variance = new Float64Array(m);
  const means = { inputs: new Float64Array(n), responses: new Float64Array(m) };
  let count = 0;
  let waiting = 0;

  /** Merges the gathered rows. */
  async function merge(): Promise<void> {
    const rows = waiting;
    if (rows === 0) return;
    waiting = 0;
    const u = centre(inputs, rows, n);
    const y = centre(responses, rows, m);
    const [a, b] = [
      { rows, columns: n, data: inputs.subarray(0, rows * n) },
      { rows, columns: m, data: responses.subarray(0, rows * m) },
    ];
    await products.addProduct(covariance, a, a, { transposeA: true, lower: true });
    await products.addProduct(cross, a, b, { transposeA: true });
    addSquares(variance, b);
    // Adds the difference between the means of the earlier rows and of these, and subtracts the rest that rounding left of their mean.
    const weight = (count * rows) / (count + rows);
    const between = { inputs: minus(u.mean, means.inputs), responses: minus(y.mean, means.responses) };
    addOuter(covariance, between.inputs, between.inputs, weight, true);
    addOuter(cross, between.inputs, between.responses, weight, false);
    addOuter(covariance, u.left, u.left, -rows, true);
    addOuter(cross, u.left, y.left, -rows, false);
    for (let at = 0; at < m; at += 1)
      variance[at] =
        (variance[at] ?? 0) + weight * (between.responses[at] ?? 0) ** 2 - rows * (y.left[at] ?? 0) ** 2;
    count += rows;
    move(means.inputs, between.inputs, rows / count);
    move(means.responses, between.responses, rows / count);
  }

  return {
    bytes: [inputs, responses, covariance.data, cross.data, variance, means.inputs, means.responses].reduce(
      (sum, { byteLength }) => sum + byteLength,
      0,
    ),
    async add(u, y) {
      const rows = u.length / n;
      if (!Number.isInteger(rows) || y.length !== rows * m)
        throw new RangeError(`${u.length} and ${y.length} elements for rows of ${n} and ${m}`);
      for (let from = 0; from < rows;) {
        const to = Math.min(rows, from + gathered - waiting);
        inputs.set(u.subarray(from * n, to * n), waiting * n);
        responses.set(y.subarray(from * m, to * m), waiting * m);
        waiting += to - from;
        from = to;
        if (waiting === gathered) await merge();
      }
    },
    async finish() {
      await merge();
      if (count === 0) throw new RangeError("there are no moments of no rows");
      mirrorLower(covariance);
      const mean = (sum: number): number => sum / count;
      return {
        count,
        inputMean: means.inputs,
        responseMean: means.responses,
        covariance: { rows: n, columns: n, data: Float32Array.from(covariance.data, mean) },
        crossCovariance: { rows: n, columns: m, data: Float32Array.from(cross.data, mean) },
        // If all values are equal, rounding may give slightly less than 0.
        responseVariance: variance.map((sum) => Math.max(0, mean(sum))),
      };
    },
  };
}

/** Subtracts the mean of rows, rounded to f32, from them; returns the mean, and the mean of the differences. */
function centre(
  values: Float32Array,
  rows: number,
  width: number,
): { readonly mean: Float64Array; readonly left: Float64Array } {
  const mean = columnMeans(values, rows, width);
  const rounded = Float32Array.from(mean);
  for (let row = 0; row < rows; row += 1) {
    const from = row * width;
    for (let at = 0; at < width; at += 1) values[from + at] = (values[from + at] ?? 0) - (rounded[at] ?? 0);
  }
  return { mean, left: columnMeans(values, rows, width) };
}

function columnMeans(values: Float32Array, rows: number, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (let row = 0; row < rows; row += 1) {
    const from = row * width;
    for (let at = 0; at < width; at += 1) sums[at] = (sums[at] ?? 0) + (values[from + at] ?? 0);
  }
  return sums.map((sum) => sum / rows);
}

function addSquares(sums: Float64Array, { rows, columns, data }: Matrix): void {
  for (let row = 0; row < rows; row += 1)
    for (let at = 0; at < columns; at += 1) sums[at] = (sums[at] ?? 0) + (data[row * columns + at] ?? 0) ** 2;
}

/** Adds factor · a · bᵀ; only to the lower triangle if `lower`. */
function addOuter(
  { rows, columns, data }: Sums,
  a: Float64Array,
  b: Float64Array,
  factor: number,
  lower: boolean,
): void {
  for (let row = 0; row < rows; row += 1) {
    const scale = factor * (a[row] ?? 0);
    if (scale === 0) continue;
    const from = row * columns;
    const end = lower ? row + 1 : columns;
    for (let column = 0; column < end; column += 1)
      data[from + column] = (data[from + column] ?? 0) + scale * (b[column] ?? 0);
  }
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((one, at) => one - (b[at] ?? 0));
}

function move(values: Float64Array, by: Float64Array, part: number): void {
  for (let at = 0; at < values.length; at += 1) values[at] = (values[at] ?? 0) + part * (by[at] ?? 0);
}
