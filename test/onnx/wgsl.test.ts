// Imported models on a real adapter: ONNX's own tests, and those that are held against onnxruntime.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { wgslTarget } from "#backend/wgsl/target.js";
import { optimize } from "#compile/optimize.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";
import { difference, wgslProgram } from "../backend/wgsl/programs.js";
import { parseCases } from "../cases.js";
import { randomInputs } from "../op-module.js";
import { cases, dataOf, importCase, inputsOf, isInstalled } from "./conformance.js";
import { modelOf } from "./text-model.js";

const slow = 120_000;
const device = await computingDevice();

describeOn(device)("imported models on an adapter", () => {
  const inScope = isInstalled ? cases().filter(({ outOfScope }) => outOfScope === undefined) : [];

  test.each(inScope.map((one) => [one.name, one] as const))(
    "%s",
    async (name, one) => {
      const data = dataOf(one);
      const { value } = importCase(one, data);
      if (!value) return expect.fail(`${name} is not imported`);
      expect(await differenceOn(value, inputsOf(one, value, data))).toBeUndefined();
    },
    slow,
  );

  const networks = ["peer.txt", "networks.txt"].flatMap((file) => {
    const path = join(import.meta.dirname, file);
    return parseCases(readFileSync(path, "utf8"), path);
  });
  test.each(networks.map(({ name, input }) => [name, input] as const))(
    "%s",
    async (name, input) => {
      const { value } = importOnnx(modelOf(input), { file: "net.onnx" });
      if (!value) return expect.fail(`${name} is not imported`);
      expect(await differenceOn(value, randomInputs(value, seededRandom(7)))).toBeUndefined();
    },
    slow,
  );
});

/** What the module, optimized for the target, differs in from the interpreter, which has it as it was imported. */
function differenceOn(module: Module, operands: ReadonlyMap<string, Tensor>): Promise<string | undefined> {
  const optimized = optimize(module, { target: wgslTarget }).value!.module;
  // Some of the data are doubles; both get what the module takes.
  const inputs = new Map(
    [...operands].map(([name, { shape, data }]) => [name, { shape, data: data.map(Math.fround) }]),
  );
  return difference({ program: wgslProgram(optimized), module, inputs }, device!);
}
