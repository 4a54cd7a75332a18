// Splitting a whole network with samples: the limit is kept, the split pass computes the result, and each run gives the same.

import { afterAll, beforeAll, expect, test } from "vitest";
import { samplesOf } from "#calibrate/samples.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { optimize } from "#compile/optimize.js";
import { targetOf } from "#compile/targets.js";
import { interpret } from "#interpret/interpret.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import type { SplitLimit, SplitPlan } from "#split/split-network.js";
import { fitWithin, planCosts } from "#split/split-network.js";
import { splitNetwork } from "#split/split-with-samples.js";
import type { TriedNetwork } from "#split/try-network.js";
import { tryNetwork } from "#split/try-network.js";

const { target } = targetOf("wasm");

/** Strides, groups, dilation, a shortcut, and relu and sigmoid as activations. */
const text = `
net small {
  input x: f32[N, 12, 12, 3]
  a = conv2d(x, filters=16, kernel=3x3, padding=same) |> relu
  b = conv2d(a, filters=16, kernel=3x3, padding=same)
  c = relu(a + b)
  d = conv2d(c, filters=24, kernel=3x3, stride=2, padding=1x1) |> sigmoid
  e = conv2d(d, filters=24, kernel=3x3, padding=same, groups=2) |> relu
  f = conv2d(e, filters=16, kernel=2x2, dilation=2) |> relu
  output y = f |> global_avg_pool |> dense(units=5)
}`;

const module = prepared();
const samples = samplesOf(Array.from({ length: 24 }, (_, index) => ({ x: picture(index) })));

let tried: TriedNetwork;
beforeAll(async () => {
  const { value } = await tryNetwork(module, samples, { target, veto: false, seed: 3 });
  if (!value) throw new Error("nothing could be tried");
  tried = value;
}, 60_000);
afterAll(() => tried.dispose());

async function planFor(limit: SplitLimit): Promise<SplitPlan> {
  const { value } = await fitWithin(tried, limit);
  if (!value) throw new Error("no plan");
  return value;
}

test("the limit is kept, and a larger share loses less", async () => {
  const losses: number[] = [];
  for (const share of [0.3, 0.7]) {
    const { layers, planned } = await planFor({ kind: "macs", share });
    expect(layers.size).toBeGreaterThan(0);
    const { before, after } = planCosts(planned);
    expect(after.macs).toBeLessThanOrEqual(1.0001 * share * before.macs);
    losses.push(lossOf(splitModule(layers)));
  }
  const [few = 0, many = 0] = losses;
  expect(many).toBeLessThan(few);
  // Half of the loss of a split by the weights alone.
  const byWeights = optimize(module, { passes: ["split"], split: { mode: "macs", share: 0.3 } }).value;
  expect(byWeights && few / lossOf(byWeights.module)).toBeLessThan(0.5);
});

test("a limit of time is kept too, and the same choices give the same factors", async () => {
  const limit = { kind: "time", share: 0.8 } as const;
  const [one, other] = [await planFor(limit), await planFor(limit)];
  const { before, after } = planCosts(one.planned);
  expect(after.seconds).toBeLessThanOrEqual(1.0001 * limit.share * before.seconds);
  expect(one.layers.size).toBeGreaterThan(0);
  expect(one.layers).toEqual(other.layers);
});

test("a limit of the loss holds for the outputs, and most of it is used", async () => {
  const shares: number[] = [];
  for (const loss of [0.03, 0.15]) {
    const stages = new Set<string>();
    const { value, diagnostics } = await fitWithin(
      tried,
      { kind: "loss", loss },
      ({ stage }) => void stages.add(stage),
    );
    expect(diagnostics).toEqual([]);
    const measured = lossOf(splitModule(value!.layers), 0, 24);
    expect(measured).toBeLessThanOrEqual(1.001 * loss);
    expect(measured).toBeGreaterThan(0.5 * loss);
    const { before, after } = planCosts(value!.planned);
    shares.push(after.macs / before.macs);
    expect([...stages][0]).toBe("fitting layers");
    for (const stage of [...stages].slice(2))
      expect(stage).toMatch(/^attempt [2-4] of at most 4 to keep the loss: (fitting|comparing)/);
  }
  expect(shares[1]).toBeLessThan(shares[0]!);
});

