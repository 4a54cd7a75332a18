// The orders of splitting on random convolutions: sizes, the weights that factors compute, exactness, errors.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Graph } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { macsOf } from "#ops/index.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import type { SplitMode, SplitOrder, SplitReport } from "#passes/split.js";
import { split, splitOrders } from "#passes/split.js";
import type { Candidate } from "#passes/split/candidates.js";
import { findCandidates, weightValues } from "#passes/split/candidates.js";
import { sizesOfSplit } from "#passes/split/cost.js";
import { factorize, squaredErrors } from "#passes/split/decompose.js";
import type { Split } from "#passes/split/form.js";
import { composeFactors, factorsOf, formOf } from "#passes/split/form.js";
import { polyadic } from "#passes/split/polyadic.js";
import { runPipeline } from "#rewrite/pipeline/pipeline.js";
import { randomConvolution } from "../random-convolution.js";
import { scaled } from "../scale.js";
import { testTarget } from "./target.js";

function run(module: Module, mode: SplitMode, target = testTarget): { module: Module; report: SplitReport } {
  const reports: SplitReport[] = [];
  const options = { split: mode, onSplit: (report: SplitReport) => void reports.push(report) };
  const { value, diagnostics } = runPipeline(module, [split], { target, options });
  expect(diagnostics.filter((one) => one.severity === "error")).toEqual([]);
  expect(verify(value!)).toEqual([]);
  return { module: value!, report: reports[0]! };
}

function outputsOf(module: Module): number[] {
  const random = seededRandom(7);
  const inputs = new Map<string, Tensor>(
    inputNodes(module.graph).map((node) => [node.name, tensor(node.type.shape, () => random.normal())]),
  );
  return [...interpret(module, inputs).values()].flatMap(({ data }) => [...data]);
}

/** MACs and parameters of the nodes of a graph. */
function counted({ graph }: Module): { macs: number; parameters: number } {
  let macs = 0;
  let parameters = 0;
  for (const node of graph.nodes.values()) {
    if (node.op === "input" || node.op === "constant") continue;
    const types = node.inputs.map((id) => nodeOf(graph, id).type);
    macs += macsOf(node, types);
    parameters += elements(types[1]!.shape);
  }
  return { macs, parameters };
}

const onlyCandidate = (module: Module): Candidate => findCandidates(module)[0]!;

/** A random convolution with a rank for an order, which is mostly below the full one. */
const drawn = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 30 }),
  order: fc.constantFrom(...splitOrders),
  part: fc.double({ min: 0, max: 1, noNaN: true }),
});

function rankFor(candidate: Candidate, order: SplitOrder, part: number): number {
  return Math.max(1, Math.round(part * formOf(order).fullRank(candidate)));
}

const runs = { numRuns: scaled(60) };

test("the nodes of a split compute the convolution with the weights that its factors compose to", () => {
  fc.assert(
    fc.property(drawn, ({ seed, order, part }) => {
      const random = seededRandom(seed);
      const module = randomConvolution(random);
      const candidate = onlyCandidate(module);
      const rank = rankFor(candidate, order, part);
      const parts = factorsOf(candidate, { order, rank });
      const factors = parts.map(({ shape }) =>
        Float32Array.from({ length: elements(shape) }, () => random.normal()),
      );
      const layer = { order, rank, factors };
      const after = run(module, { mode: "factors", layers: new Map([["y", layer]]) }).module;
      expect(counted(after)).toEqual({
        ...sizesOfSplit(candidate, layer),
        parameters: sizesOfSplit(candidate, layer).parameters - candidate.bias,
      });
      const data = composeFactors(candidate, layer, factors);
      const composed = withWeights(module, Float32Array.from(data));
      // The sums over the rank add further terms.
      const length = longestReduction(after) * longestReduction(composed);
      expect(firstDifference(outputsOf(after), outputsOf(composed), length)).toBe(-1);
    }),
    runs,
  );
});

/** The module with other weights for its convolution. */
function withWeights(module: Module, data: Float32Array): Module {
  const { weight } = onlyCandidate(module);
  const id = module.weights.add("composed", weight.type, { kind: "literal", data });
  const nodes = new Map(module.graph.nodes);
  nodes.set(weight.id, { ...weight, attributes: { weight: id } });
  const graph: Graph = { ...module.graph, nodes };
  return { graph, weights: module.weights };
}

test("a split of full rank is exact, in every order", () => {
  fc.assert(
    fc.property(drawn, ({ seed, order }) => {
      const module = randomConvolution(seededRandom(seed));
      const rank = formOf(order).fullRank(onlyCandidate(module));
      const { module: after, report } = run(module, { mode: "rank", order, rank: rank + 3 });
      expect(report.layers[0]!.split).toMatchObject({ order, rank });
      expect(report.weightError).toBeLessThan(1e-6);
      expect(firstDifference(outputsOf(after), outputsOf(module), longestReduction(after))).toBe(-1);
    }),
    runs,
  );
});

