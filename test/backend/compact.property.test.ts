// Weights of few bits, from the store to the results: a module gives the same bits as one with the widened values as f32.

import { weightTypes } from "#ir/compact.js";
import { expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { targets } from "#compile/targets.js";
import type { Module } from "#ir/weights.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import type { LoadOptions } from "#runtime/types.js";
import { compactEverywhere, widened } from "../compact-weights.js";
import { randomConvolution } from "../random-convolution.js";
import { randomModule } from "../random-graph.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";
import { randomNet } from "../schedule/random-net.js";

const cpus = ["js", "wasm"] as const;

const kinds: Readonly<Record<string, (random: Random) => Module>> = {
  net: (random) => moduleOf(randomNet(random)),
  graph: (random) => randomModule(random),
  convolution: randomConvolution,
};

/** The results of a module for random inputs, as bits. */
async function bitsOf(module: Module, target: "js" | "wasm", options: LoadOptions = {}): Promise<object> {
  const net = await load(emit(module, { target }), { poison: true, ...options });
  const random = seededRandom(7);
  const inputs = inputNodes(module.graph).map(({ name, type }) => [
    name,
    Float32Array.from({ length: elements(type.shape) }, () => random.normal()),
  ]);
  const outputs = await net.run(Object.fromEntries(inputs));
  net.dispose();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, values]) => [name, [...new Int32Array(values.buffer)].join()]),
  );
}

test.each(cpus.flatMap((target) => Object.keys(kinds).map((kind) => [target, kind] as const)))(
  "target %s, random modules of the kind %s",
  async (target, kind) => {
    let stored = 0;
    const seeds = seedsFor(25);
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const fused = optimize(kinds[kind]!(random), {
        target: targets[target].target,
        winogradMemory: 8,
      }).value!;
      const { compact, plain, forms } = compactEverywhere(fused.module, random);
      expect(verify(compact), `seed ${seed}`).toEqual([]);
      stored += forms.length;
      expect(await bitsOf(compact, target), `seed ${seed}`).toEqual(await bitsOf(plain, target));
    }
    expect(stored).toBeGreaterThan(seeds.length / 2);
  },
);

const wide = moduleOf(`net wide {
  input image: f32[1, 12, 12, 16]
  a = conv2d(image, filters=33, kernel=3x3, padding=same) |> batch_norm |> relu
  b = depthwise_conv2d(a, kernel=5x5, padding=same, multiplier=2) |> relu6
  c = conv2d(b, filters=40, kernel=1x1) |> batch_norm |> relu
  d = conv2d(c, filters=64, kernel=3x3, padding=same, groups=2)
  e = conv2d(d, filters=64, kernel=3x3, padding=same) |> relu
  f = conv2d_transpose(e, filters=12, kernel=4x4, stride=2)
  output y = f |> reshape(shape=[1, -1]) |> dense(units=35) |> softmax
}`);

test.each(cpus.flatMap((target) => weightTypes.map((type) => [target, type] as const)))(
  "target %s, a net with all kinds of layers, its weights as %s",
  async (target, weightType) => {
    const { target: described } = targets[target];
    const { module, approximations, compact } = optimize(wide, {
      target: described,
      weightType,
      verify: true,
    }).value!;
    const bits = await bitsOf(module, target);
    expect(bits).toEqual(await bitsOf(widened(module), target));
    if (target === "wasm") expect(await bitsOf(module, target, { threads: 3, leastWork: 0 })).toEqual(bits);
    const bytes = { f32: 1, f16: 0.51, int8: 0.28 }[weightType] * emit(wide).weightBytes;
    expect(emit(module, { target }).weightBytes).toBeLessThan(1.01 * bytes);
    expect(approximations.map(({ by }) => by)).toEqual(weightType === "f32" ? [] : [`weights ${weightType}`]);
    for (const { error = 0, stored } of compact?.weights ?? [])
      expect(error).toBeLessThan(stored === "float16" ? 2 ** -11 : 0.02);
  },
);
