// Lowering transposed convolutions keeps infinities and NaN in their places: no tap of zeros is multiplied with them.

import { expect, test } from "vitest";
import { load } from "#compile/load.js";
import { emit } from "#compile/emit.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

/** A net whose window size, stride, padding and channels are drawn. Some paddings leave no result. */
function netOf(random: Random): { text: string; shape: number[] } {
  const [kh, kw] = [random.int(1, 6), random.int(1, 6)];
  const shape = [1, random.int(2, 6), random.int(2, 6), random.pick([1, 3, 4])];
  const padding = random.pick(["same", "valid", `[${random.int(0, 1)}, 0, ${random.int(0, 1)}, 1]`]);
  const settings = `filters=${random.pick([1, 2, 4, 5])}, kernel=${kh}x${kw}, stride=${random.int(1, 4)}x${random.int(1, 4)}`;
  const text = `net t {
  input x: f32[${shape.join(", ")}]
  output y = conv2d_transpose(x, ${settings}, padding=${padding}, bias=${random.next() < 0.5}) |> ${random.pick(["relu", "sigmoid", "neg"])}
}`;
  return { text, shape };
}

test.each(seedsFor(80))("seed %d", async (seed) => {
  const random = seededRandom(seed + 100);
  const { text, shape } = netOf(random);
  const module = moduleOf(text);
  const special = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  const data = Float64Array.from({ length: shape.reduce((product, extent) => product * extent, 1) }, () =>
    random.next() < 0.06 ? random.pick(special) : Math.fround(random.normal()),
  );
  const inputs = new Map([["x", { shape, data }]]);
  const wanted = interpret(module, inputs).get("y")!.data;
  const optimized = optimize(module, { verify: true }).value!.module;
  const longest = longestReduction(module);
  expect(firstDifference(interpret(optimized, inputs).get("y")!.data, wanted, longest), text).toBe(-1);
  const net = await load(emit(optimized, { target: seed % 2 === 0 ? "js" : "wasm" }), { poison: true });
  expect(firstDifference(net.runSync({ x: Float32Array.from(data) })["y"]!, wanted, longest), text).toBe(-1);
  net.dispose();
});