test("the error of the first two orders comes from the singular values that are left out, and is that of the factors", () => {
  fc.assert(
    fc.property(drawn, ({ seed, order, part }) => {
      if (order === "pointwise-depthwise-pointwise") return;
      const module = randomConvolution(seededRandom(seed));
      const candidate = onlyCandidate(module);
      const kernel = weightValues(candidate, module);
      const rank = rankFor(candidate, order, part);
      const errors = squaredErrors(kernel, order);
      expect(distance(kernel.data, candidate, { order, rank }, factorize(kernel, order, rank))).toBeCloseTo(
        errors[rank]!,
        5,
      );
      for (const [at, error] of errors.entries())
        if (at > 0) expect(error).toBeLessThanOrEqual(errors[at - 1]! + 1e-12);
    }),
    runs,
  );
});

test("the canonical polyadic decomposition loses no more than the strongest terms of slices, and its error is right", () => {
  fc.assert(
    fc.property(drawn, ({ seed, part }) => {
      const order = "pointwise-depthwise-pointwise";
      const module = randomConvolution(seededRandom(seed));
      const candidate = onlyCandidate(module);
      const kernel = weightValues(candidate, module);
      const rank = rankFor(candidate, order, part);
      const { factors, squaredError } = polyadic(kernel, rank);
      expect(distance(kernel.data, candidate, { order, rank }, factors)).toBeCloseTo(squaredError, 5);
      // m terms for each input channel are a depthwise → pointwise split; the strongest terms overall are at least as good.
      const { shape } = candidate;
      const m = Math.min(Math.floor(rank / shape[2]!), formOf("depthwise-pointwise").fullRank(candidate));
      const sliced = squaredErrors(kernel, "depthwise-pointwise")[m]!;
      expect(squaredError).toBeLessThanOrEqual(sliced * (1 + 1e-5) + 1e-9);
    }),
    runs,
  );
});

function distance(
  data: Float64Array,
  candidate: Candidate,
  way: Split,
  factors: readonly Float32Array[],
): number {
  const composed = composeFactors(candidate, way, factors);
  return data.reduce((sum, value, at) => sum + (value - composed[at]!) ** 2, 0);
}

test("weights that are products of factors are split exactly where that is faster", () => {
  fc.assert(
    fc.property(drawn, ({ seed, order }) => {
      if (order === "pointwise-depthwise-pointwise") return;
      const random = seededRandom(seed);
      const module = randomConvolution(random);
      const candidate = onlyCandidate(module);
      const way = { order, rank: 1 };
      const factors = factorsOf(candidate, way).map(({ shape }) =>
        Float32Array.from({ length: elements(shape) }, () => random.normal()),
      );
      const product = withWeights(module, Float32Array.from(composeFactors(candidate, way, factors)));
      const { module: after, report } = run(product, { mode: "exact" });
      const [layer] = report.layers;
      if (layer!.split) {
        expect(layer!.after.seconds).toBeLessThan(layer!.before.seconds);
        expect(layer!.split.weightError).toBeLessThan(2 ** -22);
        expect(firstDifference(outputsOf(after), outputsOf(product), longestReduction(after))).toBe(-1);
      } else expect(after).toBe(product);
      // Random weights have full rank. Splitting them saves time only for some shapes.
      const whole = run(module, { mode: "exact" }).report.layers[0]!;
      if (whole.split) expect(whole.split.rank).toBe(formOf(whole.split.order).fullRank(candidate));
    }),
    runs,
  );
});

describe("factors that do not fit are an error, and nothing is split", () => {
  const module = randomConvolution(seededRandom(3));
  const candidate = onlyCandidate(module);
  const good = factorsOf(candidate, { order: "depthwise-pointwise", rank: 1 }).map(
    ({ shape }) => new Float32Array(elements(shape)),
  );
  const layer = { order: "depthwise-pointwise", rank: 1, factors: good } as const;
  test.each([
    ["no such layer", new Map([["z", layer]]), /no convolution `z`/],
    ["a factor too few", new Map([["y", { ...layer, factors: good.slice(1) }]]), /has 1 factors/],
    ["another size", new Map([["y", { ...layer, rank: 2 }]]), /the depthwise of `y` has/],
    ["another bias", new Map([["y", { ...layer, bias: new Float32Array(99) }]]), /the bias of `y` has 99/],
  ])("%s", (_, layers, message) => {
    const options = { split: { mode: "factors", layers } } as const;
    const { value, diagnostics } = runPipeline(module, [split], { target: testTarget, options });
    expect(value).toBeUndefined();
    expect(diagnostics[0]!.message).toMatch(message);
  });
});
