// Modules with weights in fewer bits, and quantized ones, in Chromium: they load there, from a file and embedded. Integers have the bits of the
// interpreter, and f32 values its values: a browser may fuse products and sums, which Node does not.

import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import type { CompileOptions } from "#compile/compile.js";
import { optimize } from "#compile/optimize.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { inputNodes } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { drawInput } from "#ops/distributions.js";
import { seededRandom } from "#ops/random.js";
import { readModel } from "../../src/node/index.js";
import { randomQuantized } from "../onnx/random-quantized.js";
import { modelOf } from "../onnx/text-model.js";
import { hasChromium, inPage, isolation, launch, ready, serve, watch } from "./chromium.js";

const { value: model } = readModel(join(import.meta.dirname, "../../examples/fm_resnet16.net"));
const quantized = importOnnx(modelOf(randomQuantized(seededRandom(11), "QDQ").text)).value!;

const cases: readonly (readonly [string, Module, CompileOptions])[] = [
  ["int8", model!, { weightType: "int8" }],
  ["f16", model!, { weightType: "f16" }],
  ["int8, embedded", model!, { weightType: "int8", embedWeights: true }],
  ["int8, js", model!, { weightType: "int8", target: "js" }],
  ["a quantized net", quantized, {}],
  ["a quantized net, js", quantized, { target: "js", embedWeights: true }],
];

describe.skipIf(!hasChromium)("in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  }, 60_000);
  afterAll(() => browser?.close());

  test.each(cases)(
    "%s",
    async (_, module, options) => {
      const { value: artifact, diagnostics } = compile(module, options);
      expect(diagnostics).toEqual([]);
      const { name, weights } = artifact!;
      const random = seededRandom(3);
      const inputs = Object.fromEntries(
        inputNodes(module.graph).map((node) => [node.name, drawInput(random, node.type)]),
      );
      const { weightType } = options;
      const { module: stored } = optimize(module, { ...(weightType && { weightType }) }).value!;
      const tensors = inputNodes(module.graph).map(
        ({ name: own, type }) => [own, { shape: type.shape, data: Float64Array.from(inputs[own]!) }] as const,
      );
      const expected = interpret(stored, new Map(tensors));
      const files: Readonly<Record<string, string | Uint8Array>> = {
        "/": `<!doctype html><link rel="icon" href="data:,"><script type="module">
        import { load } from "/${name}.mjs";
        globalThis.inPage = async (inputs) => {
          const net = await load({ poison: true });
          const given = Object.fromEntries(Object.entries(inputs).map(([key, one]) => [key, Float32Array.from(one)]));
          return Object.fromEntries(Object.entries(await net.run(given)).map(([key, one]) => [key, [...one]]));
        };
      </script>`,
        [`/${name}.mjs`]: artifact!.module,
        ...(weights && { [`/${name}.packed.safetensors`]: weights }),
      };
      const server = await serve((path) => files[path], isolation);
      const context = await browser.newContext();
      try {
        const page = await context.newPage();
        const { problems } = watch(page);
        await page.goto(server.url);
        await ready(page, "inPage");
        const given = Object.fromEntries(Object.entries(inputs).map(([key, one]) => [key, [...one]]));
        const actual = await inPage<Record<string, number[]>>(page, "(inputs) => inPage(inputs)", given);
        expect(problems).toEqual([]);
        expect(Object.keys(actual)).toEqual([...expected.keys()]);
        for (const [key, { data }] of expected)
          if (module === quantized) expect(actual[key]).toEqual([...data]);
          else
            expect(firstDifference(Float32Array.from(actual[key]!), data, longestReduction(module))).toBe(-1);
      } finally {
        await context.close();
        server.close();
      }
    },
    60_000,
  );
});
