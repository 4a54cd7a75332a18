// A net of bytes that was optimized for one target and is emitted for another: it computes the same, or an error says what to do.

import { expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { targetNames } from "#ir/target.js";
import { elements } from "#ir/type.js";
import { drawValues } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";
import { randomBytes } from "./random-bytes.js";

const pairs = targetNames.flatMap((from) => targetNames.map((to) => [from, to] as const));

test.each(pairs)("optimized for %s, emitted for %s", async (from, to) => {
  for (const seed of seedsFor(20)) {
    const random = seededRandom(seed + 1);
    const text = randomBytes(random);
    const module = moduleOf(text);
    const optimized = optimize(module, { target: from }).value!.module;
    let artifact;
    try {
      artifact = emit(optimized, { target: to });
    } catch (thrown) {
      expect(from, text).not.toBe(to);
      expect(thrown, text).toBeInstanceOf(TypeError);
      expect((thrown as TypeError).message).toContain(`optimize the module for ${to}`);
      continue;
    }
    // WebGPU has tests of its own.
    if (to === "wgsl") continue;
    const { shape } = inputNodes(module.graph)[0]!.type;
    // Integers of seven bits are values of every type of input.
    const data = drawValues(random, "normal", elements(shape)).map(
      (value) => Math.round(Math.abs(value)) & 127,
    );
    const expected = interpret(module, new Map([["x", { shape, data: Float64Array.from(data) }]]));
    const net = await load(artifact, { poison: true });
    const actual = await net.run({ x: data });
    net.dispose();
    for (const [name, { data: wanted }] of expected)
      expect(actual[name], `${name} of\n${text}`).toEqual(Float32Array.from(wanted));
  }
});
