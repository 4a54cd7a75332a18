// What a peer's process loads and runs, whatever the runtime.

import type { Graph } from "../src/ir/graph.js";

/** Tensors by the name of their input or output, dense and row-major. */
export type Values = Readonly<Record<string, Float32Array>>;

export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What `prepare.ts` writes for the peers: where each finds the network, and what goes in. */
export interface Setup {
  readonly inputs: readonly Port[];
  /** The names of the outputs, in their order. */
  readonly outputs: readonly string[];
  /** Values of all inputs, some times over. Times are those of the first. */
  readonly samples: readonly Values[];
  /** The ONNX model; in one that Cleave wrote, images have their channels first where the inputs here have them last. */
  readonly onnx?: { readonly file: string; readonly channelsFirst: boolean };
  /** The model.json of TensorFlow.js; other networks lie in the folder as a `PreparedGraph`. */
  readonly tfjs?: { readonly file: string };
}

/** What `graph.bin` holds: a graph, and where its constants stand in `constants.bin`, as element and length. */
export interface PreparedGraph {
  readonly graph: Graph;
  readonly places: ReadonlyMap<string, readonly [start: number, length: number]>;
}

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
  /** The outputs for values of all inputs, in the shapes that Cleave has. */
  run(inputs: Values): Promise<Values>;
  dispose(): Promise<void>;
}

/** What is needed before loading is done first; loading itself, the runtime's own code included, is what it gives. */
export type Peer = (load: Load, setup: Setup) => () => Promise<Running>;
