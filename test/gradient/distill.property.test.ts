// Distillation of split nets: what it changes and keeps, its parts, and when it ends.

import { describe, expect, test } from "vitest";
import { openCheckpoints } from "#calibrate/checkpoints.js";
import type { Progress } from "#calibrate/progress.js";
import { samplesOf } from "#calibrate/samples.js";
import { targetOf } from "#compile/targets.js";
import { elaborate } from "#elaborate/elaborate.js";
import { createAdam } from "#gradient/distill/adam.js";
import { balanced } from "#gradient/distill/balance.js";
import { distillLoss } from "#gradient/distill/distill-loss.js";
import { distill } from "#gradient/distill/distill.js";
import { comparedOutputs, valueAfter } from "#gradient/compared-values.js";
import { paddedLayer, withRank } from "#gradient/distill/pad-terms.js";
import { parse } from "#grammar/reading/parse.js";
import { interpretAll } from "#interpret/interpret.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { findCandidates, weightValues } from "#passes/split/candidates.js";
import { factorize } from "#passes/split/decompose.js";
import { composeFactors, factorsOf, splitOrders } from "#passes/split/form.js";
import type { FactoredLayer } from "#passes/split/report.js";
import { split as splitPass } from "#passes/split.js";
import { distillPlan } from "#split/distill-plan.js";
import { fitWithin } from "#split/split-network.js";
import { tryNetwork } from "#split/try-network.js";

const { target } = targetOf("wasm", {});

function moduleOf(text: string): Module {
  return elaborate(parse(text, "test.net").value!).value!;
}

const net = moduleOf(`net small {
  input image: f32[1, 8, 8, 3]
  a = relu(conv2d(image, filters=8, kernel=3x3, padding=same))
  b = relu(conv2d(a, filters=8, kernel=3x3, padding=same) + a)
  c = relu(conv2d(b, filters=12, kernel=3x3, stride=2, groups=2))
  y = softmax(dense(global_avg_pool(c), units=4))
  output y
}`);

/** Splits of all layers by their weights, which lose much. */
function splitByWeights(module: Module): Map<string, FactoredLayer> {
  return new Map(
    findCandidates(module).map((candidate) => {
      const order = "depthwise-pointwise";
      const factors = factorize(weightValues(candidate, module), order, 1);
      return [candidate.node.name, { order, rank: 1, factors }];
    }),
  );
}

const random = seededRandom(21);
const samples = samplesOf(
  Array.from({ length: 60 }, () => ({ image: Float32Array.from({ length: 192 }, () => random.normal()) })),
);

