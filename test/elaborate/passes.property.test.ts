// Random graphs through all passes: valid, printable and readable after each, and with the same values at the end.

import fc from "fast-check";
import { expect, test } from "vitest";
import { optimize } from "#compile/optimize.js";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { printGraph } from "#inspect/lift.js";
import { interpret } from "#interpret/interpret.js";
import { sameGraph } from "#ir/compare.js";
import { inputNodes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { splitOrders } from "#passes/split.js";
import { randomModule } from "../random-graph.js";
import { scaled } from "../scale.js";

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

/** Exact passes compute in float64 here, but they fold constants to f32 and change the order of sums. */
const tolerance = 1e-5;

function check(pass: string, module: Module): void {
  const text = printGraph(module);
  expect(verify(module), `after ${pass}:\n${text}`).toEqual([]);
  const ast = parse(text, "dump.net");
  const again = ast.value && elaborate(ast.value, { store: module.weights });
  expect(again?.value, `${text}\n${JSON.stringify((again ?? ast).diagnostics)}`).toBeDefined();
  expect(sameGraph(module, again!.value!), `after ${pass}:\n${text}`).toBeUndefined();
}

function inputsOf(module: Module, seed: number): Map<string, Tensor> {
  const random = seededRandom(seed + 1);
  return new Map(
    inputNodes(module.graph).map((node) => [node.name, tensor(node.type.shape, () => random.normal())]),
  );
}

test("exact passes keep graphs valid and printable, and keep their values", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const module = randomModule(seededRandom(seed));
      const result = optimize(module, { onPass: check });
      expect(result.diagnostics).toEqual([]);
      const before = interpret(module, inputsOf(module, seed));
      const after = interpret(result.value!.module, inputsOf(module, seed));
      for (const [name, { data }] of before) {
        expect([...data].every(Number.isFinite), `${name} is not finite`).toBe(true);
        const greatest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
        const values = after.get(name)!.data;
        data.forEach((value, at) => {
          expect(Math.abs(value - values[at]!) / greatest, `${name}[${at}]`).toBeLessThan(tolerance);
        });
      }
    }),
    { numRuns: scaled(60) },
  );
});

test("split graphs are valid and printable", () => {
  fc.assert(
    fc.property(
      seeds,
      fc.constantFrom("structural", "multiplier"),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(undefined, ...splitOrders),
      (seed, mode, m, order) => {
        const module = randomModule(seededRandom(seed));
        const split = { mode, m, ...(order === undefined ? {} : { order }) };
        expect(optimize(module, { split, onPass: check }).value).toBeDefined();
      },
    ),
    { numRuns: scaled(40) },
  );
});
