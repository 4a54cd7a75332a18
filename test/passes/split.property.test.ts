// Splitting: the worked example, exactness, and limits.

import { describe, expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Graph } from "#ir/graph.js";
import { inputNodes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { split } from "#passes/split.js";
import type { SplitMode, SplitReport } from "#passes/split.js";
import { findCandidates } from "#passes/split/candidates.js";
import { splitChoices } from "#passes/split/choices.js";
import { costModel } from "#passes/split/cost.js";
import { runPipeline } from "#rewrite/pipeline/pipeline.js";
import { verify } from "#ops/verify.js";
import { testTarget } from "./target.js";

const seed = `net seed {
  input image: f32[1, 6, 6, 3]
  y = conv2d(image, filters=5, kernel=4x4, padding=valid, bias=false)
  output y
}`;

function moduleOf(text: string): Module {
  const parsed = parse(text, "test.net");
  const { value, diagnostics } = elaborate(parsed.value!);
  expect(diagnostics.filter((one) => one.severity === "error")).toEqual([]);
  return value!;
}

function run(module: Module, mode: SplitMode): { module: Module; report: SplitReport; codes: string[] } {
  const reports: SplitReport[] = [];
  const options = { split: mode, onSplit: (report: SplitReport) => void reports.push(report) };
  const { value, diagnostics } = runPipeline(module, [split], { target: testTarget, options });
  expect(verify(value!)).toEqual([]);
  expect(reports).toHaveLength(1);
  return { module: value!, report: reports[0]!, codes: diagnostics.map((one) => one.code) };
}

function randomInputs(graph: Graph): Map<string, Tensor> {
  const random = seededRandom(7);
  return new Map(
    inputNodes(graph).map((node) => [node.name, tensor(node.type.shape, () => random.normal())]),
  );
}

function outputsOf(module: Module): number[] {
  return [...interpret(module, randomInputs(module.graph)).values()].flatMap(({ data }) => [...data]);
}

test("the worked example: 240 → 63 parameters, 2,160 → 567 MACs", () => {
  const { module, report } = run(moduleOf(seed), { mode: "structural" });
  expect(report.before).toMatchObject({ parameters: 240, macs: 2160 });
  expect(report.after).toMatchObject({ parameters: 63, macs: 567 });
  expect(report.needsTraining).toBe(true);
  expect(report.layers).toHaveLength(1);
  expect(report.layers[0]!.split).toEqual({ order: "depthwise-pointwise", rank: 1 });
  const shapes = Object.fromEntries(
    [...module.graph.nodes.values()].map((node) => [node.name, node.type.shape]),
  );
  expect(shapes).toMatchObject({
    "y.depthwise": [1, 3, 3, 3],
    y: [1, 3, 3, 5],
    "y.depthwise.kernel": [4, 4, 1, 3],
    "y.pointwise.kernel": [1, 1, 3, 5],
  });
});

const layers = {
  "more filters than taps": "conv2d(x, filters=17, kernel=3x3, padding=same)",
  "fewer filters than taps": "conv2d(x, filters=4, kernel=3x3, padding=same)",
  "stride, dilation, uneven padding":
    "conv2d(x, filters=6, kernel=[2, 3], stride=[2, 1], dilation=[1, 2], padding=[0, 1, 2, 0])",
  "one row": "conv2d(x, filters=8, kernel=[1, 5])",
};

describe.each(Object.entries(layers))("%s", (_, layer) => {
  const module = moduleOf(`net layer {
    input x: f32[1, 9, 8, 5]
    y = ${layer}
    output y
  }`);
  const reference = outputsOf(module);

  test("a split with the full multiplier is exact", () => {
    const after = run(module, { mode: "multiplier", m: 1000 });
    expect(after.module.graph.nodes.size).toBeGreaterThan(module.graph.nodes.size);
    expect(after.report.weightError).toBeLessThan(1e-7);
    expect(firstDifference(outputsOf(after.module), reference, longestReduction(after.module))).toBe(-1);
  });
});

const deep = `net deep {
  input x: f32[1, 12, 12, 8]
  x = conv2d(x, filters=16, kernel=3x3, padding=same) |> relu
  x = conv2d(x, filters=24, kernel=3x3, stride=2, padding=same) |> relu
  x = conv2d(x, filters=32, kernel=5x5, padding=same) |> relu
  x = conv2d(x, filters=8, kernel=1x1)
  output x
}`;

describe("limits", () => {
  const module = moduleOf(deep);

  test.each([0.1, 0.3, 0.5, 0.7, 0.9])("error=%s is kept, and is the error of the weights", (budget) => {
    const { report } = run(module, { mode: "error", budget });
    expect(report.weightError).toBeLessThanOrEqual(budget);
    expect(report.after.macs).toBeLessThanOrEqual(report.before.macs);
    expect(report.layers.map((layer) => layer.name)).toEqual(["x.2.conv2d", "x.3.conv2d", "x.4.conv2d"]);
  });

  test.each([0.2, 0.4, 0.6, 0.8])("macs=%s is kept with less error than one multiplier for all", (share) => {
    const { report } = run(module, { mode: "macs", share });
    expect(report.after.macs).toBeLessThanOrEqual(share * report.before.macs);
    for (let m = 1; m <= 9; m += 1) {
      const uniform = run(module, { mode: "multiplier", m }).report;
      if (uniform.after.macs <= share * report.before.macs)
        expect(report.weightError).toBeLessThanOrEqual(uniform.weightError! + 1e-12);
    }
  });

  test("a larger error leaves fewer MACs", () => {
    const macs = [0, 0.2, 0.4, 0.6, 0.8].map(
      (budget) => run(module, { mode: "error", budget }).report.after.macs,
    );
    expect(macs).toEqual(macs.toSorted((a, b) => b - a));
    expect(new Set(macs).size).toBeGreaterThan(3);
  });

  test("a share that no split reaches gives a warning", () => {
    const { report, codes } = run(module, { mode: "macs", share: 0.001 });
    expect(codes).toContain("split-limit");
    expect(report.layers.every((layer) => layer.split?.rank === 1)).toBe(true);
  });

  test("generated weights give a warning", () => {
    expect(run(module, { mode: "error", budget: 0.5 }).codes).toEqual(["split-seeded"]);
    expect(run(module, { mode: "structural" }).codes).toEqual([]);
  });
});

test("of two orders with equal MACs and loss, the one that fuses is taken", () => {
  const module = moduleOf(
    "net even {\n input x: f32[1, 12, 12, 16]\n output y = conv2d(x, filters=16, kernel=3x3, padding=same)\n}",
  );
  for (const share of [0.2, 0.4, 0.6, 0.8]) {
    const { report } = run(module, { mode: "macs", share });
    expect(report.layers[0]!.split!.order).not.toBe("pointwise-depthwise");
  }
  // With many inputs and few outputs, a pointwise convolution first takes half the MACs for the same multiplier.
  const narrow = moduleOf(
    "net narrow {\n input x: f32[1, 12, 12, 64]\n output y = conv2d(x, filters=8, kernel=3x3, padding=same)\n}",
  );
  const [candidate] = findCandidates(narrow);
  const choices = splitChoices(candidate!, costModel(narrow, testTarget), narrow);
  expect(choices.map(({ split }) => split?.order)).toContain("pointwise-depthwise");
});

test("a split that is not faster on the target is rejected with the reason, unless it was requested explicitly", () => {
  const module = moduleOf(deep);
  const target = { ...testTarget, depthwiseMacs: testTarget.denseMacs / 1000 };
  const reports: SplitReport[] = [];
  const with_ = (mode: SplitMode) =>
    runPipeline(module, [split], {
      target,
      options: { split: mode, onSplit: (one) => void reports.push(one) },
    }).value!;
  expect(with_({ mode: "error", budget: 0.9 }).graph).toBe(module.graph);
  expect(reports[0]!.layers.map((layer) => layer.split)).toEqual([undefined, undefined, undefined]);
  expect(reports[0]!.layers[0]!.reason).toMatch(/no split is faster on js/);
  expect(with_({ mode: "multiplier", m: 1 }).graph).not.toBe(module.graph);
});

test("nothing is split without the option", () => {
  const module = moduleOf(seed);
  expect(runPipeline(module, [split], { target: testTarget, options: {} }).value).toBe(module);
});

test("weights of low rank are split without loss", () => {
  // Every filter is one 2×2 pattern times a weight per channel, so m = 1 is exact.
  const module = moduleOf(`net low {
    input x: f32[1, 5, 5, 2]
    param w: f32[2, 2, 2, 3] = [[[[1, 2, 3], [4, 5, 6]], [[2, 4, 6], [-4, -5, -6]]], [[[3, 6, 9], [8, 10, 12]], [[-1, -2, -3], [0, 0, 0]]]]
    y = conv2d(x, w)
    output y
  }`);
  const { module: after, report } = run(module, { mode: "multiplier", m: 1 });
  expect(report.weightError).toBeLessThan(1e-7);
  expect(report.layers[0]!.split!.randomError).toBeGreaterThan(0.2);
  expect(firstDifference(outputsOf(after), outputsOf(module), longestReduction(after))).toBe(-1);
});
