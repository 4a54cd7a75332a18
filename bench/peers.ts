// The runtimes that a network runs on side by side: Cleave's targets, onnxruntime-web and tfjs with their back ends, and
// onnxruntime-node, which is native code. Each loads what `prepare.ts` wrote into a folder, in a process of its own.

import { closeSync, openSync, readFileSync, readSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { deserialize } from "node:v8";
import type { InferenceSession } from "onnxruntime-web";
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
export type Part = CleavePart | "onnx" | "graph";
export type CleavePart =
  | "cleave-js"
  | "cleave-wasm"
  | "cleave-wasm-direct"
  | "cleave-wgsl"
  | "cleave-wgsl-software"
  | "cleave-wgsl-f16";

interface PeerEntry {
  readonly needs: Part;
  readonly make: Peer;
  /** Whether it can use several threads here. */
  readonly threads: boolean;
  /** Whether it runs on WebGPU, which then is set up before. */
  readonly gpu: boolean;
}

/** All peers; a name with `:2` behind it stands for two threads. */
export const peers = {
  "cleave-js": { needs: "cleave-js", make: cleave("cleave-js", {}), threads: false, gpu: false },
  "cleave-simd": {
    needs: "cleave-wasm",
    make: cleave("cleave-wasm", { simd: "simd" }),
    threads: true,
    gpu: false,
  },
  "cleave-relaxed": {
    needs: "cleave-wasm",
    make: cleave("cleave-wasm", { simd: "relaxed" }),
    threads: true,
    gpu: false,
  },
  "cleave-direct": {
    needs: "cleave-wasm-direct",
    make: cleave("cleave-wasm-direct", { simd: "simd" }),
    threads: true,
    gpu: false,
  },
  "onnxruntime-web": { needs: "onnx", make: onnxruntimePeer("onnxruntime-web"), threads: true, gpu: false },
  "tfjs-wasm": { needs: "graph", make: tfjs("wasm"), threads: false, gpu: false },
  "tfjs-cpu": { needs: "graph", make: tfjs("cpu"), threads: false, gpu: false },
  "onnxruntime-node": { needs: "onnx", make: onnxruntimePeer("onnxruntime-node"), threads: true, gpu: false },
  "cleave-webgpu": { needs: "cleave-wgsl", make: cleave("cleave-wgsl", {}), threads: false, gpu: true },
  "cleave-webgpu-software": {
    needs: "cleave-wgsl-software",
    make: cleave("cleave-wgsl-software", {}),
    threads: false,
    gpu: true,
  },
  "cleave-webgpu-f16": {
    needs: "cleave-wgsl-f16",
    make: cleave("cleave-wgsl-f16", {}),
    threads: false,
    gpu: true,
  },
  "onnxruntime-web-webgpu": {
    needs: "onnx",
    make: onnxruntimePeer("onnxruntime-web/webgpu"),
    threads: false,
    gpu: true,
  },
  "tfjs-webgpu": { needs: "graph", make: tfjs("webgpu"), threads: false, gpu: true },
} as const satisfies Readonly<Record<string, PeerEntry>>;

export type PeerName = keyof typeof peers;

/** The names of those that run on WebGPU, or of those that do not. */
export function peerNames(kind: { readonly gpu: boolean }): string[] {
  return Object.entries(peers).flatMap(([name, { gpu }]) => (gpu === kind.gpu ? [name] : []));
}

export interface ParsedPeer {
  readonly name: PeerName;
  readonly threads: number;
}

/** `cleave-simd:2` → its name and threads; undefined if there is no such peer. */
export function parsePeer(text: string): ParsedPeer | undefined {
  const [name = "", count = "1"] = text.split(":");
  const threads = Number(count);
  if (!Object.hasOwn(peers, name) || !Number.isInteger(threads) || threads < 1) return undefined;
  const known = name as PeerName;
  return threads > 1 && !peers[known].threads ? undefined : { name: known, threads };
}

function cleave(part: CleavePart, options: LoadOptions): Peer {
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
      const isWasm = part === "cleave-wasm" || part === "cleave-wasm-direct";
      const net = await module.load({ ...options, ...weights, ...(isWasm ? { threads } : {}) });
      if (part === "cleave-wgsl-f16" && net.precision !== "f16")
        throw new Error("the adapter has no shader-f16");
      const [input = ""] = Object.keys(net.inputs);
      const [output = ""] = Object.keys(net.outputs);
      return {
        threads: isWasm ? net.threads : 1,
        run: async (values) => (await net.run({ [input]: values }))[output] ?? new Float32Array(),
        dispose: async () => net.dispose(),
      };
    };
  };
}

type OnnxRuntime = "onnxruntime-web" | "onnxruntime-web/webgpu" | "onnxruntime-node";

function onnxruntimePeer(name: OnnxRuntime): Peer {
  return ({ folder, threads, inMemory }) => {
    const path = join(folder, "model.onnx");
    const model = inMemory ? readFileSync(path) : undefined;
    const { shape } = JSON.parse(readFileSync(join(folder, "input.json"), "utf8")) as { shape: number[] };
    // In its build for WebGPU a path is a URL, also in Node.
    const isUrl = name === "onnxruntime-web/webgpu";
    return async () => onnxruntime(name, model ?? (isUrl ? readFileSync(path) : path), shape, threads);
  };
}

/** A session of onnxruntime on a model of one input, an image `[1, h, w, c]` or a vector, and one output. */
export async function onnxruntime(
  name: OnnxRuntime,
  model: Uint8Array | string,
  shape: readonly number[],
  threads: number,
): Promise<Running> {
  // Installed in this folder alone, so the name is a variable: all have the same types.
  const ort = (await import(name)) as typeof import("onnxruntime-web");
  ort.env.logLevel = "error";
  if (name !== "onnxruntime-node") ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(model as Uint8Array, onnxruntimeOptions(name, threads));
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

function onnxruntimeOptions(name: OnnxRuntime, threads: number): InferenceSession.SessionOptions {
  switch (name) {
    case "onnxruntime-web":
      return { executionProviders: ["wasm"] };
    case "onnxruntime-web/webgpu":
      return { executionProviders: ["webgpu"] };
    case "onnxruntime-node":
      return { executionProviders: ["cpu"], intraOpNumThreads: threads, interOpNumThreads: 1 };
    default:
      return name satisfies never;
  }
}

function tfjs(backend: "cpu" | "wasm" | "webgpu"): Peer {
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
      await addBackend(backend);
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

/** Two of the packages are installed in this folder alone, so the name is a variable: the compiler looks for no types. */
async function addBackend(backend: "cpu" | "wasm" | "webgpu"): Promise<void> {
  const name: string = `@tensorflow/tfjs-backend-${backend}`;
  const added = (await import(name)) as { setWasmPaths?: (folder: string) => void };
  added.setWasmPaths?.(`${dirname(createRequire(import.meta.url).resolve(name))}/`);
}

/** The shape of a graph's first input. */
export function inputShape(graph: Graph): readonly number[] {
  return inputNodes(graph)[0]?.type.shape ?? [];
}
