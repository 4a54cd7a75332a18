// Infinities and NaN in inputs: every op, compiled, has them where the interpreter of the model as written has them.

import { describe, expect, test } from "vitest";
import { load } from "#compile/load.js";
import { emit } from "#compile/emit.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { elements, isInteger } from "#ir/type.js";
import { drawIntegers } from "#ops/distributions.js";
import type { Module } from "#ir/weights.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { scaled } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";
import { computingOps, opSample } from "../op-module.js";

const special = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];

/** Normal values, some of them special. */
function specialInputs(module: Module, random: Random, share: number) {
  return new Map(
    inputNodes(module.graph).map(({ name, type: { dtype, shape } }) => {
      if (isInteger(dtype))
        return [name, { shape, data: Float64Array.from(drawIntegers(random, dtype, elements(shape))) }];
      const data = Float64Array.from({ length: elements(shape) }, () =>
        random.next() < share ? random.pick(special) : Math.fround(random.normal()),
      );
      return [name, { shape, data }];
    }),
  );
}

/** Only infinities and NaN are compared here; other tests compare finite numbers. */
function kindOf(value: number): string {
  return Number.isFinite(value) ? "finite" : `${value}`;
}

async function check(
  module: Module,
  target: "js" | "wasm",
  random: Random,
  what: string,
  shares: readonly number[] = [0.02, 0.15],
): Promise<void> {
  const { value } = optimize(module);
  const net = await load(emit(value!.module, { target }), { poison: true });
  for (const share of shares) {
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
    for (let seed = 0; seed < scaled(12); seed += 1) {
      const random = seededRandom(seed);
      await check(opSample(name, seed).module, target, random, `seed ${seed}`);
    }
  });
});

/** 3×3 convolutions that Winograd's algorithm could compute, after ops that make infinities from finite inputs. */
const makers = ["log(relu(x))", "reciprocal(relu(x))", "x / relu(x)", "rsqrt(relu(x))", "pow(relu(x), -2)"];

describe.each(["js", "wasm"] as const)("a convolution on %s keeps the infinities of", (target) => {
  test.each(makers)("%s", async (maker) => {
    const module = moduleOf(`net n {
  input x: f32[1, 20, 20, 16]
  output y = conv2d(${maker}, filters=32, kernel=3x3, padding=same)
}`);
    await check(module, target, seededRandom(3), maker, [0, 1e-9]);
  });

  // The weights have one sign; with both signs, sums of many infinities are NaN whatever the algorithm.
  test("a border", async () => {
    const module = moduleOf(`net n {
  param w: f32[3, 3, 16, 32] = ones()
  input x: f32[1, 20, 20, 16]
  output y = conv2d(pad(x, before=[0, 1, 2, 0], after=[0, 1, 0, 0], value=inf), w, padding=same)
}`);
    await check(module, target, seededRandom(3), "a border", [0]);
  });
});
