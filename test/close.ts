// Compares two lists of numbers, of a peer and of ours, within a tolerance.

import { expect } from "vitest";

/**
 * Fails unless both have the same number of values, at least one, and each is within the tolerance of the wanted one. NaN and infinities
 * equal only themselves.
 */
export function expectClose(
  actual: ArrayLike<number> | undefined,
  wanted: ArrayLike<number>,
  allowed: number | ((wanted: number) => number),
  what = "values",
): void {
  expect(wanted.length, `${what}: nothing is compared`).toBeGreaterThan(0);
  expect(actual?.length, what).toBe(wanted.length);
  const at = Array.from(wanted).findIndex((one, place) => {
    const own = actual![place]!;
    if (Object.is(own, one) || own === one) return false;
    return !(Math.abs(own - one) <= (typeof allowed === "number" ? allowed : allowed(one)));
  });
  if (at >= 0) expect.fail(`${what}: element ${at} is ${actual![at]} instead of ${wanted[at]}`);
}

/** The greatest finite |value|, or a least number: the scale of differences. */
export function sizeOf(values: ArrayLike<number>, least: number): number {
  return Array.from(values, Math.abs).reduce(
    (most, one) => (Number.isFinite(one) ? Math.max(most, one) : most),
    least,
  );
}
