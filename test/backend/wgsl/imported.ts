// Imported models for adapters: ONNX's own tests, those that are compared with onnxruntime, and models of TensorFlow.js.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { wgslTarget } from "#backend/wgsl/target.js";
import { optimize } from "#compile/optimize.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { render } from "#diagnostic/render.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { parseCases } from "../../cases.js";
import { cases, dataOf, importCase, inputsOf, isInstalled } from "../../onnx/conformance.js";
import { modelOf } from "../../onnx/text-model.js";
import { randomInputs } from "../../op-module.js";
import { withWeights } from "../../tfjs/peer.js";
import { graphModel, layersTopology, openShards } from "../../tfjs/text-model.js";
import type { GpuCase } from "./cases.js";
import { wgslProgram } from "./programs.js";

/** A case that is imported when its turn comes. */
export interface ImportedCase {
  readonly name: string;
  readonly make: () => Promise<GpuCase>;
}

/** Compilers of WGSL may assume that no value is infinite or NaN (WGSL §15.7.2), so cases that need such values are for other targets. */
const asksForNonFinite = /\/test_is(inf|nan)/;

/** ONNX's own tests that are in scope, where they are installed, and the models of peer.txt and networks.txt. */
export function onnxCases(): ImportedCase[] {
  const inScope = isInstalled ? cases().filter(({ outOfScope }) => outOfScope === undefined) : [];
  const own = inScope
    .filter(({ name }) => !asksForNonFinite.test(name))
    .map((one) => ({
      name: one.name,
      make: async () => {
        const data = dataOf(one);
        const module = imported(importCase(one, data));
        return caseOf(one.name, module, inputsOf(one, module, data));
      },
    }));
  const held = ["onnx/peer.txt", "onnx/networks.txt"].flatMap(textCases).map(({ name, input }) => ({
    name,
    make: async () => caseOf(name, imported(importOnnx(modelOf(input), { file: "net.onnx" }))),
  }));
  return [...own, ...held];
}

/** The models of TensorFlow.js, with layers and as graphs. */
export function tfjsCases(): ImportedCase[] {
  const layers = textCases("tfjs/layers.txt").map(({ name, input, options }) => ({
    name,
    files: () => withWeights(layersTopology(input, options["sequential"] === true)),
  }));
  const graphs = textCases("tfjs/graph.txt").map(({ name, input }) => ({
    name,
    files: async () => graphModel(input),
  }));
  return [...layers, ...graphs].map(({ name, files }) => ({
    name,
    make: async () => {
      const { json, shards } = await files();
      const open = openShards({ json, shards });
      return caseOf(name, imported(importTfjs(JSON.stringify(json), { openData: open })));
    },
  }));
}

function textCases(file: string) {
  const path = join(import.meta.dirname, "../..", file);
  return parseCases(readFileSync(path, "utf8"), path);
}

function imported<M extends Module>(result: {
  readonly value?: M;
  readonly diagnostics: readonly Diagnostic[];
}): M {
  if (!result.value) throw new Error(render(result.diagnostics, new Map(), { color: false }));
  return result.value;
}

/** The program of a module, optimized for the target; the interpreter has the module as it was imported. */
function caseOf(
  name: string,
  module: Module,
  operands: ReadonlyMap<string, Tensor> = randomInputs(module, seededRandom(7)),
): GpuCase {
  const optimized = optimize(module, { target: wgslTarget }).value!.module;
  // Some of the data are doubles; both get what the module takes.
  const inputs = new Map(
    [...operands].map(([key, { shape, data }]) => [key, { shape, data: data.map(Math.fround) }]),
  );
  return { name, program: wgslProgram(optimized), module, inputs };
}
