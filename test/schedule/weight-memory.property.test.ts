// The time that a kernel waits for its weights depends on all weights that a run reads.

import fc from "fast-check";
import { expect, test } from "vitest";
import { jsTarget } from "#backend/js/target.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { fuse } from "#passes/fuse.js";
import { findCandidates } from "#passes/split/candidates.js";
import { costModel } from "#passes/split/cost.js";
import { kernelCost } from "#schedule/kernel-cost.js";
import { schedule } from "#schedule/schedule-graph.js";
import { scaled } from "../scale.js";
import { moduleOf } from "./module-of.js";

/** Two convolutions, one after the other, with given channels; the first has 3×3 windows. */
const net = (channels: number, filters: number) =>
  moduleOf(`net two {
    input x: f32[1, 7, 7, ${channels}]
    a = conv2d(x, filters=${channels}, kernel=3x3, padding=same)
    output y = conv2d(a, filters=${filters}, kernel=1x1)
  }`);

test("a kernel takes longer by the time of its weights if all weights together exceed a cache", () => {
  const made = schedule(net(64, 64), wasmTarget);
  const levels = wasmTarget.weightMemory!;
  for (const group of made.groups) {
    const costs = levels.map(({ holds }) =>
      kernelCost({ ...made, weightBytes: Math.min(holds, 2 ** 40) }, group),
    );
    for (const [at, cost] of costs.entries()) {
      const nearer = costs[at - 1];
      if (!nearer) continue;
      expect(cost.computeSeconds).toBe(nearer.computeSeconds);
      expect(cost.bytesRead).toBe(nearer.bytesRead);
      const weights =
        (cost.seconds - nearer.seconds) /
        (1 / levels[at]!.bytesPerSecond - 1 / levels[at - 1]!.bytesPerSecond);
      // A kernel has at least its weights, directly or in tiles of 2×2 or 4×4, and a bias.
      expect(weights).toBeGreaterThan(4 * 64 * 64 - 1);
      expect(weights).toBeLessThan(4 * 36 * 64 * 64 + 4 * 64 + 1);
    }
  }
});

test("the weights that a run reads are all constants, or the transformed weights instead", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(wasmTarget, jsTarget),
      fc.constantFrom(false, true),
      (eighth, filters, target, winograd) => {
        const channels = 8 * eighth;
        const options = { winograd, winogradMemory: 8 };
        const fused = fuse.run(net(channels, filters), { target, options, report: () => {} });
        const made = schedule(fused, target);
        const [size] = [...made.winograd.values()];
        const window = size === undefined ? 9 : (size + 2) ** 2;
        expect(made.weightBytes).toBe(4 * (window * channels ** 2 + channels + channels * filters + filters));
      },
    ),
    { numRuns: scaled(100) },
  );
});

test("a layer in a large net is modelled slower than in a small one, if the target has caches", () => {
  for (const [target, isSlower] of [
    [wasmTarget, true],
    [jsTarget, false],
  ] as const) {
    const seconds = (filters: number) => {
      const module = net(64, filters);
      return costModel(module, target, { winograd: false }).whole(findCandidates(module)[0]!).seconds;
    };
    if (isSlower) expect(seconds(2 ** 17)).toBeGreaterThan(seconds(64));
    else expect(seconds(2 ** 17)).toBe(seconds(64));
  }
});
