// How far the bytes that a kernel uses are from their last use.

import fc from "fast-check";
import { expect, test } from "vitest";
import { wasmTarget } from "#backend/wasm/target.js";
import { fuse } from "#passes/fuse.js";
import { seededRandom } from "#ops/random.js";
import { schedule } from "#schedule/schedule-graph.js";
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
