// The result of a back end: the texts and bytes that `cleave compile` writes.

import type { Classifier } from "#runtime/classify.js";
import type { ModuleFormat } from "./format.js";
import type { ModuleText } from "./module-text.js";
import type { Limits } from "./wgsl/limits.js";

/** An emitted module. File names are `<net>.mjs`, `<net>.d.ts` and `<net>.packed.safetensors`. */
export interface Artifact {
  /** The net's name, made fit for a file name. */
  readonly name: string;
  readonly target: "js" | "wasm" | "wgsl";
  /** The module, an ES module unless `format` says otherwise. */
  readonly module: string;
  readonly format?: Exclude<ModuleFormat, "esm">;
  /** Its TypeScript declarations. */
  readonly types: string;
  /** The script of workers, `<net>.worker.js`, if the module was to have it as a file. */
  readonly worker?: string;
  /** The packed file; absent if a sink took it, if the weights are embedded in the module, or if there are none. */
  readonly weights?: Uint8Array;
  /** The shaders of the target wgsl by name, as the module contains them; with `f16`, in the form for devices that have f16. */
  readonly shaders?: readonly { readonly name: string; readonly text: string }[];
  /** The limits that a device of the target wgsl must have. */
  readonly needs?: Limits;
  /** The kernels that a run launches, and those that are launched once, while the net is loaded. */
  readonly kernels: number;
  readonly setup: number;
  /** The functions, or shaders, that these launches call. */
  readonly functions: number;
  /** The bytes of the arena that a loaded net holds. */
  readonly arenaBytes: number;
  /**
   * The bytes of the largest array that loading a net takes: with wasm all of its memory, with wgsl the weights on their way to the GPU.
   */
  readonly memoryBytes: number;
  readonly weightBytes: number;
  /** The number of weights that are too small to matter and were packed as 0 (docs/api.md). */
  readonly flushedWeights: number;
}

/** An artifact whose module is still in parts. */
export interface Emitted extends Omit<Artifact, "module"> {
  readonly text: ModuleText;
}

/** Receives the packed file while it is made, so that the whole file is never in memory. */
export interface WeightSink {
  /** Called before the first bytes, with the length of the packed file. Without a packed file, it is not called. */
  open(bytes: number): void;
  /**
   * Bytes at their place in the file. The sink must copy or write them before it returns. They come in order, but the header comes last.
   */
  write(at: number, bytes: Uint8Array): void;
}

export interface EmitOptions {
  /** Whether to embed the weights in the module, in base64. */
  readonly embedWeights?: boolean;
  /** The name of the packed file, if it isn't that of the net. */
  readonly packedName?: string;
  /** Receives the packed file; without it, the artifact holds the file. */
  readonly packedInto?: WeightSink;
  /** Called while weights are packed, with the number of bytes done so far and the number of all bytes. */
  readonly onPacked?: (done: number, all: number) => void;
  /** wasm: whether workers are started from a file of their own, and not from a blob. */
  readonly workerFile?: boolean;
  /** wgsl: whether to store weights and tensors inside the net as f16 if the device supports it. */
  readonly f16?: boolean;
  /** What the net does with pictures beside `run`: it classifies them. */
  readonly classifier?: Classifier;
  /** Cleave's version, for the header. */
  readonly version: string;
  /** The user's line that a node comes from, as in `seed.net:5: y = conv2d(…)`; for comments. */
  readonly lineOf?: (node: string) => string | undefined;
  /** A sentence for the header: `27 ops became 13 kernels`. */
  readonly summary?: string;
}

/** The name of the packed file of a net; in a module for several targets, of that for one of them. */
export function packedName(net: string, target?: Artifact["target"]): string {
  return `${fileNameOf(net)}${target === undefined ? "" : `.${target}`}.packed.safetensors`;
}

/** A net's name as a file name: characters that a file system or URL may not allow become `_`. */
export function fileNameOf(net: string): string {
  return net.replaceAll(/[^\w.-]/g, "_").replace(/^\.+/, "_");
}
