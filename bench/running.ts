// The interface of peers on all runtimes.

import type { Graph, Node } from "../src/ir/graph.js";

/** Tensors by the name of their input or output, dense and row-major. */
export type Values = Readonly<Record<string, Float32Array>>;

export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What `prepare.ts` writes for the peers: where each finds the network, and the inputs. */
export interface Setup {
  readonly inputs: readonly Port[];
  /** The names of the outputs, in their order. */
  readonly outputs: readonly string[];
  /** Several sets of values for all inputs. The first is timed. */
  readonly samples: readonly Values[];
  /** The ONNX models by part. In a model that Cleave wrote, images have their channels first where the inputs here have them last. */
  readonly onnx?: Readonly<Record<OnnxPart, { readonly file: string; readonly channelsFirst: boolean }>>;
  /** The model.json of TensorFlow.js, a graph model or a layers model; other networks are in the folder as a `PreparedGraph`. */
  readonly tfjs?: { readonly file: string; readonly isGraph: boolean };
}

/** The content of `graph.json`: a graph without kernels, and where its constants are in `constants.bin`, as element and length. */
export interface PreparedGraph {
  readonly graph: Omit<Graph, "nodes" | "kernels">;
  readonly nodes: readonly Node[];
  readonly places: readonly (readonly [weight: string, place: WeightPlace])[];
}

export type WeightPlace = readonly [start: number, length: number];

export function readGraph({ graph, nodes, places }: PreparedGraph): {
  readonly graph: Graph;
  readonly places: ReadonlyMap<string, WeightPlace>;
} {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return { graph: { ...graph, nodes: byId, kernels: new Map() }, places: new Map(places) };
}

export interface Load {
  readonly folder: string;
  readonly threads: number;
  /** Whether the weights are in memory before loading, or are read from their file. */
  readonly inMemory: boolean;
}

/** A network on one runtime. */
export interface Running {
  /** How many threads compute. */
  readonly threads: number;
  /** The outputs for values of all inputs, in Cleave's shapes. */
  run(inputs: Values): Promise<Values>;
  dispose(): Promise<void>;
}

/** Prepares loading first, and returns the function that loads, including the runtime's own code. */
export type Peer = (load: Load, setup: Setup) => () => Promise<Running>;

/** Parts of the folder that a peer loads. */
export type Part = CleavePart | OnnxPart | TflitePart | "tfjs";
export type OnnxPart = "onnx" | "onnx-int8";
export type TflitePart = "tflite" | "tflite-int8";
export type CleavePart =
  | "cleave-js"
  | "cleave-wasm"
  | "cleave-wasm-int8"
  | "cleave-wasm-direct"
  | "cleave-wgsl"
  | "cleave-wgsl-software"
  | "cleave-wgsl-f16";

/** The ending of peers, and of what they load, that compute with integers of 8 bits. */
export const int8 = "-int8";

/** Whether a peer, with or without a number of threads, or a part is one of these. */
export function isInt8(peerOrPart: string): boolean {
  return peerOrPart.replace(/:\d+$/, "").endsWith(int8);
}

export interface PeerKind {
  readonly needs: Part;
  /** Whether it can use several threads here. */
  readonly threads: boolean;
  /** Whether it runs on WebGPU, which is set up before. */
  readonly gpu: boolean;
}

export interface ParsedPeer extends PeerKind {
  readonly name: string;
  /** How many threads it should use. */
  readonly count: number;
}

/** `cleave-simd:2` → its kind in a table of peers, its name and threads; undefined if there is no such peer. */
export function parsePeer(text: string, table: Readonly<Record<string, PeerKind>>): ParsedPeer | undefined {
  const [name = "", digits = "1"] = text.split(":");
  const count = Number(digits);
  const kind = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!kind || !Number.isInteger(count) || count < 1 || (count > 1 && !kind.threads)) return undefined;
  const { needs, threads, gpu } = kind;
  return { name, count, needs, threads, gpu };
}