test("a loss that no split keeps gives a warning with the least loss found", async () => {
  const { value, diagnostics } = await fitWithin(tried, { kind: "loss", loss: 1e-5 });
  expect(value!.layers.size).toBe(0);
  expect(diagnostics).toMatchObject([{ severity: "warning", code: "nothing-split" }]);
  const least = Number(/the least loss found is (0\.\d+)/.exec(diagnostics[0]!.message)![1]);
  expect(least).toBeGreaterThan(1e-5);
  const { value: found } = await fitWithin(tried, { kind: "loss", loss: 1.01 * least });
  expect(found!.layers.size).toBeGreaterThan(0);
});

test("a limit that the whole network keeps changes nothing", async () => {
  expect((await planFor({ kind: "macs", share: 1 })).layers.size).toBe(0);
  expect((await planFor({ kind: "loss", loss: 0 })).layers.size).toBe(0);
});

test("with the veto, only layers that become faster are split", async () => {
  const { value } = await splitNetwork(module, samples, { split: { mode: "macs", share: 0.6 } });
  expect(value?.layers.length).toBe(5);
  expect(value?.layers.some((layer) => layer.split)).toBe(true);
  for (const { split, before, after } of value?.layers ?? [])
    if (split) expect(after.seconds).toBeLessThan(before.seconds);
});

test("an op without a gradient gives a warning, and layers are fitted in the plain norm", async () => {
  const product = prepared(`net product {
  input x: f32[N, 12, 12, 3]
  a = conv2d(x, filters=8, kernel=3x3) |> relu
  output y = a |> global_avg_pool |> reduce_prod(axes=[1])
}`);
  const { value, diagnostics } = await splitNetwork(product, samples, {
    split: { mode: "macs", share: 0.6 },
    veto: false,
  });
  expect(value?.layers.filter((layer) => layer.split)).toHaveLength(1);
  expect(diagnostics.filter(({ code }) => code === "no-gradient")).toMatchObject([{ severity: "warning" }]);
});

function prepared(source = text): Module {
  const ast = parse(source, "small.net").value;
  const elaborated = ast && elaborate(ast).value;
  const optimized = elaborated && optimize(elaborated, { stopAfter: "split" }).value;
  if (!optimized) throw new Error("the net is wrong");
  return optimized.module;
}

function splitModule(layers: SplitPlan["layers"]): Module {
  const { value } = optimize(module, { passes: ["split"], split: { mode: "factors", layers } });
  if (!value) throw new Error("the plan does not fit");
  return value.module;
}

/** Relative squared differences of outputs, by the interpreter, on pictures that are not samples by default. */
function lossOf(changed: Module, from = 100, to = 106): number {
  let lost = 0;
  const values: Float64Array[] = [];
  for (let index = from; index < to; index += 1) {
    const input = picture(index);
    const inputs = new Map([["x", tensor([1, 12, 12, 3], (at) => input[at] ?? 0)]]);
    const [before, after] = [module, changed].map((one) => interpret(one, inputs).get("y")?.data ?? []);
    for (const [at, value] of [...(before ?? [])].entries()) lost += (value - (after?.[at] ?? 0)) ** 2;
    values.push(Float64Array.from(before ?? []));
  }
  let variance = 0;
  for (let at = 0; at < (values[0]?.length ?? 0); at += 1) {
    const column = values.map((one) => one[at] ?? 0);
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    variance += column.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  }
  return lost / variance;
}

/** Smooth noise, with another contrast and brightness each time. */
function picture(seed: number): Float32Array {
  const random = seededRandom(seed + 1);
  const [contrast, brightness] = [0.5 + random.next(), random.normal()];
  const values = Float32Array.from({ length: 12 * 12 * 3 }, () => random.normal());
  for (let at = 3; at < values.length; at += 1)
    values[at] = 0.7 * (values[at - 3] ?? 0) + 0.7 * (values[at] ?? 0);
  return values.map((value) => contrast * value + brightness);
}
