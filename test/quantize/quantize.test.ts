// `quantize`: what it computes, what it refuses, and which layers a limit of the loss leaves in f32.

import { describe, expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import type { Sample } from "#calibrate/samples.js";
import { samplesOf, takeSamples } from "#calibrate/samples.js";
import { compile } from "#compile/compile.js";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { targets } from "#compile/targets.js";
import { interpret } from "#interpret/interpret.js";
import { nodeOf } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { collectStatistics, createStepFinder } from "#quantize/find-steps.js";
import { correctBiases, withBiases } from "#quantize/correct-biases.js";
import { measureLosses } from "#quantize/measure.js";
import { quantize } from "#quantize/quantize.js";

const text = `
net small {
  input x: f32[N, 12, 12, 3]
  a = conv2d(x, filters=16, kernel=3x3, padding=same, stride=2) |> relu6
  b = depthwise_conv2d(a, kernel=3x3, padding=same) |> relu6 |> conv2d(filters=16, kernel=1x1)
  c = relu(a + b)
  d = concat(c, max_pool(c, kernel=1x1), axis=3) |> conv2d(filters=24, kernel=3x3, groups=2) |> silu
  output y = d |> global_avg_pool |> dense(units=5)
  output p = softmax(y)
}`;

function moduleOf(of: string): Module {
  return elaborate(parse(of, "test.net").value!).value!;
}

function picture(seed: number, count = 12 * 12 * 3): Sample {
  const random = seededRandom(seed);
  return {
    x: Float32Array.from(
      { length: count },
      (_, at) => Math.sin(at * 0.05 * (1 + (seed % 7))) + 0.3 * random.normal(),
    ),
  };
}

const module = moduleOf(text);
const samples = samplesOf(Array.from({ length: 24 }, (_, index) => picture(index)));

function outputsOf(of: Module, { x = new Float32Array() }: Sample) {
  return interpret(of, new Map([["x", tensor([1, 12, 12, 3], (at) => x[at]!)]]));
}

describe("a net in integers", () => {
  test("has the inputs and outputs of the net, and nearly its values on other inputs", async () => {
    const { value, diagnostics } = await quantize(module, samples);
    expect(diagnostics).toEqual([]);
    const { module: own, report } = value!;
    expect(verify(own)).toEqual([]);
    expect(own.graph.outputs.map(({ name, node }) => [name, nodeOf(own.graph, node).type])).toEqual(
      module.graph.outputs.map(({ name, node }) => [name, nodeOf(module.graph, node).type]),
    );
    expect(report.layers.map(({ name }) => name)).toHaveLength(5);
    expect(report.left).toEqual([]);
    expect(report.bytes.after).toBeLessThan(report.bytes.before / 2.5);
    expect(report.loss).toBeLessThan(0.01);
    const sample = picture(1000);
    const [wanted, found] = [outputsOf(module, sample), outputsOf(own, sample)];
    const scale = Math.max(...wanted.get("y")!.data.map(Math.abs));
    for (const [at, one] of wanted.get("y")!.data.entries())
      expect(Math.abs(found.get("y")!.data[at]! - one)).toBeLessThan(0.1 * scale);
  });

  test("runs on js and wasm as the interpreter computes it", async () => {
    const { value } = await quantize(module, samples);
    const sample = picture(1001);
    const wanted = outputsOf(value!.module, sample).get("y")!.data;
    for (const target of ["js", "wasm"] as const) {
      const optimized = optimize(value!.module, { target: targets[target].target });
      const net = await load(emit(optimized.value!.module, { target }));
      const { y } = await net.run({ x: sample["x"]! });
      net.dispose();
      expect(y).toEqual(Float32Array.from(wanted));
    }
  });

  test("can be split first", async () => {
    const split = { mode: "structural", m: 1 } as const;
    const { value } = await quantize(module, samples, { split, loss: Number.POSITIVE_INFINITY });
    const names = value!.report.layers.map(({ name }) => name);
    expect(names.some((name) => name.endsWith(".depthwise"))).toBe(true);
    expect(verify(value!.module)).toEqual([]);
  });

  test("without samples has the known range of relu6, and finds others in each run", async () => {
    const { value } = await quantize(module, undefined);
    const { module: own, report } = value!;
    expect(verify(own)).toEqual([]);
    expect(report.samples).toBe(0);
    const known = report.layers.filter(({ input }) => input);
    expect(known.map(({ input }) => input)).toEqual(
      known.map(() => ({ scale: Math.fround(6 / 127), zero: 0 })),
    );
    expect(known).toHaveLength(2);
    // A sample of larger values has larger scales.
    for (const factor of [1, 2, 50]) {
      const sample = { x: picture(1002)["x"]!.map((one) => one * factor) };
      const [wanted, found] = [outputsOf(module, sample), outputsOf(own, sample)];
      const scale = Math.max(...wanted.get("y")!.data.map(Math.abs));
      for (const [at, one] of wanted.get("y")!.data.entries())
        expect(Math.abs(found.get("y")!.data[at]! - one)).toBeLessThan(0.1 * scale);
      const net = await load(emit(optimize(own).value!.module));
      const { y } = await net.run({ x: sample.x });
      net.dispose();
      for (const [at, one] of found.get("y")!.data.entries())
        expect(Math.abs(y![at]! - one)).toBeLessThan(0.01 * scale);
    }
  });

  test("without samples computes each sample of a batch by itself", async () => {
    const { value } = await quantize(module, undefined);
    const net = await load(emit(optimize(value!.module).value!.module));
    const [a, b] = [picture(1)["x"]!, picture(2)["x"]!.map((one) => one * 30)];
    const both = new Float32Array([...a, ...b]);
    const { y } = await net.run({ x: both });
    const alone = [await net.run({ x: a }), await net.run({ x: b })];
    net.dispose();
    expect([...y!]).toEqual(alone.flatMap((one) => [...one.y!]));
  });

  test("of zeros alone is not divided by zero", async () => {
    const { value } = await quantize(module, undefined);
    for (const data of outputsOf(value!.module, { x: new Float32Array(432) }).values())
      expect(data.data.every((one) => Number.isFinite(one))).toBe(true);
  });
});

describe("biases", () => {
  test("take back what rounding moves the mean of a channel", async () => {
    // All weights of a filter but one are just below half a step, so that they are rounded to zero.
    const base = moduleOf(`
      net n {
        input x: f32[N, 4]
        param w: f32[4, 2] = [[1, 1], [0.0035, 0.003], [0.0035, 0.003], [0.0035, 0.003]]
        param b: f32[2] = [0, 0]
        output y = dense(x, w, b)
      }`);
    const inputs = samplesOf(
      Array.from({ length: 16 }, (_, at) => ({ x: Float32Array.of(Math.sin(at), 3, 3, 3) })),
    );
    const statistics = (await collectStatistics(base, inputs, {})).value!;
    const rough = createStepFinder(base, statistics).find(new Set());
    const { value } = await correctBiases(base, rough, statistics.means, inputs);
    const before = (await measureLosses(base, rough, inputs)).value!;
    const after = (await measureLosses(base, withBiases(rough, value!), inputs)).value!;
    expect(after.loss).toBeLessThan(before.loss / 2);
  });
});

test("biases are not moved by values that an activation cuts off anyway", async () => {
  const base = moduleOf(`
    net n {
      input x: f32[N, 2]
      param w: f32[2, 1] = [[-1], [1]]
      param v: f32[1, 1] = [[1]]
      param b: f32[1] = [0]
      output y = dense(dense(x, w, b) |> relu, v, b)
    }`);
  // Every fourth sample is 100 where all integers end at 4, and its result is below zero with both.
  const inputs = samplesOf(
    Array.from({ length: 32 }, (_, at) => ({ x: Float32Array.of(at % 4 === 0 ? 100 : 0, (at % 7) / 3) })),
  );
  const statistics = (await collectStatistics(base, inputs, {})).value!;
  const found = createStepFinder(base, statistics).find(new Set());
  const x = found.plan.groups.get(found.plan.layers[0]!.inputs[0]!)!;
  const rough = { ...found, steps: new Map(found.steps).set(x, { scale: 4 / 127, zero: 0 }) };
  const { value } = await correctBiases(base, rough, statistics.means, inputs);
  const { loss } = (await measureLosses(base, withBiases(rough, value!), inputs)).value!;
  expect(loss).toBeLessThan(0.001);
});

describe("a limit of the loss", () => {
  // The second layer multiplies values of 0.001 beside one of 100 by 1,000: their steps are lost.
  const sensitive = moduleOf(`
    net n {
      input x: f32[N, 4]
      param v: f32[4, 4] = [[100, 0, 0, 0], [0, 0.02, 0, 0], [0, 0, 0.03, 0], [0, 0, 0, 0.01]]
      param w: f32[4, 4] = [[0.001, 0, 0, 0], [0, 50, 0, 0], [0, 0, 50, 0], [0, 0, 0, 50]]
      a = dense(x, v) |> relu
      b = dense(a, w) |> relu
      output y = dense(b, units=3)
    }`);
  const inputs = samplesOf(Array.from({ length: 32 }, (_, at) => picture(at, 4)));

  test("leaves the layer in f32 that loses most, and names it", async () => {
    const { value: all } = await quantize(sensitive, inputs, { loss: Number.POSITIVE_INFINITY });
    expect(all!.report.loss).toBeGreaterThan(0.05);
    expect(all!.report.left).toEqual([]);
    const { value } = await quantize(sensitive, inputs, { loss: 0.02 });
    const { left, layers, loss } = value!.report;
    expect(loss).toBeLessThanOrEqual(0.02);
    expect(left.map(({ name, reason }) => [name, reason])).toEqual([
      ["b.dense", "the loss would be too large"],
    ]);
    expect(left[0]!.loss).toBeGreaterThan(Math.max(...layers.map((one) => one.loss!)));
  });

  test("that no layer keeps is an error", async () => {
    const { value, diagnostics } = await quantize(sensitive, inputs, { loss: 0 });
    expect(value).toBeUndefined();
    expect(diagnostics.map(({ code }) => code)).toEqual(["quantize-limit"]);
  });
});

describe("what cannot be quantized", () => {
  test.each([
    [
      "a net without layers",
      "net n { input x: f32[N, 12, 12, 3]\n output y = relu(x) }",
      {},
      "nothing-to-quantize",
    ],
    ["a negative loss", text, { loss: -1 }, "wrong-option"],
  ])("%s", async (_, of, options, code) => {
    const { value, diagnostics } = await quantize(moduleOf(of), samples, options);
    expect(value).toBeUndefined();
    expect(diagnostics.map((one) => one.code)).toEqual([code]);
  });

  test("a loss without samples, equal samples, and samples of another shape", async () => {
    const codes = async (...of: Parameters<typeof quantize>) =>
      (await quantize(...of)).diagnostics.map(({ code }) => code);
    expect(await codes(module, undefined, { loss: 0.1 })).toEqual(["wrong-option"]);
    expect(await codes(module, samplesOf([picture(1), picture(1)]))).toEqual(["equal-samples"]);
    expect(await codes(module, samplesOf([{ x: new Float32Array(5) }]))).toEqual(["wrong-sample"]);
    expect(await codes(module, takeSamples(samples, []))).toEqual(["too-few-samples"]);
  });

  test("a value that is not finite stays f32, with the layer that reads it", async () => {
    const of = moduleOf(`
      net n {
        input x: f32[N, 4]
        a = dense(x, units=4)
        output y = dense(log(a), units=3)
      }`);
    const inputs = samplesOf(Array.from({ length: 8 }, (_, at) => picture(at, 4)));
    const { value } = await quantize(of, inputs, { loss: Number.POSITIVE_INFINITY });
    expect(value!.report.left.map(({ name, reason }) => [name, reason])).toEqual([
      ["y", "its input is not finite for all samples"],
    ]);
  });

  test("each node that multiplies is in the report once, with the reason that holds for it", async () => {
    const bytes = (shape: string) =>
      `quantize(he_normal(seed=1, fan_in=9, shape=[${shape}]), 0.01, type="i8")`;
    const partly = moduleOf(`
      net n {
        input x: f32[N, 12, 12, 3]
        param v: i8[3, 3, 3, 4] = ${bytes("3, 3, 3, 4")}
        param u: i8[3, 3, 1, 4] = ${bytes("3, 3, 1, 4")}
        param t: i8[4, 4] = ${bytes("4, 4")}
        q = quantize(x, 0.02, zero=64, low=0, high=127, type="u8")
        r = conv2d(q, v, zero=64) |> dequantize(0.0002) |> quantize(0.03, type="i8")
        s = depthwise_conv2d(r, u) |> dequantize(0.0003) |> relu
        a = conv2d(s, filters=4, kernel=3x3) |> relu
        b = conv2d_transpose(a, filters=4, kernel=2x2, stride=2)
        c = global_avg_pool(b)
        d = matmul(reshape(c, shape=[1, 2, 2]), reshape(c, shape=[1, 2, 2])) |> reshape(shape=[1, 4])
        e = dense(quantize(c + d, 0.05, type="i8"), t) |> dequantize(0.0005)
        output y = dense(e, units=3)
      }`);
    const wanted = {
      layers: ["a.conv2d", "y"],
      already: ["r.conv2d", "s.depthwise_conv2d", "e.dense"],
      left: [
        ["b", "transposed convolutions have no sums of integers"],
        ["d.matmul", "both factors are computed"],
      ],
    };
    for (const own of [samples, undefined]) {
      const { value, diagnostics } = await quantize(partly, own, own && { loss: Number.POSITIVE_INFINITY });
      expect(diagnostics).toEqual([]);
      const { layers, already, left } = value!.report;
      expect({
        layers: layers.map(({ name }) => name),
        already: already.map(({ name }) => name),
        left: left.map(({ name, reason }) => [name, reason]),
      }).toEqual(wanted);
      // Layers that are in integers already stay so, and the net is still accepted.
      const again = await quantize(value!.module, own);
      expect(again.diagnostics.map(({ help }) => help)).toEqual([
        ["5 of its layers are in integers already"],
      ]);
    }
  });
});

test("an interrupted run goes on with the same result", async () => {
  const kept = new Map<string, Uint8Array>();
  const checkpoints = {
    load: async (key: string) => kept.get(key),
    save: async (key: string, bytes: Uint8Array) => void kept.set(key, bytes),
  };
  const first = await quantize(module, samples, { checkpoints, loss: 1e-5 });
  expect(kept.size).toBeGreaterThan(1);
  const again = await quantize(module, samples, { checkpoints, loss: 1e-5 });
  const alone = await quantize(module, samples, { loss: 1e-5 });
  expect(again.value?.report).toEqual(first.value?.report);
  expect(alone.value?.report).toEqual(first.value?.report);
  expect(compile(module).value).toBeDefined();
});
