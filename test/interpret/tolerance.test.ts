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

test.each([
  ["what moves values sums nothing", "f32[1, 1000000]", "slice(x, begin=[0, 0], size=[1, 1])", 1],
  ["nor does a gather", "f32[900]", "gather(x, 3)", 1],
  ["nor a maximum", "f32[1, 30, 30]", "reduce_max(x, axes=[1, 2])", 1],
  ["nor nearest neighbours", "f32[1, 300, 300, 2]", "resize(x, size=2x2)", 1],
  ["a mean over axes", "f32[1, 30, 30]", "reduce_mean(x, axes=[1, 2])", 900],
  ["windows that overlap", "f32[1, 8, 8, 2]", "avg_pool(x, kernel=3x3, stride=1)", 9],
  ["between four pixels", "f32[1, 300, 300, 2]", "resize(x, size=2x2, method=bilinear)", 4],
  ["rows of a softmax", "f32[1, 30, 7]", "softmax(x)", 7],
  ["channels of a norm", "f32[1, 30, 7]", "layer_norm(x)", 7],
  ["taps over channels", "f32[1, 8, 8, 4]", "conv2d(x, filters=2, kernel=3x3)", 36],
  [
    "of a transposed convolution those that meet",
    "f32[1, 8, 8, 4]",
    "conv2d_transpose(x, filters=2, kernel=3x3, stride=2)",
    16,
  ],
  [
    "all of them where its taps are as far apart",
    "f32[1, 8, 8, 4]",
    "conv2d_transpose(x, filters=2, kernel=3x3, stride=2, dilation=2)",
    36,
  ],
  [
    "the few results of a large step",
    "f32[1, 8, 8, 4]",
    "conv2d_transpose(x, filters=2, kernel=1x1, stride=8)",
    4,
  ],
])("terms of a sum: %s", (_, type, body, terms) => {
  expect(longestReduction(moduleOf(`net n {\n  input x: ${type}\n  output y = ${body}\n}\n`))).toBe(terms);
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
