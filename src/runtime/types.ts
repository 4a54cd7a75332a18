// Types of the runtime: the description in an emitted module, and the interface for its user. This file is not emitted.

/** A dense tensor in the arena that `run` fills or reads; its place in elements. */
export interface Port {
  readonly name: string;
  /** The shape of one sample; axis 0 is 1 if the batch is open. */
  readonly shape: readonly number[];
  readonly offset: number;
  /** How the arena holds its elements, and in which the offset counts; f32 if absent. */
  readonly element?: "i8" | "u8" | "i16" | "i32";
  /** Whether this output does not depend on the inputs: it exists once, not for each sample of an open batch. */
  readonly once?: boolean;
}

/** What a module knows about its packed weights. */
export interface WeightsInfo {
  /** The name of the file next to the module. */
  readonly file: string;
  readonly elements: number;
  /** The hash of the data, as `hashBytes` computes it. */
  readonly hash: string;
  /** If some weights are stored as codes: bytes of data in the file, and how each weight is stored. */
  readonly bytes?: number;
  readonly stored?: readonly Stored[];
}

/** Weights in a packed file, in order: elements that are stored as f32, or a weight that is stored as codes. */
export type Stored = readonly [elements: number] | StoredCodes;

/**
 * Elements; the type of the codes; scale and min of integers; the bytes of a factor, or 0 if there are none; and stretches
 * of rows, whose columns each have a factor: how often the stretch is repeated, its rows and its columns.
 */
export type StoredCodes = readonly [
  elements: number,
  type: "int8" | "uint8" | "uint16" | "float16",
  scale: number,
  min: number,
  factorBytes: 0 | 4 | 8,
  ...stretches: number[],
];

export interface Model {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** The symbol of an open batch, such as `N`. */
  readonly batch?: string;
  /** Elements of the arena and of one block's scratch. */
  readonly arena: number;
  readonly scratch: number;
  /** Elements of weights that are computed when the module is loaded. */
  readonly prepared: number;
  readonly weights: WeightsInfo;
}

/** The packed file, as it is or compressed by gzip: its URL (relative to the module), a request or response, a stream, or its bytes. */
type WeightsGiven =
  | string
  | URL
  | Request
  | Response
  | ReadableStream<Uint8Array>
  | Blob
  | ArrayBuffer
  | Uint8Array;

/** Bytes of weights that have arrived, decompressed, and all of them. */
export interface Progress {
  readonly loaded: number;
  readonly total: number;
}

/** What `load` takes. */
export interface LoadOptions {
  /** Default: the packed file next to the module, or the weights embedded in it. */
  readonly weights?: WeightsGiven | Promise<WeightsGiven>;
  /** In place of the global `fetch`, for headers or a cache of one's own. */
  readonly fetch?: typeof fetch;
  /** Ends loading; `load` then fails with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Keeps a download of the weights in the Cache API, by their hash, from where the next load reads them; one that was cut off goes on where
   * it ended.
   */
  readonly cache?: boolean;
  /** Called as weights arrive. */
  readonly onProgress?: (progress: Progress) => void;
  /**
   * wgsl: the `navigator.gpu` to use if none exists or another one is wanted, such as that of the package `webgpu` in
   * Node.
   */
  readonly gpu?: object;
  /** wgsl: a GPUDevice of the caller; the net does not destroy it. */
  readonly device?: object;
  /** WebAssembly: how many threads compute; 1 by default. */
  readonly threads?: number;
  /**
   * WebAssembly: whether `run` leaves the calling thread free even if only one thread computes, where memory can be
   * shared; then several nets can run at once.
   */
  readonly worker?: boolean;
  /**
   * WebAssembly: which of the two binaries; by default relaxed SIMD if the engine has it. Results differ in the last
   * bits.
   */
  readonly simd?: "simd" | "relaxed";
  /** For tests: whether to fill the arena with NaN before each sample, and scratch before each launch. */
  readonly poison?: boolean;
  /** For tests: the thousands of operations from which launches are divided over threads, and nets have threads. */
  readonly leastWork?: number;
}

/** Tensors by name, dense and row-major. */
export type Tensors = Readonly<Record<string, Float32Array>>;

/** What `run` of a net takes. */
export interface RunOptions {
  /** Arrays that receive the results, by output name; missing ones are allocated. */
  readonly into?: Tensors;
  /** The milliseconds of each launch are added to its element. */
  readonly times?: Float64Array;
  /** Ends the run, which rejects with the signal's reason: before it begins, and on other threads between launches. */
  readonly signal?: AbortSignal;
}

/** One launch of a kernel, for profiles. */
export interface LaunchInfo {
  readonly kernel: string;
  /** The nodes that it computes. */
  readonly label: string;
  /** Multiply-accumulates of one sample. */
  readonly macs: number;
}

/** Computes one sample: memory that holds inputs and outputs, and the launches over it. */
export interface Machine {
  readonly arena: Float32Array;
  /** 1 if absent. */
  readonly threads?: number;
  readonly launches: readonly LaunchInfo[];
  /** Called before the inputs of a sample are written. */
  prepare?(): void;
  /** Runs all launches; adds their milliseconds to `times`, if given. */
  step(times: Float64Array | undefined): void;
  /** The same on other threads, so that the calling thread stays free; it rejects if the signal ends it between launches. */
  stepAway?(options: RunOptions): Promise<void>;
  /** Ends those threads. */
  dispose?(): void;
}

/** A loaded net. */
export interface Net {
  readonly name: string;
  /** Shapes by name; an open batch is its symbol as a string. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly launches: readonly LaunchInfo[];
  /** How many threads compute. */
  readonly threads: number;
  /** wgsl: how weights and tensors inside the net are stored. Other targets store f32. */
  readonly precision?: "f32" | "f16";
  /** wgsl: whether products are computed in subgroups. */
  readonly subgroups?: boolean;
  /**
   * Throws `TypeError` if an input's name, type or length is wrong, and `Error` during a `run` on other threads. A net
   * of the target wgsl has no `runSync`, because a GPU answers later.
   */
  runSync(inputs: Tensors, options?: RunOptions): Record<string, Float32Array>;
  /**
   * With several threads or a worker, it computes on other threads than the caller's. Overlapping runs take turns;
   * inputs are read when their turn comes.
   */
  run(inputs: Tensors, options?: RunOptions): Promise<Record<string, Float32Array>>;
  /** Frees weights and arena, and ends all threads. A later `run` throws, and an unfinished one fails. */
  dispose(): void;
}
