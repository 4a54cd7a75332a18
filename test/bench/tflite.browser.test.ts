// The .tflite files that the bench writes, run by LiteRT.js in Chromium and held against the interpreter.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writtenOps } from "../../bench/tflite/operators.js";
import { toTflite } from "../../bench/tflite/to-tflite.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { computingOps, kindOf, opSample, randomInputs, scaleOf } from "../op-module.js";
import { randomModule } from "../random-graph.js";
import { seedsFor } from "../scale.js";
import { hasChromium } from "../web/chromium.js";
import type { LiteRt } from "./litert.js";
import { openLiteRt } from "./litert.js";

describe.skipIf(!hasChromium)("LiteRT.js", () => {
  let litert: LiteRt;
  beforeAll(async () => void (litert = await openLiteRt()), 60_000);
  afterAll(() => litert?.close());

  /** Of all outputs; `scale` as `firstDifference` takes it. */
  async function expectAgreement(
    name: string,
    module: Module,
    inputs: ReadonlyMap<string, Tensor>,
    scale?: ArrayLike<number>,
  ): Promise<void> {
    const outputs = await litert.run(toTflite(module), module, inputs);
    const reference = interpret(module, inputs);
    expect(outputs.length, name).toBe(module.graph.outputs.length);
    for (const [at, output] of module.graph.outputs.entries()) {
      const wanted = reference.get(output.name)!.data;
      const actual = outputs[at]!;
      const wrong = firstDifference(actual, wanted, longestReduction(module), scale);
      expect(wrong, `${name}: ${output.name} is ${actual[wrong]} instead of ${wanted[wrong]}`).toBe(-1);
    }
  }

  /** Whether it can be written; else the reason must be one. */
  function isWritten(module: Module): boolean {
    try {
      toTflite(module);
      return true;
    } catch (cause) {
      expect((cause as Error).message).toMatch(/^not written as \.tflite: [\w.]+, \w+: its? /);
      return false;
    }
  }

  describe.each(writtenOps)("%s", (op) => {
    test("agrees with the interpreter, or says what it cannot write", async () => {
      let written = 0;
      for (const seed of seedsFor(8)) {
        // Its exp has 15 right bits at 10²⁹.
        if (op === "exp" && kindOf(seed) === "large") continue;
        const sample = opSample(op, seed);
        if (!isWritten(sample.module)) continue;
        await expectAgreement(sample.name, sample.module, sample.inputs, scaleOf(sample));
        written += 1;
      }
      expect(written).toBeGreaterThan(0);
    });
  });

  // Activations that are computed with the op before them, and values that are several outputs or inputs too.
  test("random graphs", async () => {
    let written = 0;
    const unknown = computingOps.filter((op) => !writtenOps.includes(op));
    for (const seed of seedsFor(40)) {
      const module = randomModule(seededRandom(seed), { without: [...unknown, "log"] });
      if (!isWritten(module)) continue;
      await expectAgreement(`seed ${seed}`, module, randomInputs(module, seededRandom(seed + 1000)));
      written += 1;
    }
    expect(written).toBeGreaterThan(0);
  });
});

test("an op that is not known is named", () => {
  for (const op of computingOps.filter((one) => !writtenOps.includes(one)))
    expect(() => toTflite(opSample(op, 0).module)).toThrow(`not written as .tflite: y, ${op}`);
});
