// The parts of quantization: histograms, steps, and rounded weights.

import { describe, expect, test } from "vitest";
import { addValues, createHistogram, filledBins } from "#quantize/histogram.js";
import { roundWeights } from "#quantize/round-weights.js";
import { highest, integerOf, stepFor } from "#quantize/steps.js";
import { seededRandom } from "#ops/random.js";

function histogramOf(...values: number[]) {
  const histogram = createHistogram();
  // One by one, so that the bins must grow.
  for (const value of values) addValues(histogram, Float32Array.of(value));
  return histogram;
}

describe("histograms", () => {
  test("keep all values while their range grows", () => {
    const values = [0, 1e-6, -3, 0, 1000, -2e5, 7];
    const { values: centres, counts } = filledBins(histogramOf(...values));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
    expect(counts[centres.indexOf(0)]).toBe(2);
    // The width of a bin is at most a 2,048th of the greatest |value|.
    for (const value of values) {
      const nearest = Math.min(...centres.map((centre) => Math.abs(centre - value)));
      expect(nearest).toBeLessThanOrEqual(2e5 / 2048);
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("notice %s", (odd) => {
    expect(histogramOf(1, odd, 2).isFinite).toBe(false);
    expect(histogramOf(1, 2).isFinite).toBe(true);
  });
});

describe("steps", () => {
  const ranges: [number, number][] = [
    [0, 6],
    [-1, 1],
    [-0.001, 5],
    [-7, 0],
    [-1e-20, 3e-20],
    [-3e4, 1e-3],
    [2, 9],
    [-9, -2],
  ];

  test.each(ranges)("of the extremes of %d … %d reach both, and 0 is exact", (low, high) => {
    const step = stepFor([histogramOf(low, high)], "extremes");
    expect(Number.isInteger(step.zero)).toBe(true);
    expect(integerOf(0, step)).toBe(step.zero);
    for (const value of [low, high]) {
      const integer = integerOf(value, step);
      expect(integer).toBeGreaterThanOrEqual(0);
      expect(integer).toBeLessThanOrEqual(highest);
      expect(Math.abs(step.scale * (integer - step.zero) - value)).toBeLessThanOrEqual(step.scale * 0.501);
    }
  });

  test("of values that are all zero", () => {
    expect(stepFor([histogramOf(0, 0)], "squares")).toEqual({ scale: 1, zero: 0 });
  });

  test("with the least squared error clip a value far from the others", () => {
    const random = seededRandom(1);
    const values = Float32Array.from({ length: 100_000 }, () => random.normal());
    values[0] = 40;
    const histogram = createHistogram();
    addValues(histogram, values);
    const errorOf = ({ scale, zero }: { readonly scale: number; readonly zero: number }): number =>
      values.reduce((sum, value) => {
        const integer = Math.min(Math.max(integerOf(value, { scale, zero }), 0), highest);
        return sum + (value - scale * (integer - zero)) ** 2;
      }, 0);
    const [extremes, squares] = [stepFor([histogram], "extremes"), stepFor([histogram], "squares")];
    expect(squares.scale).toBeLessThan(extremes.scale * 0.7);
    expect(errorOf(squares)).toBeLessThan(errorOf(extremes));
  });

  test("of two histograms are those of all values together", () => {
    const [a, b] = [histogramOf(-1, 0.5), histogramOf(3)];
    expect(stepFor([a, b], "extremes")).toEqual(stepFor([histogramOf(-1, 0.5, 3)], "extremes"));
  });
});

describe("weights", () => {
  test("have a scale for each filter, and are off by half a step at most unless they are clipped", () => {
    const random = seededRandom(2);
    const filters = 5;
    const weights = Float32Array.from(
      { length: 40 * filters },
      (_, at) => random.normal() * 10 ** (at % filters),
    );
    const { integers, scales } = roundWeights(weights, new Float32Array(filters), 1);
    expect(integers.every((one) => Number.isInteger(one) && Math.abs(one) <= 127)).toBe(true);
    for (const [at, weight] of weights.entries()) {
      const scale = scales[at % filters]!;
      if (Math.abs(integers[at]!) < 127)
        expect(Math.abs(integers[at]! * scale - weight)).toBeLessThanOrEqual(scale * 0.5001);
    }
    expect(scales[4]! / scales[0]!).toBeGreaterThan(1000);
  });

  test("that lie on a grid are exact", () => {
    const weights = Float32Array.from({ length: 255 }, (_, at) => (at - 127) / 64);
    const { integers, scales } = roundWeights(weights, [0], 1);
    expect(scales).toEqual(Float32Array.of(1 / 64));
    expect(integers).toEqual(Float32Array.from({ length: 255 }, (_, at) => at - 127));
  });

  test("that are all zero, and filters with a large bias, keep the bias within 2²² steps", () => {
    const weights = Float32Array.of(0, 1e-9, 0, 1e-9);
    const bias = [3, 1000];
    const { integers, scales } = roundWeights(weights, bias, 0.5);
    expect(integers[0]).toBe(0);
    for (const [at, one] of bias.entries())
      expect(one / (scales[at]! * 0.5)).toBeLessThanOrEqual(2 ** 22 * 1.0001);
  });
});
