// Elementwise ops on NaN, ±∞ and ±0, where formulas may be wrong; expectations by hand.

import { describe, expect, test } from "vitest";
import type { OpName } from "#ir/graph.js";
import { erf, evalScalar, roundHalfEven } from "#ops/scalar-eval.js";
import { operand } from "#ops/scalar.js";
import { opOf, ops } from "#ops/index.js";
import { integratedErf } from "./oracle.js";

const inf = Number.POSITIVE_INFINITY;
const nan = Number.NaN;

/** Rows of [op, operand or operands, result]; attributes are the defaults. */
const table: readonly (readonly [OpName, readonly number[], number])[] = [
  ["relu", [nan], nan],
  ["relu", [-inf], 0],
  ["relu", [inf], inf],
  ["relu6", [nan], nan],
  ["relu6", [inf], 6],
  ["relu6", [-inf], 0],
  ["leaky_relu", [nan], nan],
  ["leaky_relu", [-inf], -inf],
  ["leaky_relu", [-2], -0.02],
  ["elu", [nan], nan],
  ["elu", [-inf], -1],
  ["elu", [inf], inf],
  ["sigmoid", [nan], nan],
  ["sigmoid", [-inf], 0],
  ["sigmoid", [inf], 1],
  ["sigmoid", [-1000], 0],
  ["silu", [inf], inf],
  ["silu", [-1000], -0],
  ["hard_sigmoid", [nan], nan],
  ["hard_sigmoid", [-inf], 0],
  ["hard_sigmoid", [inf], 1],
  ["hard_sigmoid", [0], 0.5],
  ["hard_swish", [inf], inf],
  ["hard_swish", [-3], -0],
  ["hard_swish", [3], 3],
  ["tanh", [-inf], -1],
  ["gelu", [inf], inf],
  ["gelu", [0], 0],
  ["softplus", [1000], 1000],
  ["softplus", [-inf], 0],
  ["softplus", [inf], inf],
  ["softplus", [nan], nan],
  ["mish", [inf], inf],
  ["clip", [nan], nan],
  ["clip", [-inf], -inf],
  ["exp", [-inf], 0],
  ["log", [0], -inf],
  ["log", [-1], nan],
  ["sqrt", [-1], nan],
  ["rsqrt", [0], inf],
  ["reciprocal", [-0], -inf],
  ["abs", [-inf], inf],
  ["round", [0.5], 0],
  ["round", [1.5], 2],
  ["round", [2.5], 2],
  ["round", [-0.5], -0],
  ["round", [-1.5], -2],
  ["round", [-inf], -inf],
  ["erf", [inf], 1],
  ["erf", [-inf], -1],
  ["erf", [nan], nan],
  ["sin", [inf], nan],
  ["min", [nan, 1], nan],
  ["min", [1, nan], nan],
  ["max", [nan, 1], nan],
  ["max", [1, nan], nan],
  ["max", [-inf, 1], 1],
  ["sub", [inf, inf], nan],
  ["mul", [inf, 0], nan],
  ["div", [0, 0], nan],
  ["div", [1, -0], -inf],
  ["pow", [nan, 0], 1],
  ["pow", [-2, 0.5], nan],
  ["pow", [-2, 3], -8],
  ["atan2", [0, 0], 0],
  ["atan2", [-0, 0], -0],
  ["atan2", [0, -0], Math.PI],
  ["atan2", [-0, -0], -Math.PI],
  ["atan2", [0, -1], Math.PI],
  ["atan2", [-0, -1], -Math.PI],
  ["atan2", [1, 0], Math.PI / 2],
  ["atan2", [-1, 0], -Math.PI / 2],
  ["atan2", [inf, -1], Math.PI / 2],
  ["atan2", [1, -inf], Math.PI],
  ["atan2", [-1, inf], -0],
  ["atan2", [nan, 1], nan],
  ["atan2", [1, nan], nan],
  ["prelu", [nan, 2], nan],
  ["prelu", [-3, 2], -6],
  ["prelu", [-0, 2], -0],
];

test.each(table)("%s(%j) is %d", (name, values, expected) => {
  const op = opOf(name);
  const defaults = Object.fromEntries(
    Object.entries(op.attributes).map(([key, kind]) => [key, kind.default]),
  );
  const scalar = op.scalar!(
    values.map((_, index) => operand(index)),
    defaults as never,
  );
  expect(evalScalar(scalar, values)).toBe(expected);
});

test.each([0, 1, 2])("softmax of values whose powers overflow, along axis %i of three", (axis) => {
  const shape = [1, 1, 1].with(axis, 3).with((axis + 1) % 3, 2);
  // Two rows along the axis: [−1000, 1000, 1000] and [−1000, −1001, −∞].
  const rows = [
    [-1000, 1000, 1000],
    [-1000, -1001, -inf],
  ];
  const e = Math.exp(-1);
  const wanted = [
    [0, 0.5, 0.5],
    [1 / (1 + e), e / (1 + e), 0],
  ];
  const place = (row: number, k: number): number => ((axis + 1) % 3 > axis ? k * 2 + row : row * 3 + k);
  const data = new Float64Array(6);
  for (const [row, values] of rows.entries())
    for (const [k, value] of values.entries()) data[place(row, k)] = value;
  const result = opOf("softmax").eval([{ shape, data }], { axis: axis - 3 }, { dtype: "f32", shape });
  for (const [row, values] of wanted.entries())
    for (const [k, value] of values.entries()) expect(result.data[place(row, k)]).toBeCloseTo(value, 12);
});

test("every elementwise op has a scalar expression, and no other op has one", () => {
  for (const name of Object.keys(ops) as OpName[]) {
    expect(opOf(name).scalar !== undefined, name).toBe(opOf(name).classes.includes("elementwise"));
  }
});

describe("erf", () => {
  test.each([0, 1e-300, 1e-8, 0.1, 0.5, 1, 1.9, 2.4, 2.5, 2.6, 3, 4, 5.9])("is right at ±%d", (x) => {
    expect(Math.abs(erf(x) - integratedErf(x))).toBeLessThan(1e-12);
    expect(erf(-x)).toBe(-erf(x));
  });
  // Abramowitz and Stegun 1964, table 7.1, and digits by Wolfram.
  test.each([
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
  ])("of %d has 15 digits", (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThan(4e-16);
  });
});

test("rounding agrees with the definition on a grid of eighths and at the edge of the integers", () => {
  for (let eighths = -40; eighths <= 40; eighths += 1) {
    const x = eighths / 8;
    const near = [Math.floor(x), Math.ceil(x)].filter(
      (whole) => Math.abs(whole - x) === Math.min(x - Math.floor(x), Math.ceil(x) - x),
    );
    const expected = near.find((whole) => whole % 2 === 0 || near[0] === near[1] || near.length === 1);
    expect(roundHalfEven(x) === expected, `${x}`).toBe(true);
  }
  expect(roundHalfEven(0.49999999999999994)).toBe(0);
  expect(roundHalfEven(2 ** 53 - 1)).toBe(2 ** 53 - 1);
});
