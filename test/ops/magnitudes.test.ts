// Elementwise ops over all magnitudes of f32, each result compared with float64, relative to the result itself. This finds formulas that
// overflow, cancel or underflow although their result is a float.

import { describe, expect, test } from "vitest";
import { load } from "#compile/load.js";
import { emit } from "#compile/emit.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import type { OpName } from "#ir/graph.js";
import { opOf, ops } from "#ops/index.js";
import { moduleOf } from "../schedule/module-of.js";

const near = [
  1.2e-38, 3e-38, 1e-30, 1e-19, 1e-10, 1e-7, 1e-4, 1e-3, 0.01, 0.1, 0.25, 0.5, 0.7, 0.95, 1, 1.5, 2, 3, 5, 9,
];
const far = [
  17, 30, 60, 80, 87, 88.5, 89, 89.4, 90, 104, 300, 1e4, 1e7, 1e12, 1e18, 1.8e19, 2e19, 1e25, 1e30, 1e38,
  3.4e38,
];
const tiny = [1.4e-45, 1e-43, 1e-40, 1e-39];
const sizes = [0, ...tiny, ...near, ...far].map(Math.fround);
const values = [...sizes, ...sizes.map((size) => -size)];

/** Ops whose results lose digits although the reference is exact in float64, with the reason. */
const losses: Partial<Record<OpName, (a: number) => boolean>> = {
  // 1 + erf(x/√2) cancels: its error is that of 1.
  gelu: (a) => a < -1,
  // e^x is not a normal float there, but x · e^x is.
  silu: (a) => a < -87,
  mish: (a) => a < -87,
};

const names = (Object.keys(ops) as OpName[]).filter((name) => {
  const { scalar, operands, integers } = opOf(name);
  return scalar && operands.length <= 2 && integers === undefined;
});

describe.each(["js", "wasm"] as const)("%s", (target) => {
  test.each(names)("%s", async (name) => {
    const isBinary = opOf(name).operands.length === 2;
    const pairs = isBinary
      ? values.flatMap((a) => values.map((b) => [a, b] as const))
      : values.map((a) => [a, 0] as const);
    const count = pairs.length;
    const text = `net t {\n  input a: f32[${count}]\n${isBinary ? `  input b: f32[${count}]\n` : ""}  output y = ${name}(a${isBinary ? ", b" : ""})\n}`;
    const module = moduleOf(text);
    const data = (at: 0 | 1) => Float64Array.from(pairs, (pair) => pair[at]);
    const inputs = new Map([
      ["a", { shape: [count], data: data(0) }],
      ["b", { shape: [count], data: data(1) }],
    ]);
    const wanted = interpret(module, inputs).get("y")!.data;
    const net = await load(emit(optimize(module).value!.module, { target }));
    const given = isBinary ? ["a", "b"] : ["a"];
    const actual = net.runSync(
      Object.fromEntries(given.map((one) => [one, Float32Array.from(inputs.get(one)!.data)])),
    )["y"]!;
    net.dispose();
    const wrong = pairs.filter(([a], at) => {
      const [is, should] = [actual[at]!, Math.fround(wanted[at]!)];
      if (is === should || (Number.isNaN(is) && Number.isNaN(should)) || losses[name]?.(a)) return false;
      // The last term: results below the normal floats have fewer digits.
      return !(Math.abs(is - should) <= 2 ** -23 * 8 * Math.abs(should) + 4 * 2 ** -149);
    });
    expect(wrong.map((pair) => `${name}(${pair.slice(0, given.length).join(", ")})`)).toEqual([]);
  });
});
