// The largest entries of an output.

import { expect, test } from "vitest";
import { topK } from "#tasks/values.js";

test("the largest come first, ties in order, NaN last", () => {
  const values = Float32Array.of(
    Number.NaN,
    2,
    Number.NEGATIVE_INFINITY,
    5,
    Number.NaN,
    5,
    Number.POSITIVE_INFINITY,
  );
  expect(topK(values, 7).map(({ index }) => index)).toEqual([6, 3, 5, 1, 2, 0, 4]);
  expect(topK(values, 2, ["a", "b", "c", "d", "e", "f", "g"])).toEqual([
    { index: 6, label: "g", value: Number.POSITIVE_INFINITY },
    { index: 3, label: "d", value: 5 },
  ]);
  expect(topK(Float32Array.of(1), 3)).toHaveLength(1);
  for (const k of [0, -1, -7, Number.NaN]) expect(topK(values, k)).toEqual([]);
});
