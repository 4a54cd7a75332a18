// Nets of integers in JavaScript and WebAssembly: exactly the values of the interpreter, also where sums are divided or transformed.

import { describe, expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { drawIntegers } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import type { Random } from "#ops/random.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

const quantized = (shape: string, seed: number, spread = 0.025): string =>
  `quantize(he_normal(seed=${seed}, fan_in=2, shape=${shape}), ${spread}, type="i8")`;

function dense(random: Random, type: "i8" | "i16"): string {
  const inputs = random.int(4000, 9000);
  const values = `he_normal(seed=${random.int(1, 99)}, fan_in=2, shape=[${inputs}, 7])`;
  return `net t {
    input x: u8[1, ${inputs}]
    param w: ${type}[${inputs}, 7] = quantize(${values}, 0.025, low=-127, high=127, type="${type}")
    param b: i32[7] = [1, -20000, 300000, 7, 0, -9, 12]
    acc = dense(x, w, b, zero=${random.pick([0, 3, 128])})
    output s = dequantize(acc, 0.001)
    output y = quantize(dequantize(acc, 0.001), 0.5, zero=3, type="u8")
  }`;
}

/** Sums whose biases alone take all bits of f32. */
function biased(random: Random, type: "i8" | "i16"): string {
  const inputs = random.int(300, 3000);
  const values = `he_normal(seed=${random.int(1, 99)}, fan_in=2, shape=[${inputs}, 5])`;
  const bias = () => random.pick([-1, 1]) * (2 ** 24 - random.int(0, 1000));
  return `net t {
    input x: u8[1, ${inputs}]
    param w: ${type}[${inputs}, 5] = quantize(${values}, 0.025, low=-127, high=127, type="${type}")
    param b: i32[5] = [${bias()}, ${bias()}, 3, 0, ${bias()}]
    acc = dense(x, w, b, zero=${random.pick([0, 3, 128])})
    output s = dequantize(acc, 0.001)
    output y = quantize(dequantize(acc, 0.001), 200, zero=3, type="u8")
  }`;
}

function convolution(random: Random): string {
  const [inputs, filters] = [random.pick([8, 32, 64, 128]), random.pick([8, 16, 30, 32])];
  const type = random.pick(["u8", "i8"]);
  return `net t {
    input x: ${type}[1, ${random.int(6, 15)}, ${random.int(6, 15)}, ${inputs}]
    param w: i8[3, 3, ${inputs}, ${filters}] = ${quantized(`[3, 3, ${inputs}, ${filters}]`, random.int(1, 99))}
    acc = conv2d(x, w, padding=same, zero=${random.pick(type === "u8" ? [0, 128] : [0, -5])})
    output s = dequantize(acc, 0.001)
    output y = quantize(dequantize(acc, 0.001) |> relu, 1, zero=-128, type="i8")
  }`;
}

/** Weights that are dequantized when they are packed, with a step for each unit or one for all, and a zero point. */
function realWeights(random: Random): string {
  const zero = random.pick([0, 5]);
  const steps = random.pick(["0.013", "he_normal(seed=3, fan_in=2, shape=[40])"]);
  const type = random.pick(["i8", "i16"]);
  const values = `he_normal(seed=${random.int(1, 99)}, fan_in=2, shape=[30, 40])`;
  return `net t {
    input x: u8[1, 30]
    param w: f32[30, 40] = dequantize(quantize(${values}, 0.025, zero=${zero}, type="${type}"), ${steps}, zero=${zero})
    output y = pad(dequantize(x, 1), before=[0, 0], after=[29, 10]) + w
  }`;
}

const hasDense = (count: number) => (ops: readonly string[]) =>
  ops.filter((op) => op === "dense").length === count;

describe.each([
  ["long sums of bytes", (random: Random) => dense(random, "i8"), hasDense(1)],
  ["long sums, which are divided", (random: Random) => dense(random, "i16"), hasDense(2)],
  ["sums of bytes with large biases", (random: Random) => biased(random, "i8"), hasDense(1)],
  ["sums with large biases, which are divided", (random: Random) => biased(random, "i16"), hasDense(2)],
  ["3×3 convolutions", convolution, () => true],
  ["weights that are dequantized", realWeights, () => true],
] as const)("%s", (_, draw, holds) => {
  test.each(seedsFor(8))("seed %i", async (seed) => {
    const random = seededRandom(seed + 1);
    const text = draw(random);
    const module = moduleOf(text);
    const optimized = optimize(module, { target: jsTarget }).value!.module.graph;
    expect(holds([...optimized.nodes.values()].map(({ op }) => op)), text).toBe(true);
    const [input] = [...module.graph.nodes.values()].filter(({ op }) => op === "input");
    const { dtype, shape } = input!.type;
    const data = drawIntegers(
      random,
      dtype as "u8",
      shape.reduce((product, extent) => product * extent, 1),
    );
    const expected = interpret(module, new Map([["x", { shape, data: Float64Array.from(data) }]]));
    for (const target of ["js", "wasm"] as const) {
      const net = await load(compile(module, { target, winogradMemory: 4 }).value!, { poison: true });
      const actual = net.runSync({ x: data });
      net.dispose();
      for (const [name, { data: wanted }] of expected)
        expect(actual[name], `${name} of ${target}\n${text}`).toEqual(Float32Array.from(wanted));
    }
  });
});

test("3×3 convolutions are transformed where integers are f32", () => {
  const graphs = seedsFor(16).map(
    (seed) =>
      optimize(moduleOf(convolution(seededRandom(seed + 1))), { target: jsTarget, winogradMemory: 4 }).value!
        .module.graph,
  );
  const sizes = graphs.flatMap(({ kernels }) => [...kernels.values()].map(({ winograd }) => winograd));
  expect(new Set(sizes.filter((size) => size > 0))).toEqual(new Set([2]));
});
