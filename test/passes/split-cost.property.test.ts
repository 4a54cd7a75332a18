// The modelled cost of a split is that of the kernels of the scheduler, with Winograd's algorithm for whole layers.

import fc from "fast-check";
import { expect, test } from "vitest";
import { wasmTarget } from "#backend/wasm/target.js";
import { jsTarget } from "#backend/js/target.js";
import { optimize } from "#compile/optimize.js";
import { scheduleModule } from "#compile/schedule-module.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { fuse } from "#passes/fuse.js";
import { splitOrders } from "#passes/split.js";
import { findCandidates } from "#passes/split/candidates.js";
import { costModel } from "#passes/split/cost.js";
import { composeFactors } from "#passes/split/form.js";
import { kernelCost } from "#schedule/kernel-cost.js";
import { randomConvolution } from "../random-convolution.js";
import { scaled } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

function secondsOf(module: Module, target: Target, winograd = true): number {
  const fused = fuse.run(module, { target, options: { winograd }, report: () => {} });
  const schedule = scheduleModule(fused, target);
  return schedule.groups.reduce((sum, group) => sum + kernelCost(schedule, group).seconds, 0);
}

const targets = [wasmTarget, jsTarget];

test("modelled times of split layers are those of their kernels", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 30 }),
      fc.constantFrom(...splitOrders),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(...targets),
      (seed, order, rank, target) => {
        const module = randomConvolution(seededRandom(seed));
        const { module: after, split } = optimize(module, {
          target,
          split: { mode: "rank", order, rank },
        }).value!;
        expect(split!.after.seconds).toBeCloseTo(secondsOf(after, target), 15);
        expect(split!.before.seconds).toBeCloseTo(
          secondsOf(optimize(module, { target }).value!.module, target),
          15,
        );
      },
    ),
    { numRuns: scaled(60) },
  );
});

const square = (channels: number) =>
  moduleOf(`net square {
    input x: f32[1, 28, 28, ${channels}]
    output y = conv2d(x, filters=${channels}, kernel=3x3, padding=same)
  }`);

test("a whole layer uses Winograd's algorithm exactly where the schedule does", () => {
  const module = square(64);
  const [candidate] = findCandidates(module);
  const { module: optimized } = optimize(module, { target: wasmTarget }).value!;
  const seconds = (winograd: boolean) =>
    costModel(module, wasmTarget, { winograd }).whole(candidate!).seconds;
  expect(seconds(true)).toBeCloseTo(secondsOf(optimized, wasmTarget), 15);
  expect(seconds(false)).toBeCloseTo(secondsOf(optimized, wasmTarget, false), 15);
  expect(seconds(true)).toBeLessThan(0.7 * seconds(false));
});

test("a split that is faster than the direct convolution and slower than Winograd's is refused, with the reason", () => {
  const module = square(64);
  const rank = 4;
  const ranked = optimize(module, {
    target: wasmTarget,
    split: { mode: "rank", order: "depthwise-pointwise", rank },
  }).value!.split!;
  const direct = costModel(module, wasmTarget, { winograd: false }).whole(findCandidates(module)[0]!).seconds;
  expect(ranked.after.seconds).toBeLessThan(direct);
  expect(ranked.after.seconds).toBeGreaterThan(ranked.before.seconds);
  // Weights made of four terms: an exact split, which is taken only without Winograd's algorithm.
  const product = optimize(module, {
    target: wasmTarget,
    stopAfter: "split",
    split: { mode: "rank", order: "depthwise-pointwise", rank },
  }).value!.module;
  const low = recomposed(module, product);
  const on = optimize(low, { target: wasmTarget, split: { mode: "exact" } }).value!.split!;
  expect(on.layers[0]!.split).toBeUndefined();
  expect(on.layers[0]!.reason).toMatch(/^an exact split takes 1\d\d % of the time on wasm/);
  const off = optimize(low, { target: wasmTarget, winograd: false, split: { mode: "exact" } }).value!.split!;
  expect(off.layers[0]!.split).toMatchObject({ order: "depthwise-pointwise", rank });
});

/** The whole layer with the weights that a depthwise → pointwise split of it computes. */
function recomposed(whole: Module, split: Module): Module {
  const [candidate] = findCandidates(whole);
  const values = (part: string): Float32Array => {
    const node = [...split.graph.nodes.values()].find(({ name }) => name === `y.${part}.kernel`);
    if (node?.op !== "constant") throw new Error(`no ${part}`);
    return split.weights.readF32(node.attributes.weight);
  };
  const way = { order: "depthwise-pointwise", rank: 4 } as const;
  const data = Float32Array.from(composeFactors(candidate!, way, [values("depthwise"), values("pointwise")]));
  const weight = whole.weights.add("low", candidate!.weight.type, { kind: "literal", data });
  const nodes = new Map(whole.graph.nodes);
  nodes.set(candidate!.weight.id, { ...candidate!.weight, attributes: { weight } });
  return { graph: { ...whole.graph, nodes }, weights: whole.weights };
}

test.each([0.3, 0.6, 0.9])("time=%s is kept", (share) => {
  const module = moduleOf(`net two {
    input x: f32[1, 28, 28, 8]
    a = conv2d(x, filters=16, kernel=3x3, padding=same) |> relu
    output y = conv2d(a, filters=24, kernel=5x5, stride=2, padding=same)
  }`);
  const { split } = optimize(module, { target: wasmTarget, split: { mode: "time", share } }).value!;
  expect(split!.after.seconds).toBeLessThanOrEqual(share * split!.before.seconds);
  expect(split!.layers.some((layer) => layer.split)).toBe(true);
});

test("groups of one output are modelled slower than wide ones", () => {
  const seconds = (groups: number) =>
    secondsOf(
      optimize(
        moduleOf(`net g {
          input x: f32[1, 14, 14, 64]
          output y = conv2d(x, filters=32, kernel=3x3, groups=${groups}, padding=same)
        }`),
        { target: wasmTarget },
      ).value!.module,
      wasmTarget,
    );
  // A sixteenth of the multiplications, and far more than a sixteenth of the time.
  expect(seconds(32)).toBeGreaterThan(0.5 * seconds(2));
});