describe("a split by the weights", () => {
  const layers = splitByWeights(net);

  test("comes nearer to the original on held-out samples, and the best step is kept", async () => {
    const seen: Progress[] = [];
    const { value, diagnostics } = await distill(net, layers, samples, {
      target,
      steps: 150,
      batch: 10,
      seed: 1,
      onProgress: (one) => void seen.push(one),
    });
    expect(diagnostics).toEqual([]);
    const { heldOut, best } = value!;
    const least = Math.min(...heldOut.map(({ loss }) => loss));
    expect(heldOut.find(({ step }) => step === best)!.loss).toBe(least);
    expect(least).toBeLessThan(0.8 * heldOut[0]!.loss);
    expect(heldOut.map(({ step }) => step)).toEqual([0, 25, 50, 75, 100, 125, 150].slice(0, heldOut.length));
    expect(seen.filter(({ stage }) => stage === "distilling").at(-1)).toEqual({
      stage: "distilling",
      done: heldOut.at(-1)!.step,
      all: 150,
    });
    // The layers are unchanged except for their values, and the split pass accepts them.
    for (const [name, layer] of value!.layers) {
      const before = layers.get(name)!;
      expect([layer.order, layer.rank]).toEqual([before.order, before.rank]);
      expect(layer.factors.map(({ length }) => length)).toEqual(before.factors.map(({ length }) => length));
    }
    expect(logitsError(value!.layers)).toBeLessThan(0.8 * logitsError(layers));
  });

  test("the same seed gives the same bits", async () => {
    const run = async (seed: number) => {
      const { value } = await distill(net, layers, samples, { target, steps: 30, batch: 4, seed });
      return value!;
    };
    const first = await run(3);
    expect(await run(3)).toEqual(first);
    expect((await run(4)).heldOut).not.toEqual(first.heldOut);
  });

  test("continues after an interruption at any evaluation, with the same bits", async () => {
    const interrupted = new Error("interrupted");
    const run = async (kept: Map<string, Uint8Array>, most: number, steps = 60) => {
      const told: string[] = [];
      let saved = 0;
      const checkpoints = openCheckpoints(
        {
          load: async (key) => kept.get(key),
          async save(key, bytes) {
            if (saved === most) throw interrupted;
            saved += 1;
            kept.set(key, bytes);
          },
          onResume: (after) => void told.push(after),
        },
        "work",
      );
      const { value } = await distill(net, layers, samples, {
        target,
        steps,
        batch: 4,
        seed: 3,
        checkpoints,
      });
      return { value, saved, told };
    };
    const whole = await run(new Map(), Number.POSITIVE_INFINITY);
    const { value: without } = await distill(net, layers, samples, { target, steps: 60, batch: 4, seed: 3 });
    expect(whole).toEqual({ value: without, saved: 3, told: [] });
    for (const most of [0, 1, 2]) {
      const kept = new Map<string, Uint8Array>();
      await expect(run(kept, most)).rejects.toBe(interrupted);
      const { value, saved, told } = await run(kept, Number.POSITIVE_INFINITY);
      expect(value).toEqual(without);
      expect(saved).toBe(3 - most);
      expect(told).toEqual(most === 0 ? [] : [`step ${25 * most} of 60 (distilling)`]);
      // It is finished, and computes nothing more. Other options are other work.
      expect(await run(kept, 0)).toEqual({ value: without, saved: 0, told: [] });
      await expect(run(kept, 0, 50)).rejects.toBe(interrupted);
    }
  }, 120_000);

  test("without steps, or without gain, returns the given layers", async () => {
    const { value } = await distill(net, layers, samples, { target, steps: 0 });
    expect(value!.layers).toBe(layers);
    expect(value!.best).toBe(0);
  });

  test("does nothing without split layers", async () => {
    const { value } = await distill(net, new Map(), samples, { target, steps: 9 });
    expect(value).toEqual({ layers: new Map(), best: 0, heldOut: [] });
  });

  test("one sample is too few", async () => {
    const one = samplesOf([await samples.read(0)]);
    const { diagnostics } = await distill(net, layers, one, { target, steps: 5 });
    expect(diagnostics.map(({ code }) => code)).toEqual(["too-few-samples"]);
  });

  /** Mean ‖y − y₀‖² of the logits over other samples, by the interpreter. */
  function logitsError(of: ReadonlyMap<string, FactoredLayer>): number {
    const other = seededRandom(77);
    const [logits = 0] = comparedOutputs(net.graph);
    const now = splitPass.run(net, {
      target,
      options: { split: { mode: "factors", layers: of } },
      report: ({ message }) => expect.fail(message),
    });
    let sum = 0;
    for (let count = 0; count < 20; count += 1) {
      const data = Float64Array.from({ length: 192 }, () => other.normal());
      const inputs = new Map([["image", { shape: [1, 8, 8, 3], data }]]);
      const [a, b] = [net, now].map((one) => interpretAll(one, inputs).get(logits)!.data);
      sum += a!.reduce((total, y, at) => total + (y - b![at]!) ** 2, 0);
    }
    return sum;
  }
});

test("distilling a plan changes only its layers", async () => {
  const { value: tried } = await tryNetwork(net, samples, { target, seed: 2, veto: false });
  const { value: plan } = await fitWithin(tried!, { kind: "macs", share: 0.4 });
  const { value: after } = await distillPlan(tried!, plan!, 50);
  tried!.dispose();
  const { layers, distilled, planned } = after!;
  for (const [at, { responseError, fittedError, ...same }] of planned.entries()) {
    const { responseError: before, ...others } = plan!.planned[at]!;
    expect(same).toEqual(others);
    expect(fittedError).toBe(before);
    if (before !== undefined) expect(responseError).not.toBe(before);
  }
  expect([...layers.keys()]).toEqual([...plan!.layers.keys()]);
  expect(layers.size).toBeGreaterThan(0);
  expect(distilled!.best).toBeGreaterThan(0);
  expect(distilled!.heldOut.at(-1)!.loss).toBeLessThan(distilled!.heldOut[0]!.loss);
});

