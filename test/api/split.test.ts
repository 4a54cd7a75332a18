// Splitting with samples by the API: mistakes are diagnostics, and `optimize` and `compile` apply the result.

import { describe, expect, test } from "vitest";
import type { SampledSplit, Samples, SplitNetworkOptions } from "../../src/index.js";
import {
  compile,
  elaborate,
  explain,
  load,
  optimize,
  parse,
  samplesOf,
  splitNetwork,
} from "../../src/index.js";
import { seededRandom } from "#ops/random.js";

const text = `net small {
  input x: f32[N, 8, 8, 4]
  a = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu
  b = conv2d(a, filters=8, kernel=3x3, padding=same) |> relu
  output y = b |> global_avg_pool |> dense(units=4)
}`;
const moduleOf = (source: string) => elaborate(parse(source, "small.net").value!).value!;
const module = moduleOf(text);
const random = seededRandom(1);
const list = Array.from({ length: 16 }, () => ({
  x: Float32Array.from({ length: 256 }, () => random.normal()),
}));
const samples = samplesOf(list);
const half = { split: { mode: "macs", share: 0.5 } } as const;

test("a network is split, and computes about the same", async () => {
  const stages: string[] = [];
  const { value, diagnostics } = await splitNetwork(module, samples, {
    ...half,
    onProgress: ({ stage }) => void stages.push(stage),
  });
  expect(diagnostics.map(({ code }) => code)).toEqual(["split-seeded"]);
  const { split, before, after, layers } = value!;
  expect(after.macs).toBeLessThanOrEqual(0.5 * before.macs);
  expect(layers.map(({ name }) => name)).toEqual(["a.conv2d", "b.conv2d"]);
  expect([...new Set(stages)]).toEqual(["trying splits", "predicting losses", "fitting layers"]);
  const small = optimize(module, { split }).value!.module;
  const saved = before.parameters - after.parameters;
  expect(explain(module).parameters - explain(small).parameters).toBe(saved);
  // `compile` does the same with the text.
  const compiled = compile(text, { split }).value!;
  const [first, second] = [await load(compile(text).value!), await load(compiled)];
  let [lost, all] = [0, 0];
  for (const sample of list) {
    const [y, other] = [first!.runSync(sample)["y"]!, second!.runSync(sample)["y"]!];
    for (const [at, one] of y.entries()) [lost, all] = [lost + (one - other[at]!) ** 2, all + one ** 2];
  }
  expect(lost / all).toBeLessThan(0.3);
  for (const net of [first, second]) net!.dispose();
}, 60_000);

describe("mistakes are diagnostics", () => {
  const codes = async (some: Samples, options: SplitNetworkOptions, of = module): Promise<string[]> => {
    const { value, diagnostics } = await splitNetwork(of, some, options);
    expect(value).toBeUndefined();
    return diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code);
  };

  test.each([
    [{ mode: "macs", share: 0 }],
    [{ mode: "time", share: 1.5 }],
    [{ mode: "loss", loss: -1 }],
    [{ mode: "loss", loss: Number.NaN }],
    [{ mode: "exact" } as unknown as SampledSplit],
    [{ mode: "no" } as unknown as SampledSplit],
  ] as [SampledSplit][])("%j", async (split) => {
    expect(await codes(samples, { split })).toEqual(["wrong-option"]);
  });

  test("a share that cannot be reached", async () => {
    expect(await codes(samples, { split: { mode: "macs", share: 0.001 } })).toEqual(["split-limit"]);
  });

  test("a network without convolutions", async () => {
    const dense = moduleOf("net d {\n  input x: f32[N, 4]\n  output y = x |> dense(units=3)\n}");
    expect(await codes(samples, half, dense)).toEqual(["nothing-to-split"]);
  });

  test.each([
    ["none", samplesOf([]), "too-few-samples"],
    ["all equal", samplesOf([list[0]!, list[0]!]), "equal-samples"],
    ["of another size", samplesOf([{ x: new Float32Array(3) }]), "wrong-sample"],
    ["of another input", samplesOf([{ z: new Float32Array(256) }]), "wrong-sample"],
    ["not finite", samplesOf([{ x: new Float32Array(256).fill(Number.NaN) }]), "wrong-sample"],
    ["no arrays", { count: 1, read: async () => ({ x: [1] }) } as unknown as Samples, "wrong-sample"],
    ["nothing", { count: 1, read: async () => null } as unknown as Samples, "wrong-sample"],
  ])("samples that are %s", async (_what, some, code) => {
    expect(await codes(some, half)).toEqual([code]);
  });

  test("a rejection of reading a sample is passed on", async () => {
    const cause = new Error("gone");
    const broken: Samples = { count: 3, read: (at) => (at < 2 ? samples.read(at) : Promise.reject(cause)) };
    await expect(splitNetwork(module, broken, half)).rejects.toBe(cause);
  });
});
