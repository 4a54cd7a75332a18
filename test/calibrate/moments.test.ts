// Moments of streams of rows against plain loops in float64.

import { afterAll, expect, test } from "vitest";
import { createRowStore, rowsThatFit } from "#calibrate/row-store.js";
import type { Moments } from "#calibrate/moments.js";
import { sumMoments } from "#calibrate/moments.js";
import { openProducts } from "#calibrate/algebra/products.js";
import { seededRandom } from "#ops/random.js";

const products = openProducts();
afterAll(() => products.dispose());

interface Rows {
  readonly u: Float32Array;
  readonly y: Float32Array;
}

/** Rows whose elements have different means and scales; y depends on u. */
function drawRows(
  count: number,
  n: number,
  m: number,
  value: (at: number, normal: number, row: number) => number,
): Rows {
  const random = seededRandom(count + n);
  const u = Float32Array.from({ length: count * n }, (_, at) =>
    value(at % n, random.normal(), Math.floor(at / n)),
  );
  const y = Float32Array.from({ length: count * m }, (_, at) => {
    const [row, column] = [Math.floor(at / m), at % m];
    return u[row * n + (column % n)]! - 0.5 * u[row * n + ((column + 1) % n)]!;
  });
  return { u, y };
}

function plainMoments({ u, y }: Rows, n: number, m: number) {
  const count = u.length / n;
  const mean = (values: Float32Array, width: number) =>
    Float64Array.from({ length: width }, (_, at) => {
      let sum = 0;
      for (let row = 0; row < count; row += 1) sum += values[row * width + at]!;
      return sum / count;
    });
  const [meanU, meanY] = [mean(u, n), mean(y, m)];
  const covariance = (
    a: Float32Array,
    p: number,
    ma: Float64Array,
    b: Float32Array,
    q: number,
    mb: Float64Array,
  ) =>
    Float64Array.from({ length: p * q }, (_, at) => {
      const [i, j] = [Math.floor(at / q), at % q];
      let sum = 0;
      for (let row = 0; row < count; row += 1) sum += (a[row * p + i]! - ma[i]!) * (b[row * q + j]! - mb[j]!);
      return sum / count;
    });
  const own = covariance(y, m, meanY, y, m, meanY);
  return {
    meanU,
    meanY,
    covariance: covariance(u, n, meanU, u, n, meanU),
    cross: covariance(u, n, meanU, y, m, meanY),
    variance: meanY.map((_, at) => own[at * m + at]!),
  };
}

async function stream(rows: Rows, n: number, m: number, steps: readonly number[]): Promise<Moments> {
  const sums = sumMoments(n, m, products);
  let from = 0;
  for (let step = 0; from < rows.u.length / n; step += 1) {
    const to = from + steps[step % steps.length]!;
    await sums.add(rows.u.subarray(from * n, to * n), rows.y.subarray(from * m, to * m));
    from = to;
  }
  return sums.finish();
}

const kinds: readonly [string, (at: number, normal: number, row: number) => number][] = [
  ["of moderate size", (at, normal) => at - 2 + normal * (1 + at)],
  ["with means far from zero", (_, normal) => 3000 + normal],
  ["with means that wander", (at, normal, row) => (row / 20) * (1 + at) + normal],
  ["that begin with zeros", (_, normal, row) => (row < 1024 ? 0 : 1000 + normal)],
  ["that are large", (_, normal) => 1e15 * normal],
  ["that are tiny", (_, normal) => 1e-15 * normal],
  ["of which some are always zero", (at, normal) => (at % 2 === 0 ? 0 : Math.max(0, normal))],
];

