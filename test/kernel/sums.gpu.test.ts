// Long sums: the bound for their blocks, and every op that sums, on every target, with inputs from all distributions.

import { describe, expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction, tolerance } from "#interpret/tolerance.js";
import type { Tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import { inputNodes } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { lower } from "#kernel/lower.js";
import { blocksOf, mostRoundings, productBlock } from "#kernel/part/sums.js";
import { wasmTile } from "#kernel/part/tile.js";
import type { Distribution } from "#ops/distributions.js";
import { distributionNames } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { schedule } from "#schedule/schedule-graph.js";
import { runWasm } from "../backend/wasm/run-wasm.js";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";
import { difference, wgslProgram } from "../backend/wgsl/programs.js";
import { randomInputs, scaleOf } from "../op-module.js";
import { moduleOf } from "../schedule/module-of.js";
import { runProgram } from "./run-program.js";

describe("blocks", () => {
  const random = seededRandom(3);
  const nests = [
    ...Array.from({ length: 2000 }, (_, at) => [at + 1]),
    ...Array.from({ length: 1000 }, () => [random.int(1, 2 ** random.int(1, 30))]),
    ...Array.from({ length: 1000 }, () => Array.from({ length: random.int(2, 4) }, () => random.int(1, 300))),
  ];

  test.each([0, productBlock])(
    "wanted with %i terms, no term goes through more roundings than are allowed",
    (wanted) => {
      for (const counts of nests) {
        const terms = product(counts);
        const cut = blocksOf(counts, wanted);
        // Rounds of a block, and blocks of a round of the divided loop.
        const inside = cut ? cut.rounds * product(counts.slice(cut.level + 1)) : terms;
        const blocks = cut
          ? product(counts.slice(0, cut.level)) * Math.ceil(counts[cut.level]! / cut.rounds)
          : 0;
        expect(inside + blocks, JSON.stringify({ counts, cut })).toBeLessThanOrEqual(mostRoundings(terms));
      }
    },
  );

  test("the bound is that of the tolerance, less 8 roundings", () => {
    for (const terms of [1, 100, 50_176, 1e6])
      expect((mostRoundings(terms) + 8) * 2 ** -24).toBeCloseTo(tolerance(terms, [1]), 12);
  });

  test("few terms are one block", () => {
    expect(blocksOf([3, 3, 8])).toBeUndefined();
    expect(blocksOf([79])).toBeUndefined();
    expect(blocksOf([80])).toBeDefined();
  });
});

function product(counts: readonly number[]): number {
  return counts.reduce((all, count) => all * count, 1);
}

/** Nets that each sum many terms, by template. */
const nets: Readonly<Record<string, string>> = {
  global_avg_pool: "input x: f32[1, 224, 224, 5]\noutput y = global_avg_pool(x)",
  "global_avg_pool of a million": "input x: f32[1, 1000, 1000, 1]\noutput y = global_avg_pool(x)",
  "reduce_mean of all": "input x: f32[1, 224, 224, 3]\noutput y = reduce_mean(x)",
  "reduce_sum of rows": "input x: f32[6, 50177]\noutput y = reduce_sum(x, axes=[1])",
  "reduce_sum of columns": "input x: f32[50177, 6]\noutput y = reduce_sum(x, axes=[0])",
  "reduce_mean of planes": "input x: f32[2, 211, 3, 223]\noutput y = reduce_mean(x, axes=[1, 3])",
  "sum of absolutes": "input x: f32[1, 100000]\noutput y = reduce_sum(abs(x))",
  "log of a sum of powers":
    "input x: f32[1, 100000]\nm = reduce_max(x)\noutput y = log(reduce_sum(exp(x - m))) + m",
  "avg_pool of one window": "input x: f32[1, 120, 120, 4]\noutput y = avg_pool(x, kernel=120x120)",
  "avg_pool with a border":
    "input x: f32[1, 90, 90, 4]\noutput y = avg_pool(x, kernel=80x80, stride=40, padding=same)",
  softmax: "input x: f32[2, 50177]\noutput y = softmax(x)",
  "sum of a softmax": "input x: f32[1, 100000]\noutput y = reduce_sum(softmax(x))",
  "softmax of another axis": "input x: f32[1, 50177, 4]\noutput y = softmax(x, axis=1)",
  layer_norm: "input x: f32[2, 50177]\noutput y = layer_norm(x)",
  "layer_norm of a million": "input x: f32[1, 1000000]\noutput y = layer_norm(x)",
  "instance normalization": `input x: f32[1, 150, 150, 4]
    m = reduce_mean(x, axes=[1, 2], keepdims=true)
    d = x - m
    v = reduce_mean(square(d), axes=[1, 2], keepdims=true)
    output y = d * rsqrt(v + 0.00001)`,
  dense: "input x: f32[2, 30000]\noutput y = dense(x, units=9)",
  "pool and dense": "input x: f32[1, 60, 60, 600]\noutput y = x |> global_avg_pool |> dense(units=12)",
  matmul: "input x: f32[5, 9000]\ninput w: f32[9000, 6]\noutput y = matmul(x, w)",
  pointwise: "input x: f32[1, 3, 5, 3001]\noutput y = conv2d(x, filters=9, kernel=1x1)",
  "deep convolution":
    "input x: f32[1, 4, 4, 512]\noutput y = conv2d(x, filters=12, kernel=3x3, padding=same)",
  "wide convolution": "input x: f32[1, 80, 80, 2]\noutput y = conv2d(x, filters=3, kernel=79x79)",
  "convolution of seven rows": "input x: f32[1, 20, 20, 3]\noutput y = conv2d(x, filters=9, kernel=7x7)",
  "convolution of thirteen rows": "input x: f32[1, 30, 30, 2]\noutput y = conv2d(x, filters=9, kernel=13x5)",
  "avg_pool of nineteen rows": "input x: f32[1, 38, 38, 5]\noutput y = avg_pool(x, kernel=19x5)",
  "few filters": "input x: f32[1, 9, 16, 24]\noutput y = conv2d(x, filters=3, kernel=3x3, padding=same)",
  "few filters, as many as lanes": "input x: f32[1, 5, 16, 24]\noutput y = conv2d(x, filters=4, kernel=3x3)",
  "few filters, one": "input x: f32[1, 5, 16, 24]\noutput y = conv2d(x, filters=1, kernel=1x1)",
  "few filters left over": "input x: f32[1, 5, 7, 32]\noutput y = conv2d(x, filters=10, kernel=1x1)",
  "few filters in groups":
    "input x: f32[1, 7, 7, 48]\noutput y = conv2d(x, filters=6, kernel=3x3, groups=2, padding=same)",
  "few filters behind branches": `input x: f32[1, 6, 6, 20]
    output y = depthwise_conv2d(x, kernel=3x3, multiplier=2, padding=same) |> relu |> conv2d(filters=3, kernel=1x1)`,
  "few filters of a slice": `input x: f32[1, 6, 6, 21]
    output y = conv2d(slice(x, begin=[0, 0, 0, 1], size=[1, 6, 6, 20]), filters=2, kernel=3x3)`,
  "convolution in groups":
    "input x: f32[1, 5, 5, 800]\noutput y = conv2d(x, filters=8, kernel=3x3, groups=2)",
  depthwise: "input x: f32[1, 70, 70, 6]\noutput y = depthwise_conv2d(x, kernel=67x67)",
  separable: `input x: f32[1, 6, 6, 1000]
    output y = depthwise_conv2d(x, kernel=3x3, padding=same) |> relu |> conv2d(filters=8, kernel=1x1)`,
  "transposed, with a computed kernel": `input x: f32[1, 3, 3, 700]
    input w: f32[3, 3, 700, 5]
    output y = conv2d_transpose(x, w, stride=2)`,
};

const lists = Object.entries(nets).map(([name, body]) => [name, moduleOf(`net n {\n${body}\n}`)] as const);

/** The inputs that show errors of sums most clearly. */
const telling: readonly Distribution[] = ["far", "constant"];

/** Inputs, results, and the allowed errors: for sums, by the sizes of their terms. */
function* samples(module: Module) {
  const [input] = inputNodes(module.graph);
  const isLarge = elements(input!.type.shape) > 500_000;
  for (const [seed, kind] of distributionNames.entries()) {
    if (isLarge && !telling.includes(kind)) continue;
    const inputs = randomInputs(module, seededRandom(seed + 1), kind);
    yield { kind, inputs, expected: interpret(module, inputs).get("y")!, scale: scaleOf({ module, inputs }) };
  }
}

describe.each(lists)("%s", (name, module) => {
  test("JavaScript, WebAssembly and relaxed", async () => {
    const js = lower(schedule(fused(module, jsTarget), jsTarget));
    const wasm = lower(schedule(fused(module, wasmTarget), wasmTarget), wasmTile);
    for (const { kind, inputs, expected, scale } of samples(module)) {
      const runs = {
        js: runProgram(js, inputs),
        simd: await runWasm(wasm, inputs, false),
        relaxed: await runWasm(wasm, inputs, true),
      };
      for (const [target, outputs] of Object.entries(runs))
        expectNear(outputs.get("y")!, expected, scale, module, `${name}, ${kind}, ${target}`);
    }
  });
});

function fused(module: Module, target: typeof jsTarget): Module {
  return fuse.run(module, { target, options: {}, report: () => {} });
}

function expectNear(
  actual: Float32Array,
  expected: Tensor,
  scale: Float64Array,
  module: Module,
  context: string,
): void {
  const at = firstDifference(actual, expected.data, longestReduction(module), scale);
  expect(at, `${context}: y[${at}] is ${actual[at]}, not ${expected.data[at]}`).toBe(-1);
}

const device = await computingDevice();

describeOn(device)("on an adapter", () => {
  test.each(lists)("%s", { timeout: 120_000 }, async (_name, module) => {
    const program = wgslProgram(module);
    for (const { kind, inputs, scale } of samples(module)) {
      if (!telling.includes(kind)) continue;
      expect(await difference({ program, module, inputs, sizes: scale }, device!), kind).toBeUndefined();
    }
  });
});