test("the value after a layer is that after its sum and its activation", () => {
  const named = new Map([...net.graph.nodes.values()].map((node) => [node.name, node]));
  const convs = [...net.graph.nodes.values()].filter(({ op }) => op === "conv2d");
  expect(convs.map((conv) => net.graph.nodes.get(valueAfter(net.graph, conv))!.name)).toEqual([
    "a",
    "b",
    "c",
  ]);
  expect(comparedOutputs(net.graph)).toEqual([named.get("y")!.inputs[0]]);
});

test.each(splitOrders)("%s: balanced factors compute the same, and have equal scales", (order) => {
  const draw = seededRandom(5);
  for (const groups of [1, 2]) {
    const kernel = { shape: [3, 2, 4, 6], groups };
    const split = { order, rank: 2 };
    const factors = factorsOf(kernel, split);
    const data = factors.map(({ shape }, at) =>
      Float32Array.from({ length: elements(shape) }, () => draw.normal() * 10 ** (3 * at - 3)),
    );
    const after = balanced(factors, data);
    const [before, composed] = [data, after].map((one) => composeFactors(kernel, split, one));
    const size = Math.hypot(...before!);
    expect(Math.hypot(...composed!.map((w, at) => w - before![at]!)) / size).toBeLessThan(1e-5);
    const norms = after.map((one) => Math.hypot(...one));
    expect(Math.max(...norms) / Math.min(...norms)).toBeLessThan(1.05);
  }
});

test("terms of zeros change nothing, and are removed again", () => {
  const draw = seededRandom(6);
  for (const groups of [1, 2, 3])
    for (const rank of [1, 3, 4, 6, 9]) {
      const kernel = { shape: [3, 2, 4, 6], groups };
      for (const order of splitOrders) {
        const factors = factorsOf(kernel, { order, rank }).map(({ shape }) =>
          Float32Array.from({ length: elements(shape) }, () => draw.normal()),
        );
        const layer = { order, rank, factors, bias: Float32Array.of(1, 2, 3, 4, 5, 6) };
        const padded = paddedLayer(kernel, layer);
        expect(composeFactors(kernel, padded, padded.factors)).toEqual(
          composeFactors(kernel, layer, factors),
        );
        expect(withRank(kernel, padded, rank)).toEqual(layer);
        const isPadded = order === "pointwise-depthwise-pointwise";
        expect(padded.rank).toBe(isPadded ? 4 * Math.ceil(rank / 4) : rank);
      }
    }
});

test("terms of zeros stay zero while others are learnt, on any number of threads", async () => {
  const wide = moduleOf(`net wide {
    input image: f32[1, 24, 24, 8]
    a = relu(conv2d(image, filters=32, kernel=3x3, padding=same))
    b = relu(conv2d(a, filters=32, kernel=3x3, padding=same, groups=2) + a)
    output y = dense(global_avg_pool(b), units=4)
  }`);
  const draw = seededRandom(4);
  const layers = new Map(
    findCandidates(wide).map((candidate, at) => {
      const split = { order: "pointwise-depthwise-pointwise", rank: 13 + at } as const;
      const factors = factorsOf(candidate, split).map(({ shape }) =>
        Float32Array.from({ length: elements(shape) }, () => 0.3 * draw.normal()),
      );
      return [candidate.node.name, { ...split, factors }];
    }),
  );
  const images = samplesOf(
    Array.from({ length: 20 }, () => ({
      image: Float32Array.from({ length: 24 * 24 * 8 }, () => draw.normal()),
    })),
  );
  const run = async (threads: number) =>
    (await distill(wide, layers, images, { target, steps: 30, batch: 4, threads })).value!;
  const one = await run(1);
  expect(await run(2)).toEqual(one);
  expect(one.best).toBeGreaterThan(0);
  for (const [name, { rank, factors }] of layers) {
    const after = one.layers.get(name)!;
    expect(after.rank).toBe(rank);
    expect(after.factors.map(({ length }) => length)).toEqual(factors.map(({ length }) => length));
    expect(after.factors).not.toEqual(factors);
  }
});

