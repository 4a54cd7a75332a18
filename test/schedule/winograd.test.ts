// Which convolutions Winograd's algorithm computes, and why not others: `{"winograd": …, "winogradMemory": …}` are the options.

import { expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { wgslTarget } from "#backend/wgsl/target.js";
import { nodeOf } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { printGraph } from "#inspect/lift.js";
import type { FuseOptions, FuseReport } from "#passes/fuse.js";
import { fuse } from "#passes/fuse.js";
import type { ConvolutionChoice } from "#schedule/schedule.js";
import { lower } from "#kernel/lower.js";
import { schedule } from "#schedule/schedule-graph.js";
import { cases } from "../cases.js";
import { moduleOf } from "./module-of.js";

cases(import.meta.dirname, "winograd.txt", (text, { options: { target: name = "wasm", ...options } }) => {
  const target = [jsTarget, wasmTarget, wgslTarget].find((one) => one.name === name)!;
  const { module, convolutions } = fused(moduleOf(text), target, options);
  const { graph, winograd } = schedule(module, target);
  expect(new Map(winograd)).toEqual(
    new Map(convolutions.flatMap(({ node, size }) => (size === undefined ? [] : [[node, size]]))),
  );
  return convolutions
    .map(({ node, size, reason, costs }) => {
      const ways = costs.map((cost) => `${cost.size}×${cost.size} ${cost.bytes} B, ${cost.macs} MACs`);
      const chosen = size === undefined ? `directly: ${reason}` : `${size}×${size}`;
      return [`${nodeOf(graph, node).name} ${chosen}`, ...ways].join("\n  ");
    })
    .join("\n");
});

const twoLayers = `net n {
  input x: f32[1, 28, 28, 64]
  y = conv2d(x, filters=64, kernel=3x3, padding=same, bias=false)
  output z = conv2d(y, filters=64, kernel=3x3, padding=same, bias=false)
}`;

test.each([1, 1.5, 2, 3, 10])("weights stay within %s times the model's", (winogradMemory) => {
  const module = moduleOf(twoLayers);
  const made = fused(module, wasmTarget, { winogradMemory }).module;
  const { weights, staged = [], prepared } = lower(schedule(made, wasmTarget));
  const sum = (all: readonly { readonly elements: number }[]) =>
    all.reduce((total, { elements: one }) => total + one, 0);
  const constants = [...module.graph.nodes.values()].filter((node) => node.op === "constant");
  const own = constants.reduce((total, node) => total + elements(node.type.shape), 0);
  // The part of the packed file that stays, and the weights that are computed from the rest.
  expect(sum(weights) - sum(staged) + prepared).toBeLessThanOrEqual(winogradMemory * own);
  expect(staged.length > 0).toBe(winogradMemory > 1);
});

test.each([0.5, Number.NaN, -1])("%s is not a limit of memory", (winogradMemory) => {
  expect(() => fused(moduleOf(twoLayers), wasmTarget, { winogradMemory })).toThrow(TypeError);
});

test("the plan of a kernel in a dump is kept if the target can do it", () => {
  const once = fused(moduleOf(twoLayers), wasmTarget, {}).module;
  const read = moduleOf(printGraph(once));
  const plans = (module: Module) =>
    [...module.graph.kernels.values()].map(({ template, winograd }) => [template, winograd]);
  expect(plans(once).map(([template]) => template)).toEqual(["winograd", "winograd"]);
  expect(plans(fused(read, wasmTarget, {}).module)).toEqual(plans(once));
  expect(plans(fused(read, wasmTarget, { winograd: false }).module).flat()).not.toContain("winograd");
  expect(plans(fused(read, wgslTarget, {}).module).flat()).not.toContain("winograd");
  const other = moduleOf(printGraph(once).replaceAll("winograd=2", "winograd=4"));
  expect(plans(fused(other, wasmTarget, {}).module).every(([, tiles]) => tiles === 4)).toBe(true);
});

function fused(module: Module, target: Target, options: FuseOptions) {
  let convolutions: readonly ConvolutionChoice[] = [];
  const onFused = (report: FuseReport): void => void (convolutions = report.convolutions);
  const made = fuse.run(module, { target, options: { ...options, onFused }, report: () => {} });
  return { module: made, convolutions };
}
