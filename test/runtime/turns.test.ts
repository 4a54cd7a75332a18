// Runs that overlap take turns: each computes with its own inputs, and the next one begins though one fails.

import { expect, test } from "vitest";
import { setImmediate } from "node:timers/promises";
import { createNet } from "#runtime/net.js";
import type { Net } from "#runtime/types.js";

/** y = 2·x, a sample at a time, computed a while after the inputs were written; `fails` says at which steps it throws. */
function slowNet(fails: readonly number[] = []): Net {
  const arena = new Float32Array(2);
  let steps = 0;
  const stepAway = async (): Promise<void> => {
    steps += 1;
    const own = steps;
    for (let wait = 0; wait < 3; wait += 1) await setImmediate();
    if (fails.includes(own)) throw new Error(`step ${own}`);
    arena[1] = 2 * arena[0]!;
  };
  const step = (): void => {
    throw new Error("not on this thread");
  };
  return createNet(
    {
      name: "slow",
      inputs: [{ name: "x", shape: [1], offset: 0 }],
      outputs: [{ name: "y", shape: [1], offset: 1 }],
      batch: "N",
      arena: 2,
      scratch: 0,
      prepared: 0,
      weights: { file: "", elements: 0, hash: "" },
    },
    { arena, launches: [], step, stepAway },
  );
}

test("results are those of their own inputs", async () => {
  const net = slowNet();
  const runs = [1, 2, 3].map((first) => net.run({ x: Float32Array.of(first, 10 * first) }));
  expect((await Promise.all(runs)).map(({ y }) => [...y!])).toEqual([
    [2, 20],
    [4, 40],
    [6, 60],
  ]);
});

test("one that fails leaves the others alone", async () => {
  const net = slowNet([2]);
  const runs = [1, 2, 3].map((first) => net.run({ x: Float32Array.of(first) }));
  const settled = await Promise.allSettled(runs);
  expect(settled.map((one) => (one.status === "fulfilled" ? [...one.value["y"]!] : `${one.reason}`))).toEqual(
    [[2], "Error: step 2", [6]],
  );
  expect([...(await net.run({ x: Float32Array.of(4) }))["y"]!]).toEqual([8]);
});
