// TensorFlow.js as a peer in Node: its own models through its loaders, other networks as calls of its ops.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as tf from "@tensorflow/tfjs-core";
import { tfjsModel } from "./tfjs-models.js";
import type { Peer, PreparedGraph, Running, Setup } from "./running.js";
import { readGraph } from "./running.js";

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

/** Two of the packages are only installed in this folder, so the name is a variable, and the compiler looks for no types. */
async function addBackend(backend: TfjsBackend): Promise<void> {
  const name: string = `@tensorflow/tfjs-backend-${backend}`;
  const added = (await import(name)) as { setWasmPaths?: (folder: string) => void };
  added.setWasmPaths?.(`${dirname(createRequire(import.meta.url).resolve(name))}/`);
}

/** A network that Cleave wrote. */
function written(folder: string, inMemory: boolean): () => Promise<Running> {
  const prepared = JSON.parse(readFileSync(join(folder, "graph.json"), "utf8")) as PreparedGraph;
  const { graph, places } = readGraph(prepared);
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
  readonly modelTopology: object;
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: tf.io.WeightsManifestEntry[];
  }[];
}

/** A model.json, a layers model or a graph model, with its shards next to it. */
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
    return tfjsModel(handler, setup);
  };
}
