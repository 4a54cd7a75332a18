// `verify` on sound nets and on mutants of them: rounding is no fault, however much cancels, and a small fault is not taken for rounding.

import { setFlagsFromString } from "node:v8";
import { expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import type { Comparison } from "#compile/verify-artifact.js";
import { kindsFor, verifiedKinds, verifyNet } from "#compile/verify-artifact.js";
import type { Module } from "#ir/weights.js";
import { distributionNames } from "#ops/distributions.js";
import { makeNode } from "#ops/index.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import type { LoadOptions } from "#runtime/types.js";
import { computingDevice } from "../backend/wgsl/device.js";
import { randomModule } from "../random-graph.js";
import { scaled } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

if (process.versions.node.startsWith("20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");

const nets = scaled(16);
const device = await computingDevice();
const machines: Readonly<Record<string, readonly ["js" | "wasm" | "wgsl", LoadOptions]>> = {
  js: ["js", {}],
  wasm: ["wasm", { simd: "simd" }],
  relaxed: ["wasm", { simd: "relaxed" }],
  ...(device ? { wgsl: ["wgsl", { device }] as const } : {}),
};

async function verified(
  reference: Module,
  actual: Module,
  machine: string,
  seed: number,
  kinds = distributionNames,
): Promise<Comparison[]> {
  const [target, options] = machines[machine]!;
  const artifact = emit(optimize(actual).value!.module, { target });
  const net = await load(artifact, { poison: true, ...options });
  return verifyNet(net, reference, { kinds, seed });
}

test.each(["js", "wasm", "relaxed"])(
  "random nets agree with all inputs: %s",
  async (machine) => {
    for (let seed = 0; seed < nets; seed += 1) {
      const module = randomModule(seededRandom(seed));
      const off = (await verified(module, module, machine, seed)).filter(({ agrees }) => !agrees);
      expect(off, `net of seed ${seed}`).toEqual([]);
    }
  },
  120_000,
);

const functions = [
  "tanh",
  "relu |> abs",
  "sigmoid",
  "sin",
  "floor",
  "softmax",
  "layer_norm",
  "gelu",
  "reciprocal",
];
const cancelling = [
  ...functions.map((name) => `conv2d(x, filters=8, kernel=3x3, padding=same) |> ${name}`),
  "dense(x, units=8) |> tanh",
  "depthwise_conv2d(x, kernel=3x3) |> tanh",
  "conv2d_transpose(x, filters=4, kernel=3x3, stride=2) |> tanh",
  "tanh(global_avg_pool(x) - reduce_mean(x, axes=[1, 2]))",
  "tanh(reduce_sum(x, axes=[1, 2]) - 576 * global_avg_pool(x))",
  "tanh(conv2d(x, filters=8, kernel=3x3, padding=same) - 3 * x)",
  "group_norm(conv2d(x, filters=8, kernel=1x1), groups=2) |> tanh",
  "less(conv2d(x, filters=8, kernel=1x1), 0)",
  "conv2d(x, filters=8, kernel=3x3, padding=same) |> batch_norm |> hard_swish |> dense(units=2) |> tanh",
  "tanh(matmul(reshape(x, shape=[24, 192]), reshape(x, shape=[192, 24])))",
  "tanh(avg_pool(x, kernel=5x5, stride=1) - depthwise_conv2d(x, kernel=5x5))",
  "tanh(resize(x, size=17x31, method=bilinear) - resize(x, size=17x31))",
  "scatter(reshape(x, shape=[4608]), reshape(0 * x, shape=[4608]), reshape(x, shape=[4608]), reduction=accumulate) |> tanh",
  "clip(conv2d(x, filters=8, kernel=3x3) * 1000, low=-1, high=1)",
  "`where`(less(dense(x, units=8), 0), x, 2 * x)",
];

test.each(Object.keys(machines))(
  "what cancels before a function agrees: %s",
  async (machine) => {
    // Drivers take up to a second for a shader.
    for (const body of machine === "wgsl" ? cancelling.filter((_, at) => at % 5 === 0) : cancelling) {
      const module = moduleOf(`net n {\n  input x: f32[1, 24, 24, 8]\n  output y = ${body}\n}`);
      for (let seed = 0; seed < (machine === "wgsl" ? 1 : Math.ceil(nets / 16)); seed += 1)
        for (const { agrees, ...what } of await verified(module, module, machine, seed))
          expect(agrees, `${body}, seed ${seed}: ${JSON.stringify(what)}`).toBe(true);
    }
  },
  120_000,
);

test("nets that the interpreter takes long for are verified with fewer kinds of inputs, but two at least", () => {
  const kinds = (filters: number): number =>
    kindsFor(
      moduleOf(`net n {
  input x: f32[1, 1000, 1000, 10]
  output y = conv2d(x, filters=${filters}, kernel=10x10)
}`),
    ).length;
  expect([1, 4, 5, 6, 100].map(kinds)).toEqual([5, 5, 4, 3, 2]);
  expect(verifiedKinds.slice(0, 2)).toEqual(["normal", "far"]);
});

/** The module with one value of it, which is not a constant, times a factor. */
function mutantOf({ graph, weights }: Module, random: Random, factor: number): Module {
  const computed = [...graph.nodes.values()].filter(({ op }) => op !== "constant" && op !== "input");
  const { id, position, type } = random.pick(computed);
  const [constant, product] = [graph.nextId, graph.nextId + 1];
  const base = { position, origin: { spans: [] } };
  const f32 = { dtype: "f32", shape: [] } as const;
  const weight = weights.add("factor", f32, { kind: "literal", data: Float32Array.of(factor) });
  const nodes = new Map(
    [...graph.nodes].map(([other, node]) => [
      other,
      makeNode({ ...node, inputs: node.inputs.map((input) => (input === id ? product : input)) }),
    ]),
  );
  nodes.set(
    constant,
    makeNode({
      ...base,
      id: constant,
      name: "factor",
      op: "constant",
      inputs: [],
      attributes: { weight },
      type: f32,
    }),
  );
  nodes.set(
    product,
    makeNode({
      ...base,
      id: product,
      name: "mutant",
      op: "mul",
      inputs: [id, constant],
      attributes: {},
      type,
    }),
  );
  const outputs = graph.outputs.map((output) => (output.node === id ? { ...output, node: product } : output));
  return { graph: { ...graph, nodes, outputs, nextId: product + 1 }, weights };
}

/** Of 60 mutants, a few do not show at all: behind them stand clips and norms. With 2⁻¹² and 2⁻¹⁶ some are within rounding. */
test.each([
  [8, 55],
  [12, 54],
  [16, 47],
])(
  "a value that is off by 2⁻%i is found",
  async (bits, least) => {
    let found = 0;
    for (let seed = 0; seed < 60; seed += 1) {
      const module = randomModule(seededRandom(seed));
      const mutant = mutantOf(module, seededRandom(seed), 1 + 2 ** -bits);
      const comparisons = await verified(module, mutant, "js", seed, verifiedKinds);
      if (comparisons.some(({ agrees }) => !agrees)) found += 1;
    }
    expect(found).toBeGreaterThanOrEqual(least);
  },
  120_000,
);
