// The properties of the fit of terms: exact weights at full rank, an objective that never grows, factors that compose to the weights.

import { afterAll, expect, test } from "vitest";
import type { Matrix } from "#calibrate/algebra/products.js";
import { openProducts } from "#calibrate/algebra/products.js";
import { seededRandom } from "#ops/random.js";
import type { Split } from "#passes/split/form.js";
import { composeFactors, formOf, splitOrders } from "#passes/split/form.js";
import { fitTerms } from "#split/layer/fit-terms.js";
import { factorsOfTerms, startingTerms } from "#split/layer/terms.js";

const products = openProducts();
afterAll(() => products.dispose());

/** Shapes [kh, kw, ci, co]. */
const shapes = [
  [3, 3, 4, 6],
  [2, 2, 3, 5],
  [1, 5, 6, 4],
  [7, 1, 2, 3],
  [4, 3, 3, 2],
  [3, 3, 1, 8],
];

/** A problem whose covariance comes from three rows per column, and weights that solve it. */
function problem(shape: readonly number[], seed: number) {
  const random = seededRandom(seed);
  const [kh = 1, kw = 1, ci = 1, co = 1] = shape;
  const n = kh * kw * ci;
  const rows = Array.from({ length: 3 * n }, () => Array.from({ length: n }, () => random.normal()));
  // Neighbouring inputs vary together, as in a picture.
  for (const row of rows)
    for (let i = 1; i < n; i += 1) row[i] = 0.6 * (row[i - 1] ?? 0) + 0.8 * (row[i] ?? 0);
  const covariance = matrix(n, n, (i, j) =>
    rows.reduce((sum, row) => sum + ((row[i] ?? 0) * (row[j] ?? 0)) / rows.length, 0),
  );
  const kernel = matrix(n, co, () => random.normal());
  const cross = matrix(n, co, (i, o) => {
    let sum = 0;
    for (let j = 0; j < n; j += 1) sum += at(covariance, i, j) * at(kernel, j, o);
    return sum;
  });
  return { covariance, cross, kernel };
}

function matrix(rows: number, columns: number, value: (row: number, column: number) => number): Matrix {
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1) data[row * columns + column] = value(row, column);
  return { rows, columns, data };
}

function at({ columns, data }: Matrix, row: number, column: number): number {
  return data[row * columns + column] ?? 0;
}

const cases = splitOrders.flatMap((order) => shapes.map((shape) => [order, shape] as const));

test.each(cases)("%s of %j: no step increases the objective", async (order, shape) => {
  const { covariance, cross, kernel } = problem(shape, 1);
  const values = { shape, groups: 1, data: Float64Array.from(kernel.data) };
  const full = formOf(order).fullRank(values);
  for (const rank of new Set([1, Math.ceil(full / 2)])) {
    const start = startingTerms(values, { order, rank }, 7);
    let before = Number.POSITIVE_INFINITY;
    for (const steps of [0, 1, 2, 4, 8, 16]) {
      const { objective } = await fitTerms({ covariance, cross }, start, products, { steps });
      expect(objective).toBeLessThanOrEqual(before);
      before = objective;
    }
  }
});

test.each(cases)(
  "%s of %j: the factors compose to the kernel, and the objective is that of the kernel",
  async (order, shape) => {
    const { covariance, cross, kernel } = problem(shape, 2);
    const values = { shape, groups: 1, data: Float64Array.from(kernel.data) };
    const split: Split = { order, rank: Math.ceil(formOf(order).fullRank(values) / 2) };
    const fit = await fitTerms({ covariance, cross }, startingTerms(values, split, 3), products, {
      steps: 3,
    });
    const composed = composeFactors(values, split, factorsOfTerms(values, split, [fit.terms]));
    const greatest = Math.max(...fit.weights.data.map(Math.abs));
    for (const [index, value] of composed.entries())
      expect(Math.abs(value - (fit.weights.data[index] ?? 0))).toBeLessThan(1e-5 * greatest);
    let objective = 0;
    for (let o = 0; o < fit.weights.columns; o += 1)
      for (let i = 0; i < fit.weights.rows; i += 1) {
        const value = at(fit.weights, i, o);
        for (let j = 0; j < fit.weights.rows; j += 1)
          objective += value * at(covariance, i, j) * at(fit.weights, j, o);
        objective -= 2 * value * at(cross, i, o);
      }
    expect(Math.abs(objective - fit.objective)).toBeLessThan(1e-4 * Math.abs(objective));
  },
);

test.each(cases)("%s of %j: a full rank gives the wanted weights", async (order, shape) => {
  const { covariance, cross, kernel } = problem(shape, 4);
  const values = { shape, groups: 1, data: Float64Array.from(kernel.data) };
  const rank = formOf(order).fullRank(values);
  const fit = await fitTerms({ covariance, cross }, startingTerms(values, { order, rank }, 5), products, {
    steps: 60,
  });
  const lost = kernel.data.reduce(
    (sum, value, index) => sum + (value - (fit.weights.data[index] ?? 0)) ** 2,
    0,
  );
  const all = kernel.data.reduce((sum, value) => sum + value ** 2, 0);
  // The search of the third order comes close, and ends where f32 products show no gain.
  expect(Math.sqrt(lost / all)).toBeLessThan(order === "pointwise-depthwise-pointwise" ? 0.05 : 1e-3);
});
