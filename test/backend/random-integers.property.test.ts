// Random nets of integers of all types: every pass leaves a sound graph whose text gives the same values, and modules compute them.

import { describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { printGraph } from "#inspect/lift.js";
import { interpret } from "#interpret/interpret.js";
import type { Tensor } from "#ir/tensor.js";
import { seededRandom } from "#ops/random.js";
import { randomInputs } from "../op-module.js";
import { randomIntegerNet } from "../random-integers.js";
import { seedsFor } from "../scale.js";
import { moduleOf } from "../schedule/module-of.js";

/** Values are as near as the rounding of sums of 16-bit integers beyond 2²⁴, or a step, allows. */
function near(actual: ReadonlyMap<string, Tensor>, wanted: ReadonlyMap<string, Tensor>, text: string): void {
  for (const [name, { data }] of wanted)
    for (const [at, value] of data.entries())
      expect(
        Math.abs(actual.get(name)!.data[at]! - value),
        `${name} at ${at} of\n${text}`,
      ).toBeLessThanOrEqual(1.001 + 1e-5 * Math.abs(value));
}

describe.each(seedsFor(60))("seed %i", (seed) => {
  const text = randomIntegerNet(seededRandom(seed + 500));
  const module = moduleOf(text);
  const inputs = randomInputs(module, seededRandom(seed));
  const expected = interpret(module, inputs);

  test("the graph after each pass, as text", () => {
    const dumps = new Map<string, string>();
    const { diagnostics } = optimize(module, {
      verify: true,
      printAfter: ["all"],
      onPrint: (pass, after) => {
        const dump = printGraph(after);
        dumps.set(dump, pass);
        const read = elaborate(parse(dump, "dump.net").value!, { store: module.weights });
        expect(read.diagnostics, `after ${pass}: ${dump}`).toEqual([]);
        near(interpret(read.value!, inputs), expected, `after ${pass}: ${dump}`);
      },
    });
    expect(diagnostics).toEqual([]);
    expect(dumps.size).toBeGreaterThan(0);
  });

  test.each(["js", "wasm"] as const)("as a module, %s", async (target) => {
    const { value, diagnostics } = compile(module, { target, verify: true });
    expect(diagnostics, text).toEqual([]);
    const net = await load(value!, { poison: true });
    const [[name, { data }]] = [...inputs] as [[string, Tensor]];
    const actual = net.runSync({ [name]: Float32Array.from(data) });
    net.dispose();
    const tensors = new Map(
      Object.entries(actual).map(([output, values]) => [
        output,
        { shape: expected.get(output)!.shape, data: Float64Array.from(values) },
      ]),
    );
    near(tensors, expected, text);
  });
});
