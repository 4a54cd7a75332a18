// The largest entries of an output, and values that are no numbers.

import { expect, test } from "vitest";
import {
  columns,
  inPicture,
  joined,
  nms,
  peaks,
  sigmoid,
  softmax,
  ssdBoxes,
  ssdPoints,
  topK,
} from "../../src/tasks/index.js";

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

test.each<readonly [string, (values: never) => unknown]>([
  ["topK: the first argument", (values) => topK(values, 1)],
  ["softmax: the argument", softmax],
  ["sigmoid: the argument", sigmoid],
  ["joined: each argument", joined],
  ["columns: the first argument", (values) => columns(values, 1, 0, 1)],
  ["nms: boxes", (values) => nms(values, [])],
  ["nms: scores", (values) => nms([], values)],
  ["ssdBoxes: raw", (values) => ssdBoxes(values, [0, 0, 1, 1])],
  ["ssdPoints: anchors", (values) => ssdPoints([0, 0, 1, 1], values)],
  ["the map", (values) => peaks(values, { width: 0, height: 0 })],
  [
    "inPicture: the points",
    (values) => inPicture(values, { data: new Uint8Array(1), width: 1, height: 1 }, {} as never),
  ],
])("%s must be numbers: all outputs of a net, or one that it has not, are an error", (what, call) => {
  const outputs = { scores: Float32Array.of(1, 2) };
  for (const wrong of [outputs, undefined, null, 5, Promise.resolve(outputs)])
    expect(() => call(wrong as never)).toThrow(
      `${what} must be an array of numbers, such as an output of run, not `,
    );
});

test("five values by default", () => {
  expect(topK([3, 1, 4, 1, 5, 9, 2]).map(({ value }) => value)).toEqual([9, 5, 4, 3, 2]);
});

test("no values and values without an end", () => {
  expect(topK([], 3)).toEqual([]);
  expect(softmax([])).toHaveLength(0);
  expect([...sigmoid([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])]).toEqual([0, 1]);
  expect(nms([], [])).toEqual([]);
});
