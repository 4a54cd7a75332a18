// The tolerance of f32 results, relative to the greatest of them, and what halves on the way add to it.

import { expect, test } from "vitest";
import { firstDifference, interpretScaled, longestReduction, tolerance } from "#interpret/tolerance.js";
import { tensor } from "#ir/tensor.js";
import { moduleOf } from "../schedule/module-of.js";

function scaled(body: string, x: number) {
  const module = moduleOf(`net n {\n  input x: f32[1, 2]\n${body}\n}\n`);
  return interpretScaled(module, new Map([["x", tensor([1, 2], () => x)]]));
}

test("f32 is held to the size of the result, and halves to that of the values on the way", () => {
  const { value, scale } = scaled("  output y = (x + 1000) - 1000", 1 / 3).get("y")!;
  expect(scale).toBeCloseTo(1000 + 1 / 3);
  const single = Math.fround(Math.fround(1000 + Math.fround(1 / 3)) - 1000);
  expect(firstDifference([single, single], value.data, 1)).toBe(0);
  expect(firstDifference([single, single], value.data, 1, value.data, { kernels: 1, scale })).toBe(-1);
});

test("each output has its own scale, and weights set none", () => {
  const outputs = scaled(
    "  param w: f32[2] = [4096, 4096]\n  output small = x / w\n  output large = x * w\n  output both = small - large",
    1,
  );
  const scales = [...outputs].map(([name, { scale }]) => [name, scale]);
  expect(scales).toEqual([
    ["small", 1],
    ["large", 4096],
    ["both", 4096],
  ]);
});

test("what is not finite sets no scale, and an error of one part in 10,000 is found", () => {
  const { value, scale } = scaled("  output y = x * 3 + 1 / (x - x)", 2).get("y")!;
  expect(value.data[0]).toBe(Number.POSITIVE_INFINITY);
  expect(scale).toBe(6);
  expect(firstDifference([6.0006], [6], 100)).toBe(0);
  expect(tolerance(100, [6])).toBeCloseTo(2 ** -23 * 48 * 6, 12);
});

test("a reduction is what one op sums up, not a row of ops", () => {
  const longest = (body: string): number =>
    longestReduction(moduleOf(`net n {\n  input x: f32[1, 300]\n${body}\n}\n`));
  expect(longest(`  output y = x${" + x".repeat(99)}`)).toBe(1);
  expect(longest("  output y = dense(x, units=2)")).toBe(300);
  expect(longest("  x = tanh(x)\n  x = dense(x, units=300)\n  output y = relu(x)")).toBe(300);
});

test("updates of a scatter may all have one place", () => {
  const longest = (reduction: string): number =>
    longestReduction(
      moduleOf(`net n {
  input x: f32[500]
  input places: f32[900]
  input updates: f32[900]
  output y = scatter(x, places, updates, reduction=${reduction})
}
`),
    );
  expect(longest("accumulate")).toBe(901);
  expect(longest("multiply")).toBe(901);
  expect(longest("maximum")).toBeLessThan(2);
});