test("Adam's first step is the rate against each gradient's sign, and it finds the minimum of a square", () => {
  const [x, y] = [Float32Array.of(1, -2), Float32Array.of(5)];
  const adam = createAdam([x, y], [0.1, 1]);
  adam.step([Float64Array.of(3, -0.01), Float64Array.of(0)], 0.5);
  expect([...x].map((one) => one.toFixed(5))).toEqual(["0.95000", "-1.95000"]);
  expect([...y]).toEqual([5]);
  for (let step = 0; step < 2000; step += 1)
    adam.step(
      [Float64Array.from(x, (one) => 2 * (one - 3)), Float64Array.from(y, (one) => one)],
      1 - step / 2000,
    );
  for (const one of x) expect(one).toBeCloseTo(3, 3);
  expect(y[0]).toBeCloseTo(0, 3);
});

test("the loss is that of the formula, and 0 without a difference", () => {
  const module = moduleOf(`net two {
    input x: f32[1, 3]
    input z: f32[1, 2, 2, 1]
    a = tanh(x)
    b = relu(z)
    output a, b
  }`);
  const [a = 0, b = 0] = module.graph.outputs.map(({ node }) => node);
  const {
    module: judged,
    loss,
    targets,
  } = distillLoss(module, [
    { node: a, variance: 2, isOutput: true },
    { node: b, variance: 4, isOutput: true },
  ]);
  expect(targets).toEqual(["target.a", "target.b"]);
  const run = (x: number[], z: number[], wanted: number[], other: number[]): number => {
    const tensors = [
      ["x", [1, 3], x],
      ["z", [1, 2, 2, 1], z],
      ["target.a", [1, 3], wanted],
      ["target.b", [1, 2, 2, 1], other],
    ] as const;
    const inputs = new Map(
      tensors.map(([name, shape, data]) => [name, { shape, data: Float64Array.from(data) }]),
    );
    return interpretAll(judged, inputs).get(loss)!.data[0]!;
  };
  const x = [0.5, -1, 2];
  const tanh = x.map(Math.tanh);
  expect(run(x, [1, -1, 2, 3], tanh, [1, 0, 2, 3])).toBeCloseTo(0, 12);
  const wanted = [300, -1, 0];
  const logs = (of: readonly number[]): number[] => {
    const sum = Math.log(of.reduce((total, one) => total + Math.exp(one / 2), 0));
    return of.map((one) => one / 2 - sum);
  };
  const [p, q] = [logs(wanted), logs(tanh)];
  const divergence = 4 * p.reduce((sum, log, at) => sum + Math.exp(log) * (log - q[at]!), 0);
  const squares = wanted.reduce((sum, one, at) => sum + (one - tanh[at]!) ** 2, 0) / 2;
  expect(run(x, [1, -1, 2, 3], wanted, [1, 1, 0, 3])).toBeCloseTo(divergence + squares + 5 / 4, 6);
});

test.each([
  [
    "between layers",
    'quantize(a, 0.02, zero=3, type="u8") |> max_pool(kernel=2) |> dequantize(0.02, zero=3)',
    "b",
  ],
  ["behind the last layer", "a", 'quantize(b, 0.05, type="i8")'],
])("integers %s have no gradient", async (_, middle, output) => {
  const module = moduleOf(`net n {
    input image: f32[1, 8, 8, 3]
    a = relu(conv2d(image, filters=8, kernel=3x3, padding=same))
    b = conv2d(${middle}, filters=8, kernel=3x3, padding=same) |> global_avg_pool
    output y = ${output}
  }`);
  const { value, diagnostics } = await distill(module, splitByWeights(module), samples, { target, steps: 5 });
  expect(value).toBeUndefined();
  expect(diagnostics).toMatchObject([{ code: "no-gradient" }]);
  expect(diagnostics[0]!.help).toEqual([
    "split and distil a model before it is quantized, or choose outputs and layers without integers between them",
  ]);
});
