// Products of matrices against plain loops in float64.

import { afterAll, describe, expect, test } from "vitest";
import type { Matrix } from "#calibrate/algebra/products.js";
import { mirrorLower, openProducts } from "#calibrate/algebra/products.js";
import { seededRandom } from "#ops/random.js";

const products = openProducts();
afterAll(() => products.dispose());

/** Normal values around `mean`, with some zeros. */
function drawMatrix(rows: number, columns: number, seed: number, scale = 1, mean = 0): Matrix {
  const random = seededRandom(seed);
  const draw = (): number => (random.next() < 0.1 ? 0 : scale * (mean + random.normal()));
  return { rows, columns, data: Float32Array.from({ length: rows * columns }, draw) };
}

function at({ columns, data }: Matrix, row: number, column: number, transposed: boolean): number {
  return (transposed ? data[column * columns + row] : data[row * columns + column]) ?? Number.NaN;
}

/** Each element of the product, and the greatest error of f32: 2⁻²⁴ · (8·√512 + 16) · Σ|terms|. */
function plainProduct(
  a: Matrix,
  b: Matrix,
  transposeA: boolean,
  transposeB: boolean,
): { value: Float64Array; allowed: Float64Array } {
  const [rows, depth] = transposeA ? [a.columns, a.rows] : [a.rows, a.columns];
  const columns = transposeB ? b.rows : b.columns;
  const value = new Float64Array(rows * columns);
  const allowed = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1) {
      let [sum, sizes] = [0, 0];
      for (let k = 0; k < depth; k += 1) {
        const term = at(a, row, k, transposeA) * at(b, k, column, transposeB);
        sum += term;
        sizes += Math.abs(term);
      }
      value[row * columns + column] = sum;
      allowed[row * columns + column] = 2 ** -24 * (8 * Math.sqrt(512) + 16) * sizes;
    }
  return { value, allowed };
}

function expectClose(actual: ArrayLike<number>, value: Float64Array, allowed: Float64Array): void {
  expect(actual.length).toBe(value.length);
  for (let index = 0; index < value.length; index += 1) {
    const difference = Math.abs((actual[index] ?? Number.NaN) - (value[index] ?? 0));
    if (!(difference <= (allowed[index] ?? 0)))
      expect.fail(`element ${index}: ${actual[index]} instead of ${value[index]}`);
  }
}

const shapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [3, 5, 7],
  [16, 32, 16],
  [17, 33, 9],
  [130, 70, 20],
  [40, 1100, 35],
  [1, 600, 1],
  [150, 3, 140],
];

describe.each([
  [false, false],
  [true, false],
  [false, true],
  [true, true],
])("transposed: %s, %s", (transposeA, transposeB) => {
  test.each(shapes)("[%d, %d] · [.., %d]", async (rows, depth, columns) => {
    const a = transposeA ? drawMatrix(depth, rows, 1) : drawMatrix(rows, depth, 1);
    const b = transposeB ? drawMatrix(columns, depth, 2) : drawMatrix(depth, columns, 2);
    const product = await products.multiply(a, b, { transposeA, transposeB });
    const { value, allowed } = plainProduct(a, b, transposeA, transposeB);
    expect([product.rows, product.columns]).toEqual([rows, columns]);
    expectClose(product.data, value, allowed);
  });
});

test.each([
  ["far from zero", 1, 1000],
  ["large", 1e15, 0],
  ["tiny", 1e-15, 0],
])("values that are %s", async (_, scale, mean) => {
  const a = drawMatrix(20, 700, 3, scale, mean);
  const b = drawMatrix(700, 30, 4, scale, mean);
  const { value, allowed } = plainProduct(a, b, false, false);
  expectClose((await products.multiply(a, b)).data, value, allowed);
});

test("products of some columns at a time are the same", async () => {
  // So deep that the packed columns of b are divided into two groups.
  const a = drawMatrix(5, 17_000, 5);
  const b = drawMatrix(17_000, 150, 6);
  const { value, allowed } = plainProduct(a, b, false, false);
  expectClose((await products.multiply(a, b)).data, value, allowed);
});

test("products are added to sums, and the lower triangle gives all of a symmetric product", async () => {
  const u = drawMatrix(90, 200, 7, 1, 2);
  const v = drawMatrix(40, 200, 8, 1, -1);
  const sums = { rows: 200, columns: 200, data: new Float64Array(200 * 200) };
  for (const part of [u, v]) await products.addProduct(sums, part, part, { transposeA: true, lower: true });
  mirrorLower(sums);
  const [first, second] = [u, v].map((part) => plainProduct(part, part, true, false));
  if (!first || !second) return expect.fail();
  expectClose(
    sums.data,
    first.value.map((one, index) => one + (second.value[index] ?? 0)),
    first.allowed.map((one, index) => one + (second.allowed[index] ?? 0)),
  );
});

test("threads change no bit", async () => {
  const threaded = openProducts({ threads: 2 });
  const [a, b] = [drawMatrix(256, 600, 9), drawMatrix(600, 130, 10)];
  const one = await products.multiply(a, b);
  const two = await threaded.multiply(a, b);
  expect([products.threads(), threaded.threads()]).toEqual([1, 2]);
  threaded.dispose();
  expect(two.data).toEqual(one.data);
});

test("concurrent products do not disturb each other", async () => {
  const [a, b, c] = [drawMatrix(300, 400, 11), drawMatrix(400, 260, 12), drawMatrix(260, 300, 13)];
  const apart = [await products.multiply(a, b), await products.multiply(b, c)];
  expect(await Promise.all([products.multiply(a, b), products.multiply(b, c)])).toEqual(apart);
});

test("an empty axis", async () => {
  const empty = await products.multiply(drawMatrix(3, 0, 1), drawMatrix(0, 4, 1));
  expect(empty.data).toEqual(new Float32Array(12));
  expect((await products.multiply(drawMatrix(0, 3, 1), drawMatrix(3, 4, 1))).data.length).toBe(0);
});

test("extents that do not fit are refused", async () => {
  const [a, b] = [drawMatrix(3, 4, 1), drawMatrix(5, 2, 1)];
  await expect(products.multiply(a, b)).rejects.toThrow("[3, 4] · [5, 2] does not give [3, 2]");
  const sums = { rows: 3, columns: 4, data: new Float64Array(12) };
  await expect(products.addProduct(sums, a, b, { transposeB: true })).rejects.toThrow(RangeError);
});
