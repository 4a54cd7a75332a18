// How far the bytes that a kernel uses are from their last use.

import fc from "fast-check";
import { expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { fuse } from "#passes/fuse.js";
import { seededRandom } from "#ops/random.js";
import type { Target } from "#ir/target.js";
import { schedule } from "#schedule/schedule-graph.js";
import type { KernelCost } from "#schedule/kernel-cost.js";
import { trafficOf } from "#schedule/traffic.js";
import { scaled } from "../scale.js";
import { moduleOf } from "./module-of.js";
import { randomNet } from "./random-net.js";

const scheduled = (text: string) =>
  schedule(fuse.run(moduleOf(text), { target: wasmTarget, options: {}, report: () => {} }), wasmTarget);

test("a tensor is as far as everything that was used since it was written or read, and weights as a run", () => {
  // Three kernels: a, b and y, which reads both.
  const { groups, ...rest } = scheduled(`net t {
    input x: f32[1, 4, 4, 8]
    a = conv2d(x, filters=8, kernel=1x1, bias=false) |> softmax
    b = conv2d(a, filters=8, kernel=1x1, bias=false) |> softmax
    output y = conv2d(b, filters=8, kernel=1x1, bias=false) + a
  }`);
  const [tensor, weight] = [4 * 4 * 4 * 8, 4 * 8 * 8];
  const all = trafficOf({ groups, ...rest });
  const used = all.map(({ cost }) => cost.bytesRead + cost.bytesWritten);
  const run = used.reduce((sum, bytes) => sum + bytes, 0);
  const of = (name: string) => all[groups.findIndex((group) => group.name.startsWith(name))]!;
  // The host has written x before the run.
  expect(of("a").traffic).toContainEqual({ bytes: tensor, distance: used[0] });
  for (const { traffic, cost } of all)
    if (cost.weightBytes > 0) expect(traffic).toContainEqual({ bytes: weight, distance: run });
  // The last kernel reads b, which the kernel before has written, and a, which an earlier one read.
  const last = of("y").traffic.filter(({ bytes, distance }) => bytes === tensor && distance !== run);
  const own = used.at(-1)!;
  expect(last.map(({ distance }) => distance).toSorted((p, q) => p - q)).toEqual([
    own,
    own,
    own + (used.at(-2) ?? 0),
  ]);
});

test("integers count the bytes of their type where a target stores them so", () => {
  const text = `net t {
    input x: f32[1, 4, 4, 8]
    param w: i8[1, 1, 8, 8] = quantize(he_normal(seed=1, fan_in=8, shape=[1, 1, 8, 8]), 0.01, type="i8")
    param b: i32[8] = quantize(zeros(shape=[8]), 1, type="i32")
    q = quantize(x, 0.02, type="u8")
    r = quantize(dequantize(conv2d(q, w, b), 0.001), 1, type="u8")
    output y = dequantize(r, 1) |> softmax
  }`;
  const costs = (target: Target): KernelCost[] =>
    trafficOf(schedule(moduleOf(text), target)).map(({ cost }) => cost);
  const [elements, products] = [4 * 4 * 8, 4 * 4 * 8 * 8];
  const wasm = costs(wasmTarget);
  const js = costs(jsTarget);
  // Without fusing: quantize, the sum, quantize again, softmax.
  expect(wasm.map(({ bytesWritten }) => bytesWritten)).toContain(elements);
  expect(js.map(({ bytesWritten }) => bytesWritten)).toEqual(wasm.map(({ bytesWritten }) => bytesWritten));
  const sumOf = (all: readonly KernelCost[]): KernelCost => all.find(({ macs }) => macs > 0)!;
  expect(sumOf(wasm)).toMatchObject({ macs: products, integerMacs: products, weightBytes: 8 * 8 + 4 * 8 });
  expect(sumOf(wasm).bytesRead).toBe(elements + 8 * 8 + 4 * 8);
  // JavaScript multiplies in floating point, by weights of f32.
  expect(sumOf(js)).toMatchObject({ macs: products, integerMacs: 0, weightBytes: 4 * (8 * 8 + 8) });
  expect(sumOf(js).bytesRead).toBe(elements + 4 * (8 * 8 + 8));
});

test("the traffic of a kernel is what it reads and writes, and no distance exceeds a run", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const made = scheduled(randomNet(seededRandom(seed)));
      const all = trafficOf(made);
      const used = all.map(({ cost }) => cost.bytesRead + cost.bytesWritten);
      const run = used.reduce((sum, bytes) => sum + bytes, 0);
      expect(all.length).toBe(made.groups.length);
      for (const [at, { traffic }] of all.entries()) {
        expect(traffic.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(used[at]);
        for (const { bytes, distance } of traffic) {
          expect(bytes).toBeGreaterThan(0);
          expect(distance).toBeGreaterThanOrEqual(used[at]!);
          expect(distance).toBeLessThanOrEqual(run);
        }
      }
    }),
    { numRuns: scaled(100) },
  );
});
