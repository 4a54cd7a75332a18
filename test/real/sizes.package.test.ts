// Published models whose files store weights in 8 or 16 bits: the packed file is hardly larger than those files.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packedBytes } from "#backend/packed.js";
import { lowerModule } from "#compile/lower-module.js";
import { optimize } from "#compile/optimize.js";
import { targets } from "#compile/targets.js";
import type { Model } from "../../src/node/index.js";
import { parseCases } from "../cases.js";
import { readPublished } from "./published.js";

interface Written {
  readonly weightsManifest?: readonly {
    readonly weights: readonly { readonly quantization?: object }[];
  }[];
}

const path = join(import.meta.dirname, "runtimes.txt");
const models = parseCases(readFileSync(path, "utf8"), path).filter(({ input }) => {
  const [file = ""] = input.split("\n");
  if (!file.endsWith(".json")) return false;
  const text = readFileSync(join(import.meta.dirname, "../../node_modules", file), "utf8");
  const { weightsManifest = [] } = JSON.parse(text) as Written;
  return weightsManifest.some(({ weights }) => weights.some(({ quantization }) => quantization));
});

test("there are such models", () => {
  expect(models.length).toBeGreaterThan(20);
});

test.each(models.map(({ name, input }) => [name, input]))("%s", (_, input) => {
  const { files, ...module } = readPublished(input!).model as Model;
  const optimized = optimize(module).value!;
  const bytes = packedBytes(lowerModule(optimized.module, targets.wasm.target).program);
  const inFiles = files
    .filter((file) => !file.endsWith(".json"))
    .reduce((sum, file) => sum + statSync(file).size, 0);
  expect(bytes / inFiles).toBeLessThan(1.05);
});
