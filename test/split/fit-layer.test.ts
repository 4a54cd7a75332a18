// Fits to rows: means far from zero, activations, shortcuts, inputs that do not vary.

import { afterAll, expect, test } from "vitest";
import type { Matrix } from "#calibrate/algebra/products.js";
import { openProducts } from "#calibrate/algebra/products.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import type { LayerRows } from "#split/layer/fit-layer.js";
import { fitLayer, prepareRows } from "#split/layer/fit-layer.js";
import { startingTerms } from "#split/layer/terms.js";

const products = openProducts();
afterAll(() => products.dispose());

const [shape, n, outputs, rows] = [[3, 3, 4, 6], 36, 6, 600];
const split = { order: "pointwise-depthwise-pointwise", rank: 8 } as const;

function normal(random: Random, height: number, width: number, mean = 0): Matrix {
  const data = Float32Array.from({ length: height * width }, () => mean + random.normal());
  return { rows: height, columns: width, data };
}

/** Rows whose aims are the responses of weights and a bias. */
async function responses(
  mean: number,
  bias: number,
  seed: number,
): Promise<{ rows: LayerRows; kernel: Matrix }> {
  const random = seededRandom(seed);
  const inputs = normal(random, rows, n, mean);
  const kernel = normal(random, n, outputs);
  const aims = await products.multiply(inputs, kernel);
  for (let at = 0; at < aims.data.length; at += 1) aims.data[at] = (aims.data[at] ?? 0) + bias;
  return { rows: { inputs, aims }, kernel };
}

const fit = async (from: LayerRows, kernel: Matrix, relu: boolean) => {
  const prepared = await prepareRows(from, kernel, products);
  const start = startingTerms({ shape, groups: 1, data: Float64Array.from(kernel.data) }, split, 1);
  return fitLayer(prepared, start, products, { steps: 20, relu });
};

test("means far from zero lose nothing: the bias takes them up", async () => {
  const near = await responses(0, 0, 1);
  const far = await responses(30, -500, 1);
  const [one, other] = [await fit(near.rows, near.kernel, false), await fit(far.rows, far.kernel, false)];
  expect(one.error).toBeGreaterThan(0);
  expect(other.error).toBeLessThan(1.05 * one.error);
});

test("a fit that considers the activation loses less than one that ignores it", async () => {
  for (const seed of [1, 2, 3]) {
    const { rows: from, kernel } = await responses(0, -2, seed);
    const linear = await fit(from, kernel, false);
    const aware = await fit(from, kernel, true);
    const clip = (value: number): number => Math.max(0, value);
    const found = await products.multiply(from.inputs, linear.weights);
    const mean = new Float64Array(outputs);
    for (const [at, value] of from.aims.data.entries())
      mean[at % outputs] = (mean[at % outputs] ?? 0) + clip(value) / rows;
    let [lost, all] = [0, 0];
    for (const [at, value] of found.data.entries()) {
      const wanted = clip(from.aims.data[at] ?? 0);
      lost += (clip(value + (linear.bias[at % outputs] ?? 0)) - wanted) ** 2;
      all += (wanted - (mean[at % outputs] ?? 0)) ** 2;
    }
    expect(aware.error).toBeLessThan(lost / all);
  }
});

test("a shortcut decides where the activation is 0", async () => {
  const { rows: from, kernel } = await responses(0, 0, 5);
  // So negative that the activation makes all 0, and so positive that it changes nothing.
  const shortcut = (value: number): Matrix => ({ ...from.aims, data: from.aims.data.map(() => value) });
  const closed = await fit({ ...from, shortcut: shortcut(-1e3) }, kernel, true);
  const open = await fit({ ...from, shortcut: shortcut(1e3) }, kernel, true);
  const linear = await fit(from, kernel, false);
  expect(closed.error).toBe(0);
  // It continues from the linear fit, to the same aims.
  expect(open.error).toBeLessThanOrEqual(1.001 * linear.error);
  expect(open.error).toBeGreaterThan(0.5 * linear.error);
});

test("inputs that never change keep the weights, as far as the rank allows", async () => {
  const { kernel } = await responses(0, 0, 6);
  const constant = { rows, columns: n, data: new Float32Array(rows * n).fill(3) };
  const aims = { rows, columns: outputs, data: new Float32Array(rows * outputs).fill(7) };
  const { error, bias, weights: found } = await fit({ inputs: constant, aims }, kernel, false);
  // The error is a difference of sums that are products in f32: equal in SIMD, a few roundings apart in relaxed SIMD, which fuses.
  expect(error).toBeLessThan(8 * 2 ** -24);
  for (let o = 0; o < outputs; o += 1) {
    let sum = bias[o] ?? 0;
    for (let i = 0; i < n; i += 1) sum += 3 * (found.data[i * outputs + o] ?? 0);
    expect(sum).toBeCloseTo(7, 3);
  }
  const lost = kernel.data.reduce((sum, value, index) => sum + (value - (found.data[index] ?? 0)) ** 2, 0);
  expect(lost / kernel.data.reduce((sum, value) => sum + value ** 2, 0)).toBeLessThan(0.5);
});
