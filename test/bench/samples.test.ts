// What goes into the networks of the bench.

import { expect, test } from "vitest";
import { samples } from "../../bench/samples.js";

test("pictures have ink and paper of their channel, first or last, and are the same each time", () => {
  const first = samples([{ name: "x", shape: [1, 3, 48, 320] }]);
  const last = samples([{ name: "x", shape: [1, 48, 320, 3] }]);
  expect(first).toHaveLength(3);
  for (const [at, sample] of first.entries()) {
    const planes = sample["x"]!;
    const pixels = 48 * 320;
    for (const channel of [0, 1, 2]) {
      const plane = planes.subarray(channel * pixels, (channel + 1) * pixels);
      const [ink = 0, paper = 0] = [...new Set(plane)].toSorted((a, b) => a - b);
      expect(new Set(plane).size).toBe(2);
      expect(ink).toBeLessThan(-0.7);
      expect(paper).toBeGreaterThan(0.7);
      const written = plane.filter((value) => value === ink).length / pixels;
      expect(written).toBeGreaterThan(0.1);
      expect(written).toBeLessThan(0.5);
      // The other order holds the same picture.
      expect(last[at]!["x"]!.filter((_, index) => index % 3 === channel)).toEqual(plane);
    }
  }
  expect(samples([{ name: "x", shape: [1, 3, 48, 320] }])).toEqual(first);
  expect(first[0]).not.toEqual(first[1]);
});

test("small pictures are not empty either, and other inputs are noise", () => {
  for (const sample of samples([
    { name: "image", shape: [1, 28, 28, 1] },
    { name: "vector", shape: [1, 100] },
  ])) {
    expect(new Set(sample["image"]).size).toBe(2);
    expect(new Set(sample["vector"]).size).toBeGreaterThan(90);
    expect(sample["vector"]!.every((value) => Math.abs(value) <= 1)).toBe(true);
  }
});
