// LiteRT.js in a page, for tests: runs .tflite files that the bench writes.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSite } from "../../bench/browser/site.js";
import { inputNodes } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { inPage, launch } from "../web/chromium.js";

export interface LiteRt {
  /** All outputs of a file for the inputs of a module, in their order. */
  run(file: Uint8Array, module: Module, inputs: ReadonlyMap<string, Tensor>): Promise<number[][]>;
  close(): Promise<void>;
}

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

export async function openLiteRt(): Promise<LiteRt> {
  const folder = mkdtempSync(join(tmpdir(), "cleave-tflite-"));
  const site = await openSite(folder, { inputs: [], outputs: [], samples: [] }, {});
  const browser = await launch({ adapter: false });
  const page = await browser.newPage();
  const { url, setup } = site.open();
  await page.goto(url);
  await inPage(page, script, setup.packages);
  return {
    async run(file, module, inputs) {
      writeFileSync(join(folder, "model.tflite"), file);
      const given = inputNodes(module.graph).map((node) => ({
        values: [...inputs.get(node.name)!.data].map(textOf),
        shape: node.type.shape,
      }));
      const address = `${url}model/model.tflite`;
      const texts = await inPage<string[][]>(page, "(...call) => runModel(...call)", address, given);
      return texts.map((values) => values.map(Number));
    },
    async close() {
      await browser.close();
      site.close();
      rmSync(folder, { recursive: true });
    },
  };
}