// More rows than are gathered at once, in parts that do not divide them.
test.each(kinds)("rows %s", async (_, value) => {
  const [n, m, count] = [5, 3, 2600];
  const rows = drawRows(count, n, m, value);
  const moments = await stream(rows, n, m, [49, 1, 700]);
  const plain = plainMoments(rows, n, m);
  expect(moments.count).toBe(count);
  const deviations = Array.from({ length: n }, (_, at) => Math.sqrt(plain.covariance[at * n + at]!));
  const responses = Array.from({ length: m }, (_, at) => Math.sqrt(plain.variance[at]!));
  const mostly = 3e-6;
  for (let i = 0; i < n; i += 1) {
    expect(Math.abs(moments.inputMean[i]! - plain.meanU[i]!)).toBeLessThanOrEqual(1e-9 * deviations[i]!);
    for (let j = 0; j < n; j += 1) {
      const difference = Math.abs(moments.covariance.data[i * n + j]! - plain.covariance[i * n + j]!);
      expect(difference).toBeLessThanOrEqual(mostly * deviations[i]! * deviations[j]!);
      expect(moments.covariance.data[i * n + j]).toBe(moments.covariance.data[j * n + i]);
    }
    for (let j = 0; j < m; j += 1) {
      const difference = Math.abs(moments.crossCovariance.data[i * m + j]! - plain.cross[i * m + j]!);
      expect(difference).toBeLessThanOrEqual(mostly * deviations[i]! * responses[j]!);
    }
  }
  for (let j = 0; j < m; j += 1) {
    expect(Math.abs(moments.responseMean[j]! - plain.meanY[j]!)).toBeLessThanOrEqual(1e-9 * responses[j]!);
    expect(Math.abs(moments.responseVariance[j]! - plain.variance[j]!)).toBeLessThanOrEqual(
      mostly * plain.variance[j]!,
    );
  }
});

test("a constant value has no variance", async () => {
  const rows = { u: new Float32Array(3000).fill(0.1), y: new Float32Array(1500).fill(-7.3) };
  const { covariance, crossCovariance, responseVariance, inputMean } = await stream(rows, 2, 1, [1500]);
  for (const values of [covariance.data, crossCovariance.data, responseVariance])
    for (const value of values) expect(Math.abs(value)).toBeLessThan(1e-15);
  expect(inputMean[0]).toBeCloseTo(Math.fround(0.1), 15);
});

test("memory does not grow with the rows", async () => {
  const [n, m] = [300, 20];
  const sums = sumMoments(n, m, products);
  const { bytes } = sums;
  expect(bytes).toBeLessThanOrEqual(8 * (n * n + n * m) + 4096 * (n + m) + 8 * (n + 2 * m));
  for (let part = 0; part < 5; part += 1)
    await sums.add(new Float32Array(500 * n).fill(part), new Float32Array(500 * m));
  expect(sums.bytes).toBe(bytes);
});

test("rows that do not fit, and no rows", async () => {
  const sums = sumMoments(3, 2, products);
  await expect(sums.add(new Float32Array(6), new Float32Array(2))).rejects.toThrow(
    "6 and 2 elements for rows of 3 and 2",
  );
  await expect(sums.add(new Float32Array(4), new Float32Array(2))).rejects.toThrow(RangeError);
  await expect(sums.finish()).rejects.toThrow("no moments of no rows");
});

test("a store of rows takes the rows that fit", () => {
  expect(rowsThatFit([6, 2], 1000)).toBe(31);
  const store = createRowStore([2, 1], 3);
  const row = Float32Array.of(1, 2);
  store.add(row, Float32Array.of(3));
  row.fill(0);
  store.add(Float32Array.of(4, 5, 6, 7), Float32Array.of(8, 9));
  expect([store.count, store.capacity]).toEqual([3, 3]);
  expect(store.matrices()).toEqual([
    { rows: 3, columns: 2, data: Float32Array.of(1, 2, 4, 5, 6, 7) },
    { rows: 3, columns: 1, data: Float32Array.of(3, 8, 9) },
  ]);
  expect(() => store.add(Float32Array.of(1, 2), Float32Array.of(3))).toThrow("4 rows for a store of 3");
  expect(() => store.add(Float32Array.of(1, 2), Float32Array.of(3, 4))).toThrow(
    "2, 2 elements for rows of 2, 1",
  );
  expect(() => store.add(Float32Array.of(1, 2))).toThrow(RangeError);
});
