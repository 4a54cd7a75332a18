// Split convolutions on the targets of the CPU: the emitted module computes what the split graph means, in every order.

import fc from "fast-check";
import { expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { targets } from "#compile/targets.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { seededRandom } from "#ops/random.js";
import { splitOrders } from "#passes/split.js";
import { randomConvolution } from "../random-convolution.js";
import { scaled } from "../scale.js";

test.each(["js", "wasm"] as const)("random splits on %s", async (name) => {
  const { target } = targets[name];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 2 ** 30 }),
      fc.constantFrom(...splitOrders),
      fc.integer({ min: 1, max: 9 }),
      async (seed, order, rank) => {
        const random = seededRandom(seed);
        const convolution = randomConvolution(random);
        const { module } = optimize(convolution, { target, split: { mode: "rank", order, rank } }).value!;
        const inputs = new Map(
          inputNodes(module.graph).map((node) => [
            node.name,
            tensor(node.type.shape, () => Math.fround(random.normal())),
          ]),
        );
        const reference = interpret(module, inputs).get("y")!.data;
        const net = await load(emit(module, { target: name }));
        const { y } = await net.run(
          Object.fromEntries([...inputs].map(([key, { data }]) => [key, Float32Array.from(data)])),
        );
        net.dispose();
        expect(firstDifference(y!, reference, longestReduction(module))).toBe(-1);
      },
    ),
    { numRuns: scaled(25) },
  );
});
