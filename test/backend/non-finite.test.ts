// Infinities and NaN in inputs: every op, compiled, has them where the interpreter of the model as written has them.

import { describe, expect, test } from "vitest";
import { load } from "#compile/load.js";
import { emit } from "#compile/emit.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { computingOps, opSample } from "../op-module.js";

const special = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];

/** Normal values, some of them special. */
function specialInputs(module: Module, random: Random, share: number) {
  return new Map(
    inputNodes(module.graph).map(({ name, type: { shape } }) => {
      const data = Float64Array.from({ length: elements(shape) }, () =>
        random.next() < share ? random.pick(special) : Math.fround(random.normal()),
      );
      return [name, { shape, data }];
    }),
  );
}

/** What this is about; that finite numbers are right is what other tests see to. */
function kindOf(value: number): string {
  return Number.isFinite(value) ? "finite" : `${value}`;
}

async function check(module: Module, target: "js" | "wasm", random: Random, what: string): Promise<void> {
  const { value } = optimize(module);
  const net = await load(emit(value!.module, { target }), { poison: true });
  for (const share of [0.02, 0.15]) {
    const inputs = specialInputs(module, random, share);
    const expected = interpret(module, inputs);
    const actual = net.runSync(
      Object.fromEntries([...inputs].map(([name, { data }]) => [name, Float32Array.from(data)])),
    );
    for (const [name, { data }] of expected) {
      const values = actual[name]!;
      const at = data.findIndex((value, index) => kindOf(values[index]!) !== kindOf(Math.fround(value)));
      expect.soft(at, `${what}: ${name}[${at}] is ${values[at]}, should be ${data[at]}`).toBe(-1);
    }
  }
  net.dispose();
}

describe.each(["js", "wasm"] as const)("%s", (target) => {
  test.each(computingOps)("%s", async (name) => {
    for (let seed = 0; seed < 12; seed += 1) {
      const random = seededRandom(seed);
      await check(opSample(name, seed).module, target, random, `seed ${seed}`);
    }
  });
});
