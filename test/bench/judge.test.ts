// Whether outputs agree.

import { expect, test } from "vitest";
import { int8Tolerance, judge, largestOf, publishedTolerance } from "../../bench/judge.js";
import type { Measured } from "../../bench/measure.js";
import type { Values } from "../../bench/running.js";

const measured = (peer: string, ...outputs: Values[]): Measured => ({
  peer,
  threads: 1,
  loadMs: 1,
  firstRunMs: 1,
  medianMs: 1,
  leastMs: 1,
  runs: 1,
  peakBytes: 1,
  outputs,
});

const values = (...of: number[]): Float32Array => Float32Array.from(of);

/** What is found of a peer beside one whose outputs are right. */
function judged(
  right: readonly Values[],
  actual: readonly Values[],
  name = "second",
  ofIntegers = false,
): { difference: number; agrees: boolean } {
  const [, result] = judge(
    [measured("first", ...right), measured(name, ...actual)],
    () => ({}),
    (_, reference) => publishedTolerance * largestOf(reference),
    ofIntegers,
  );
  return { difference: result!.difference, agrees: result!.agrees };
}

const right = [
  { scores: values(1, 4), boxes: values(100, -200) },
  { scores: values(2, 2), boxes: values(1, 1) },
];

test("each output by its own largest value, by name and not by order", () => {
  const [one, two] = right;
  expect(judged(right, [{ boxes: one!.boxes, scores: one!.scores }, two!])).toEqual({
    difference: 0,
    agrees: true,
  });
  expect(judged(right, [{ ...one!, boxes: values(100, -200.1) }, two!]).agrees).toBe(true);
  const off = judged(right, [{ ...one!, scores: values(1, 4.1) }, two!]);
  expect(off.difference).toBeCloseTo(0.025, 6);
  expect(off.agrees).toBe(false);
});

test("all samples count", () => {
  expect(judged(right, [right[0]!, { ...right[1]!, boxes: values(1, 1.1) }]).agrees).toBe(false);
  expect(judged(right, [right[0]!]).agrees).toBe(false);
});

test("no number, another length and a missing output agree with nothing", () => {
  const [, two] = right;
  for (const wrong of [values(1, Number.NaN), values(1), undefined]) {
    const first = wrong ? { ...right[0]!, scores: wrong } : { boxes: right[0]!.boxes };
    const { difference, agrees } = judged(right, [first, two!]);
    expect(difference).toBeNaN();
    expect(agrees).toBe(false);
  }
});

test("integers agree by the mean of all elements, and those of another network do not", () => {
  const scaled = (factor: number): Values[] =>
    right.map((outputs) =>
      Object.fromEntries(
        Object.entries(outputs).map(([name, all]) => [name, all.map((value) => factor * value)]),
      ),
    );
  for (const name of ["a-int8", "a-int8:2", "of integers"]) {
    const agrees = (actual: readonly Values[]): boolean =>
      judged(right, actual, name, name === "of integers").agrees;
    expect(agrees(scaled(0.99 + int8Tolerance))).toBe(true);
    expect(agrees(scaled(1.01 + int8Tolerance))).toBe(false);
    expect(agrees(scaled(0))).toBe(false);
    for (const wrong of [values(1, Number.NaN), values(1), values(1, 4, 0), undefined]) {
      const first = wrong ? { ...right[0]!, scores: wrong } : { boxes: right[0]!.boxes };
      expect(agrees([first, right[1]!])).toBe(false);
    }
  }
});
