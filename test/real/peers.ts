// What a model's own runtime computes of it: onnxruntime-web or TensorFlow.js, from the file as it was published.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import * as ort from "onnxruntime-web";
import { isOnnx } from "../../src/node/import-file.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const wasm = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
setWasmPaths(`${dirname(wasm)}/`);

/** A tensor that a model is given, as this project has it. */
export interface Given {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Runs a published model on some sets of inputs; each gives the outputs in the order of the model. */
export function peerResults(
  path: string,
  runs: readonly (readonly Given[])[],
  outputs: readonly string[],
): Promise<Float32Array[][]> {
  return isOnnx(path) ? onnxResults(path, runs, outputs) : tfjsResults(path, runs);
}

async function onnxResults(
  path: string,
  runs: readonly (readonly Given[])[],
  outputs: readonly string[],
): Promise<Float32Array[][]> {
  const session = await ort.InferenceSession.create(readFileSync(path));
  const all: Float32Array[][] = [];
  const types = new Map(session.inputMetadata.flatMap((one) => (one.isTensor ? [[one.name, one.type]] : [])));
  for (const given of runs) {
    const feeds = given.map(({ name, shape, data }) => {
      const isWhole = types.get(name) === "int64";
      const tensor = isWhole
        ? new ort.Tensor(
            "int64",
            BigInt64Array.from(data, (value) => BigInt(value)),
            shape,
          )
        : new ort.Tensor("float32", data, shape);
      return [name, tensor] as const;
    });
    const results = await session.run(Object.fromEntries(feeds));
    all.push(outputs.map((name) => Float32Array.from(results[name]!.data as Float32Array, Number)));
  }
  await session.release();
  return all;
}

/** On WebAssembly, or where that lacks a kernel in plain JavaScript. */
async function tfjsResults(path: string, runs: readonly (readonly Given[])[]): Promise<Float32Array[][]> {
  for (const backend of ["wasm", "cpu"]) {
    await tf.setBackend(backend);
    try {
      return await tfjsOn(path, runs);
    } catch (cause) {
      if (backend === "cpu") throw cause;
    }
  }
  return [];
}

async function tfjsOn(path: string, runs: readonly (readonly Given[])[]): Promise<Float32Array[][]> {
  const json = JSON.parse(readFileSync(path, "utf8")) as tf.io.ModelJSON & { format?: string };
  const shards = json.weightsManifest.flatMap(({ paths }) =>
    paths.map((name) => readFileSync(join(dirname(path), name))),
  );
  const bytes = Buffer.concat(shards);
  const handler: tf.io.IOHandler = {
    load: () =>
      Promise.resolve({
        ...json,
        weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
        weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer,
      } as tf.io.ModelArtifacts),
  };
  const isGraph = json.format === "graph-model" || "node" in (json.modelTopology as object);
  const model = isGraph ? await loadGraphModel(handler) : await layers.loadLayersModel(handler);
  const types = new Map(model.inputs.map(({ name, dtype }) => [name, dtype]));
  const all: Float32Array[][] = [];
  for (const given of runs) {
    const tensors = given.map(({ name, shape, data }) => {
      const dtype = types.get(name) ?? types.get(`${name}:0`);
      return [name, tf.tensor(data, [...shape], dtype === "int32" ? "int32" : "float32")] as const;
    });
    const result =
      "executeAsync" in model
        ? await model.executeAsync(
            Object.fromEntries(tensors),
            model.outputs.map(({ name }) => name),
          )
        : model.predict(tensors.map(([, tensor]) => tensor));
    all.push([result].flat().map((one) => Float32Array.from(one.dataSync())));
    tf.dispose([...tensors.map(([, tensor]) => tensor), result] as tf.Tensor[]);
  }
  model.dispose();
  return all;
}
