// Peaks of heat maps and masks as pixels.

import { describe, expect, test } from "vitest";
import { maskToImageData, peaks } from "../../src/tasks/maps.js";
import { joined, sigmoid, softmax } from "../../src/tasks/values.js";

describe("peaks", () => {
  // prettier-ignore
  const map = [
    0, 1, 0, 0, 0,
    1, 5, 1, 0, 3,
    0, 1, 0, 0, 3,
    0, 0, 0, 9, 8,
  ];
  const size = { width: 5, height: 4 };

  test("are larger than all around, largest first; of equal ones the first counts", () => {
    expect(peaks(map, size)).toEqual([
      { x: 3, y: 3, channel: 0, value: 9 },
      { x: 1, y: 1, channel: 0, value: 5 },
      { x: 4, y: 1, channel: 0, value: 3 },
    ]);
  });

  test("by value, number and distance", () => {
    expect(peaks(map, size, { value: 3 }).map(({ value }) => value)).toEqual([9, 5]);
    expect(peaks(map, size, { most: 1 }).map(({ value }) => value)).toEqual([9]);
    expect(peaks(map, size, { radius: 2 }).map(({ value }) => value)).toEqual([9]);
    expect(peaks(map, size, { radius: 0 })).toHaveLength(9);
  });

  test("of channels last and first", () => {
    const last = [1, 7, 2, 0, 3, 9];
    const found = [
      { x: 2, y: 0, channel: 1, value: 9 },
      { x: 0, y: 0, channel: 1, value: 7 },
      { x: 2, y: 0, channel: 0, value: 3 },
    ];
    expect(peaks(last, { width: 3, height: 1, channels: 2 })).toEqual(found);
    const first = [1, 2, 3, 7, 0, 9];
    expect(peaks(first, { width: 3, height: 1, channels: 2, channelsFirst: true })).toEqual(found);
  });

  test("another number of values is an error", () => {
    expect(() => peaks(map, { width: 5, height: 5 })).toThrow("20 values are not a map of 5 × 5, 1 channels");
  });
});

describe("maskToImageData", () => {
  test("one channel is as opaque as its values", () => {
    const { data, width, height } = maskToImageData([0, 0.5, 1, 2], { width: 2, height: 2 }, [[9, 8, 7]]);
    expect([width, height]).toEqual([2, 2]);
    expect([...data]).toEqual([9, 8, 7, 0, 9, 8, 7, 128, 9, 8, 7, 255, 9, 8, 7, 255]);
  });

  test("of several channels, the largest gives the color", () => {
    const size = { width: 3, height: 1, channels: 3 };
    const scores = [3, 1, 2, 1, 3, 2, 1, 2, 3];
    const { data } = maskToImageData(scores, size, [undefined, [1, 2, 3], [4, 5, 6, 0.2]]);
    expect([...data]).toEqual([0, 0, 0, 0, 1, 2, 3, 255, 4, 5, 6, 51]);
  });
});

describe("probabilities", () => {
  test("softmax sums to 1, of large and infinite values too", () => {
    expect([...softmax([0, Math.log(3)])]).toEqual([0.25, 0.75]);
    expect([...softmax([1e30, 1e30, -1e30])]).toEqual([0.5, 0.5, 0]);
    expect([...softmax(Float32Array.of(-Infinity, 5))]).toEqual([0, 1]);
  });

  test("outputs one after another", () => {
    expect(joined(Float32Array.of(1, 2), [], [3])).toEqual(Float32Array.of(1, 2, 3));
    expect(joined()).toEqual(new Float32Array());
  });

  test("sigmoid", () => {
    const values = sigmoid([0, Math.log(3), -1000, 1000]);
    expect([...values]).toEqual([0.5, Math.fround(0.75), 0, 1]);
  });
});
