// The Cholesky factor against plain products in float64.

import { describe, expect, test } from "vitest";
import { factorize, solvePositive } from "#calibrate/algebra/solve.js";
import { seededRandom } from "#ops/random.js";

/** Σ of `rank` outer products, [size, size], with rows and columns scaled by `scale(i)`. */
function drawSemidefinite(
  size: number,
  rank: number,
  seed: number,
  scale: (at: number) => number = () => 1,
): Float64Array {
  const random = seededRandom(seed);
  const u = Float64Array.from({ length: rank * size }, (_, at) => random.normal() * scale(at % size));
  const a = new Float64Array(size * size);
  for (let k = 0; k < rank; k += 1)
    for (let row = 0; row < size; row += 1)
      for (let column = 0; column < size; column += 1)
        a[row * size + column]! += u[k * size + row]! * u[k * size + column]!;
  return a;
}

/** a · x, [size, size] · [size, columns]. */
function multiply(a: ArrayLike<number>, size: number, x: ArrayLike<number>, columns: number): Float64Array {
  return Float64Array.from({ length: size * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < size; k += 1) sum += a[row * size + k]! * x[k * columns + column]!;
    return sum;
  });
}

function draw(length: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => random.normal());
}

/** max |a − b| / max |b|. */
function furthest(a: Float64Array, b: Float64Array): number {
  let [difference, size] = [0, 0];
  for (let at = 0; at < b.length; at += 1) {
    difference = Math.max(difference, Math.abs(a[at]! - b[at]!));
    size = Math.max(size, Math.abs(b[at]!));
  }
  return difference / size;
}

describe("factorize", () => {
  // Sizes near the block of 64 and the tile of 2 × 4.
  test.each([1, 2, 3, 5, 63, 64, 65, 130, 200])("size %d", async (size) => {
    const a = drawSemidefinite(size, 2 * size + 4, size);
    for (const columns of [1, 2, 3, 70]) {
      const b = draw(size * columns, columns);
      const solved = await solvePositive(a, size, b, columns);
      expect(solved?.damping).toBe(0);
      expect(furthest(multiply(a, size, solved!.x, columns), b)).toBeLessThan(1e-12);
    }
  });

  test("finds each of several unknowns with scales from 10⁻¹⁵ to 10¹⁵", async () => {
    const size = 90;
    const scale = (at: number): number => 10 ** ((at % 31) - 15);
    const a = drawSemidefinite(size, 3 * size, 1, scale);
    const wanted = draw(size, 2).map((value, at) => value / scale(at));
    const solved = await solvePositive(a, size, multiply(a, size, wanted, 1), 1);
    expect(solved?.damping).toBe(0);
    for (const [at, value] of wanted.entries())
      expect(Math.abs(solved!.x[at]! - value)).toBeLessThan(1e-8 / scale(at));
  });

  test("reads only the lower triangle, and writes nothing", async () => {
    const size = 70;
    const a = drawSemidefinite(size, 200, 3);
    const lower = a.map((value, at) => (at % size > Math.floor(at / size) ? Number.NaN : value));
    const before = lower.slice();
    const b = draw(size, 4);
    const solved = await solvePositive(lower, size, b, 1);
    expect(furthest(multiply(a, size, solved!.x, 1), b)).toBeLessThan(1e-12);
    expect(lower).toEqual(before);
  });

  test("damps a singular matrix, and solves its consistent systems", async () => {
    const size = 100;
    const a = drawSemidefinite(size, 40, 5);
    const b = multiply(a, size, draw(size, 6), 1);
    const solved = await solvePositive(a, size, b, 1);
    expect(solved!.damping).toBeGreaterThan(0);
    expect(solved!.damping).toBeLessThanOrEqual(1e-9);
    expect(furthest(multiply(a, size, solved!.x, 1), b)).toBeLessThan(1e-6);
  });

  test("also one that was rounded to f32", async () => {
    const size = 100;
    const a = drawSemidefinite(size, 40, 5);
    const factor = await factorize(Float32Array.from(a), size);
    expect(factor!.damping).toBeGreaterThan(0);
    expect(factor!.damping).toBeLessThanOrEqual(1e-6);
  });

  test("unknowns without effect are 0", async () => {
    const size = 20;
    const a = drawSemidefinite(size, 60, 7, (at) => (at % 3 === 0 ? 0 : 1));
    const b = multiply(a, size, draw(size, 8), 1);
    const solved = await solvePositive(a, size, b, 1);
    expect(solved?.damping).toBe(0);
    for (let at = 0; at < size; at += 3) expect(solved!.x[at]).toBe(0);
    expect(furthest(multiply(a, size, solved!.x, 1), b)).toBeLessThan(1e-12);
    const zeros = await solvePositive(new Float64Array(9), 3, [1, 2, 3], 1);
    expect(zeros?.x).toEqual(new Float64Array(3));
  });

  test("adds the requested damping to the diagonal", async () => {
    const size = 30;
    const a = drawSemidefinite(size, 90, 9);
    const damped = a.map((value, at) => (at % size === Math.floor(at / size) ? 1.25 * value : value));
    const b = draw(size, 10);
    const solved = await solvePositive(a, size, b, 1, { damping: 0.25 });
    expect(solved?.damping).toBe(0.25);
    expect(furthest(multiply(damped, size, solved!.x, 1), b)).toBeLessThan(1e-12);
  });

  test.each([
    ["is indefinite", [1, 2, 2, 1]],
    ["has a negative diagonal", [-1, 0, 0, 1]],
    ["holds NaN", [1, Number.NaN, Number.NaN, 1]],
    ["holds an infinity", [1, Infinity, Infinity, 1]],
    ["has an infinity on the diagonal", [Infinity, 0, 0, 1]],
  ])("undefined where a matrix %s", async (_, a) => {
    expect(await factorize(a, 2)).toBeUndefined();
  });

  test("rejects lengths that do not fit", async () => {
    await expect(factorize([1, 2, 3], 2)).rejects.toThrow("3 elements for a matrix [2, 2]");
    const factor = await factorize([1, 0, 0, 1], 2);
    await expect(factor!.solve([1, 2, 3], 2)).rejects.toThrow("3 elements for right sides [2, 2]");
  });
});
