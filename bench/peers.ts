// The runtimes that a network runs on side by side: Cleave's targets, onnxruntime-web, tfjs on its two CPU backends, and
// onnxruntime-node, which is native code. Each loads what `prepare.ts` wrote into a folder, in a process of its own.

import { closeSync, openSync, readFileSync, readSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { deserialize } from "node:v8";
import type { Graph } from "../src/ir/graph.js";
import { inputNodes } from "../src/ir/graph.js";
import type { LoadOptions, Net } from "../src/runtime/types.js";
import { channelsFirst, imageChannelsFirst } from "./channels.js";

/** What a peer loads. */
export interface Load {
  readonly folder: string;
  readonly threads: number;
  /** Whether the weights are in memory before, or are read from their file. */
  readonly inMemory: boolean;
}

/** A network on one runtime. */
export interface Running {
  /** How many threads compute. */
  readonly threads: number;
  /** The first output for the first input, in row-major NHWC. */
  run(input: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** What is needed before loading is done first; loading itself, the runtime's own code included, is what it gives. */
type Peer = (load: Load) => () => Promise<Running>;

/** Parts of the folder that a peer loads. */
export type Part = "cleave-js" | "cleave-wasm" | "cleave-wasm-direct" | "onnx" | "graph";

interface PeerEntry {
  readonly needs: Part;
  readonly make: Peer;
  /** Whether it can use several threads here. */
  readonly threads: boolean;
}

/** All peers; a name with `:2` behind it stands for two threads. */
export const peers = {
  "cleave-js": { needs: "cleave-js", make: cleave("cleave-js", {}), threads: false },
  "cleave-simd": { needs: "cleave-wasm", make: cleave("cleave-wasm", { simd: "simd" }), threads: true },
  "cleave-relaxed": { needs: "cleave-wasm", make: cleave("cleave-wasm", { simd: "relaxed" }), threads: true },
  "cleave-direct": {
    needs: "cleave-wasm-direct",
    make: cleave("cleave-wasm-direct", { simd: "simd" }),
    threads: true,
  },
  "onnxruntime-web": { needs: "onnx", make: onnxruntimePeer("onnxruntime-web"), threads: true },
  "tfjs-wasm": { needs: "graph", make: tfjs("wasm"), threads: false },
  "tfjs-cpu": { needs: "graph", make: tfjs("cpu"), threads: false },
  "onnxruntime-node": { needs: "onnx", make: onnxruntimePeer("onnxruntime-node"), threads: true },
} as const satisfies Readonly<Record<string, PeerEntry>>;

export interface ParsedPeer {
  readonly name: keyof typeof peers;
  readonly threads: number;
}

/** `cleave-simd:2` → its name and threads; undefined if there is no such peer. */
export function parsePeer(text: string): ParsedPeer | undefined {
  const [name = "", count = "1"] = text.split(":");
  const threads = Number(count);
  if (!Object.hasOwn(peers, name) || !Number.isInteger(threads) || threads < 1) return undefined;
  const known = name as keyof typeof peers;
  return threads > 1 && !peers[known].threads ? undefined : { name: known, threads };
}

function cleave(part: "cleave-js" | "cleave-wasm" | "cleave-wasm-direct", options: LoadOptions): Peer {
  return ({ folder, threads, inMemory }) => {
    const files = readdirSync(join(folder, part));
    const find = (ending: string): string | undefined => {
      const file = files.find((one) => one.endsWith(ending));
      return file === undefined ? undefined : join(folder, part, file);
    };
    const packed = find(".packed.safetensors");
    const weights = packed !== undefined && inMemory ? { weights: readFileSync(packed) } : {};
    const url = pathToFileURL(find(".mjs") ?? "").href;
    return async () => {
      const module = (await import(url)) as { load: (options: LoadOptions) => Promise<Net> };
      const net = await module.load({ ...options, ...weights, ...(part === "cleave-js" ? {} : { threads }) });
      const [input = ""] = Object.keys(net.inputs);
      const [output = ""] = Object.keys(net.outputs);
      return {
        threads: net.threads,
        run: async (values) => (await net.run({ [input]: values }))[output] ?? new Float32Array(),
        dispose: async () => net.dispose(),
      };
    };
  };
}

function onnxruntimePeer(name: "onnxruntime-web" | "onnxruntime-node"): Peer {
  return ({ folder, threads, inMemory }) => {
    const path = join(folder, "model.onnx");
    const model = inMemory ? readFileSync(path) : path;
    const { shape } = JSON.parse(readFileSync(join(folder, "input.json"), "utf8")) as { shape: number[] };
    return () => onnxruntime(name, model, shape, threads);
  };
}

/** A session of onnxruntime on a model of one input, an image `[1, h, w, c]` or a vector, and one output. */
export async function onnxruntime(
  name: "onnxruntime-web" | "onnxruntime-node",
  model: Uint8Array | string,
  shape: readonly number[],
  threads: number,
): Promise<Running> {
  // Installed in this folder alone, so the name is a variable: both have the same types.
  const ort = (await import(name)) as typeof import("onnxruntime-web");
  ort.env.logLevel = "error";
  const isWeb = name === "onnxruntime-web";
  if (isWeb) ort.env.wasm.numThreads = threads;
  const options = isWeb
    ? { executionProviders: ["wasm"] }
    : { executionProviders: ["cpu"], intraOpNumThreads: threads, interOpNumThreads: 1 };
  const session = await ort.InferenceSession.create(model as Uint8Array, options);
  const [input = ""] = session.inputNames;
  const [output = ""] = session.outputNames;
  let last: { values: Float32Array; tensor: InstanceType<typeof ort.Tensor> } | undefined;
  const tensorOf = (values: Float32Array) => {
    // Its order of channels is not its fault: the image is turned once, before it is timed.
    if (last?.values !== values)
      last = {
        values,
        tensor: new ort.Tensor("float32", imageChannelsFirst(values, shape), [...channelsFirst(shape)]),
      };
    return last.tensor;
  };
  return {
    threads,
    run: async (values) => (await session.run({ [input]: tensorOf(values) }))[output]?.data as Float32Array,
    dispose: () => session.release(),
  };
}

function tfjs(backend: "cpu" | "wasm"): Peer {
  return ({ folder, inMemory }) => {
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
      const { setBackend } = await import("@tensorflow/tfjs-core");
      if (backend === "cpu") await import("@tensorflow/tfjs-backend-cpu");
      else await addWasmBackend();
      if (!(await setBackend(backend))) throw new Error(`tfjs has no backend ${backend} here`);
      const { tfjsNet } = await import("./tfjs.js");
      const net = tfjsNet({ graph, readF32 });
      return { threads: 1, run: (input) => net.run(input), dispose: async () => net.dispose() };
    };
  };
}

/** What `graph.bin` holds: a graph, and where its constants stand in `constants.bin`, as element and length. */
export interface PreparedGraph {
  readonly graph: Graph;
  readonly places: ReadonlyMap<string, readonly [start: number, length: number]>;
}

/** Its package is installed in this folder alone, so the name is a variable: the compiler looks for no types. */
async function addWasmBackend(): Promise<void> {
  const name: string = "@tensorflow/tfjs-backend-wasm";
  const { setWasmPaths } = (await import(name)) as { setWasmPaths: (folder: string) => void };
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve(name))}/`);
}

/** The shape of a graph's first input. */
export function inputShape(graph: Graph): readonly number[] {
  return inputNodes(graph)[0]?.type.shape ?? [];
}
