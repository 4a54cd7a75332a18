// The .tflite files that the bench writes, run by LiteRT.js in Chromium and held against the interpreter.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSite } from "../../bench/browser/site.js";
import type { Site } from "../../bench/browser/site.js";
import { writtenOps } from "../../bench/tflite/operators.js";
import { toTflite } from "../../bench/tflite/to-tflite.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { computingOps, kindOf, opSample, randomInputs, scaleOf } from "../op-module.js";
import { randomModule } from "../random-graph.js";
import { seedsFor } from "../scale.js";
import { hasChromium, inPage, launch } from "../web/chromium.js";

/** Loads LiteRT.js, and gives all outputs of a model for its inputs, both in their order. */
const script = `async (packages) => {
  const { loadLiteRt, loadAndCompile, Tensor } = await import("@litertjs/core");
  await loadLiteRt(packages + "@litertjs/core/wasm/");
  globalThis.runModel = async (address, inputs) => {
    const model = await loadAndCompile(address, { accelerator: "wasm" });
    const tensors = inputs.map(({ values, shape }) => new Tensor(Float32Array.from(values, Number), shape));
    const results = await model.run(tensors);
    const outputs = [];
    for (const result of results) outputs.push([...(await result.data())].map(String));
    for (const one of [...tensors, ...results, model]) one.delete();
    return outputs;
  };
}`;

/** JSON has no NaN and no −0. */
const textOf = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

describe.skipIf(!hasChromium)("LiteRT.js", () => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-tflite-"));
  let site: Site;
  let browser: Browser;
  let page: Page;
  let base: string;

  beforeAll(async () => {
    site = await openSite(folder, { inputs: [], outputs: [], samples: [] }, {});
    browser = await launch({ adapter: false });
    page = await browser.newPage();
    const { url, setup } = site.open();
    base = `${url}model/`;
    await page.goto(url);
    await inPage(page, script, setup.packages);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    site?.close();
    rmSync(folder, { recursive: true });
  });

  /** Of all outputs; `scale` as `firstDifference` takes it. */
  async function expectAgreement(
    name: string,
    module: Module,
    inputs: ReadonlyMap<string, Tensor>,
    scale?: ArrayLike<number>,
  ): Promise<void> {
    writeFileSync(join(folder, "model.tflite"), toTflite(module));
    const given = inputNodes(module.graph).map((node) => ({
      values: [...inputs.get(node.name)!.data].map(textOf),
      shape: node.type.shape,
    }));
    const address = `${base}model.tflite`;
    const texts = await inPage<string[][]>(page, "(...call) => runModel(...call)", address, given);
    const reference = interpret(module, inputs);
    expect(texts.length, name).toBe(module.graph.outputs.length);
    for (const [at, output] of module.graph.outputs.entries()) {
      const wanted = reference.get(output.name)!.data;
      const actual = texts[at]!.map(Number);
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
