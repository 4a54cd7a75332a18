// The results of TensorFlow.js itself for a model, and layers models with weights that it made.

import "@tensorflow/tfjs-backend-cpu";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { seededRandom } from "#ops/random.js";
import type { ModelFiles } from "./text-model.js";

// Other test files in the process may have registered a faster backend, or run on one.
const onCpu = (): Promise<boolean> => tf.setBackend("cpu");

/** Tensors by name. */
export type Values = ReadonlyMap<string, { readonly data: Float32Array; readonly shape: readonly number[] }>;

/** The model of a topology with seeded weights, variances positive. */
export async function withWeights(topology: object): Promise<ModelFiles> {
  await onCpu();
  const model = await layers.models.modelFromJSON(topology as never);
  const random = seededRandom(11);
  const values = model.weights.map(({ name, shape }) => {
    const isPositive = /variance|gamma/.test(name);
    const size = shape.reduce<number>((product, extent) => product * extent!, 1);
    const numbers = Array.from({ length: size }, () =>
      isPositive ? 0.5 + random.next() : random.normal() * 0.4,
    );
    return tf.tensor(numbers, shape as number[]);
  });
  model.setWeights(values);
  let artifacts: tf.io.ModelArtifacts | undefined;
  await model.save({
    save: (given) => {
      artifacts = given;
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } });
    },
  });
  // Variables are registered by name in the whole process, also for another copy of TensorFlow.js.
  model.dispose();
  const { weightSpecs, weightData } = artifacts!;
  return {
    json: {
      format: "layers-model",
      // What it saves itself lacks some settings, such as depth multipliers.
      modelTopology: topology,
      weightsManifest: [{ paths: ["weights.bin"], weights: weightSpecs }],
    },
    shards: new Map([["weights.bin", new Uint8Array(weightData as ArrayBuffer)]]),
  };
}

/** The results of a model in the order of its outputs. */
export async function peerResults(files: ModelFiles, inputs: Values): Promise<Float32Array[]> {
  return (await peerTensors(files, inputs)).map((one) => one.dataSync() as Float32Array);
}

/** The same with their shapes. */
export async function peerTensors({ json, shards }: ModelFiles, inputs: Values): Promise<tf.Tensor[]> {
  await onCpu();
  const manifest = json["weightsManifest"] as { paths: string[]; weights: never[] }[];
  const all = Buffer.concat(manifest.flatMap(({ paths }) => paths.map((path) => shards.get(path)!)));
  const handler: tf.io.IOHandler = {
    load: () =>
      Promise.resolve({
        ...json,
        weightSpecs: manifest.flatMap(({ weights }) => weights),
        weightData: all.buffer.slice(all.byteOffset, all.byteOffset + all.length),
      } as tf.io.ModelArtifacts),
  };
  const tensors = [...inputs].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])] as const);
  if (json["format"] === "graph-model") {
    const model = await loadGraphModel(handler);
    const names = model.outputs.map(({ name }) => name);
    const given = Object.fromEntries(tensors);
    // Models with control flow, or results without a fixed size, run in their own way.
    const hasControl =
      /"op":"(Switch|StatelessWhile|While|StatelessIf|If|TensorList\w+|NonMaxSuppressionV\d|Where)"/.test(
        JSON.stringify(json),
      );
    const result = hasControl ? await model.executeAsync(given, names) : model.execute(given, names);
    return [result].flat();
  }
  const model = await layers.loadLayersModel(handler);
  const result = model.predict(tensors.map(([, one]) => one));
  model.dispose();
  return [result].flat();
}
