// TensorFlow.js as a peer: a model of its own through its loaders, other networks as calls of its ops.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { deserialize } from "node:v8";
import type * as tf from "@tensorflow/tfjs-core";
import type { Peer, PreparedGraph, Running, Setup, Values } from "./running.js";

export type TfjsBackend = "cpu" | "wasm" | "webgpu";

export function tfjsPeer(backend: TfjsBackend): Peer {
  return ({ folder, inMemory }, setup) => {
    const load = setup.tfjs ? original(setup.tfjs.file, inMemory, setup) : written(folder, inMemory);
    return async () => {
      const { setBackend } = await import("@tensorflow/tfjs-core");
      await addBackend(backend);
      if (!(await setBackend(backend))) throw new Error(`tfjs has no backend ${backend} here`);
      return load();
    };
  };
}

/** Two of the packages are installed in this folder alone, so the name is a variable: the compiler looks for no types. */
async function addBackend(backend: TfjsBackend): Promise<void> {
  const name: string = `@tensorflow/tfjs-backend-${backend}`;
  const added = (await import(name)) as { setWasmPaths?: (folder: string) => void };
  added.setWasmPaths?.(`${dirname(createRequire(import.meta.url).resolve(name))}/`);
}

/** A network that Cleave wrote. */
function written(folder: string, inMemory: boolean): () => Promise<Running> {
  const { graph, places } = deserialize(readFileSync(join(folder, "graph.bin"))) as PreparedGraph;
  const file = join(folder, "constants.bin");
  const all = inMemory ? readFileSync(file) : undefined;
  const readF32 = (weight: string): Float32Array => {
    const [start = 0, length = 0] = places.get(weight) ?? [];
    if (all) return new Float32Array(all.buffer, all.byteOffset + start * 4, length);
    const values = new Float32Array(length);
    const handle = openSync(file, "r");
    readSync(handle, new Uint8Array(values.buffer), 0, length * 4, start * 4);
    closeSync(handle);
    return values;
  };
  return async () => {
    const { tfjsNet } = await import("./tfjs.js");
    const net = tfjsNet({ graph, readF32 });
    return { threads: 1, run: (inputs) => net.run(inputs), dispose: async () => net.dispose() };
  };
}

interface ModelJson {
  readonly format?: string;
  readonly modelTopology: object;
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: tf.io.WeightsManifestEntry[];
  }[];
}

/** A model.json, a layers model or a graph model, with its shards beside it. */
function original(file: string, inMemory: boolean, setup: Setup): () => Promise<Running> {
  const read = (): { readonly json: ModelJson; readonly shards: ArrayBuffer[] } => {
    const json = JSON.parse(readFileSync(file, "utf8")) as ModelJson;
    const paths = json.weightsManifest.flatMap((group) => group.paths);
    return {
      json,
      shards: paths.map((path) => new Uint8Array(readFileSync(join(dirname(file), path))).buffer),
    };
  };
  const inAdvance = inMemory ? read() : undefined;
  return async () => {
    const { json, shards } = inAdvance ?? read();
    const artifacts: tf.io.ModelArtifacts = {
      ...json,
      weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
      weightData: shards,
    };
    const handler: tf.io.IOHandler = { load: () => Promise.resolve(artifacts) };
    return json.format === "graph-model" ? graphModel(handler, setup) : layersModel(handler, setup);
  };
}

async function graphModel(handler: tf.io.IOHandler, setup: Setup): Promise<Running> {
  const { loadGraphModel } = await import("@tensorflow/tfjs-converter");
  const model = await loadGraphModel(handler);
  const outputs = model.outputs.map(({ name }) => name);
  return running(model, setup, (tensors) => model.execute(tensors, outputs));
}

async function layersModel(handler: tf.io.IOHandler, setup: Setup): Promise<Running> {
  const { loadLayersModel } = await import("@tensorflow/tfjs-layers");
  const model = await loadLayersModel(handler);
  return running(model, setup, (tensors) => model.predict(Object.values(tensors)));
}

/** Both kinds of models take their inputs and give their results in the order that Cleave keeps. */
async function running(
  model: { dispose(): unknown },
  { inputs, outputs }: Setup,
  forward: (tensors: Record<string, tf.Tensor>) => tf.Tensor | tf.Tensor[],
): Promise<Running> {
  const { tensor, tidy } = await import("@tensorflow/tfjs-core");
  return {
    threads: 1,
    run: async (values): Promise<Values> => {
      const results = tidy(() =>
        [
          forward(
            Object.fromEntries(
              inputs.map(({ name, shape }) => [name, tensor(values[name] ?? [], [...shape])]),
            ),
          ),
        ].flat(),
      );
      const entries: [string, Float32Array][] = [];
      for (const [at, result] of results.entries()) {
        entries.push([outputs[at] ?? "", (await result.data()) as Float32Array]);
        result.dispose();
      }
      return Object.fromEntries(entries);
    },
    dispose: async () => void model.dispose(),
  };
}
