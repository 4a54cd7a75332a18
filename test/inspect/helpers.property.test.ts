// Numbers that passes add to compute with integers are not counted as parameters of the model.

import { expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import { totalCost } from "#inspect/cost.js";
import { targetNames } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { randomBytes } from "../backend/random-bytes.js";
import { randomIntegerNet } from "../random-integers.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

const nets = { "of bytes": randomBytes, "of integers": randomIntegerNet };

test.each(Object.entries(nets))("zero points that are moved in nets %s", (_, draw) => {
  let moved = 0;
  for (const seed of seedsFor(60)) {
    const module = moduleOf(draw(seededRandom(seed)));
    for (const target of targetNames) {
      const only = (passes: readonly string[]): Module => optimize(module, { target, passes }).value!.module;
      const [before, after] = [
        only(["eliminate-dead-nodes"]),
        only(["center-integers", "eliminate-dead-nodes"]),
      ];
      if (before.graph !== after.graph) moved += 1;
      expect(totalCost(after).parameters).toBe(totalCost(before).parameters);
    }
  }
  expect(moved).toBeGreaterThan(0);
});
