// Types of the runtime: what an emitted module says of itself, and what its user gets. None of it is emitted.

/** A dense tensor in the arena that `run` fills or reads; its place in elements. */
export interface Port {
  readonly name: string;
  /** Of one sample; axis 0 is 1 where the batch is open. */
  readonly shape: readonly number[];
  readonly offset: number;
  /** An output that does not depend on the inputs: it is there once, not for each sample of an open batch. */
  readonly once?: boolean;
}

/** What a module knows of its packed weights. */
export interface WeightsInfo {
  /** Name of the file beside the module. */
  readonly file: string;
  readonly elements: number;
  /** Of the data, as `hashBytes` gives it. */
  readonly hash: string;
}

export interface Model {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** The symbol of an open batch, as in `N`. */
  readonly batch?: string;
  /** Elements of the arena and of one block's scratch. */
  readonly arena: number;
  readonly scratch: number;
  /** Elements of weights that are computed when the module is loaded. */
  readonly prepared: number;
  readonly weights: WeightsInfo;
}

/** Where packed weights are: a URL (relative to the module), or the bytes of the packed file. */
export type WeightsSource = string | URL | ArrayBuffer | Uint8Array;

export interface LoadOptions {
  /** Default: the packed file beside the module, or what is embedded in it. */
  readonly weights?: WeightsSource;
  /** wgsl: the `navigator.gpu` to use, where there is none or another is meant, as from the package `webgpu` in Node. */
  readonly gpu?: object;
  /** wgsl: a GPUDevice of the caller's, which stays the caller's. */
  readonly device?: object;
  /** WebAssembly: how many threads compute; 1 by default. */
  readonly threads?: number;
  /** WebAssembly: whether `run` leaves the calling thread free also where one computes, if memory can be shared; several nets then run at once. */
  readonly worker?: boolean;
  /** WebAssembly: which of the two binaries; by default relaxed SIMD where the engine has it. Results differ in the last bits. */
  readonly simd?: "simd" | "relaxed";
  /** For tests: the arena is filled with NaN before each sample, and scratch before each launch. */
  readonly poison?: boolean;
  /** For tests: thousands of operations from which on launches are divided over threads, and nets have any. */
  readonly leastWork?: number;
}

/** Tensors by name, dense and row-major. */
export type Tensors = Readonly<Record<string, Float32Array>>;

export interface RunOptions {
  /** Arrays that the results are written into, by output name; what is missing is allocated. */
  readonly into?: Tensors;
  /** Milliseconds of each launch are added to its element. */
  readonly times?: Float64Array;
}

/** One launch of a kernel, for profiles. */
export interface LaunchInfo {
  readonly kernel: string;
  /** The nodes that it computes. */
  readonly label: string;
  /** Multiply-accumulates of one sample. */
  readonly macs: number;
}

/** What computes one sample: memory that holds inputs and outputs, and the launches over it. */
export interface Machine {
  readonly arena: Float32Array;
  /** 1 if absent. */
  readonly threads?: number;
  readonly launches: readonly LaunchInfo[];
  /** Called before the inputs of a sample are written. */
  prepare?(): void;
  /** Runs all launches; adds their milliseconds to `times`, if given. */
  step(times: Float64Array | undefined): void;
  /** The same on other threads, so that the calling one is free. */
  stepAway?(times: Float64Array | undefined): Promise<void>;
  /** Ends those threads. */
  dispose?(): void;
}

/** A loaded net. */
export interface Net {
  readonly name: string;
  /** Shapes by name; an open batch is the string of its symbol. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly launches: readonly LaunchInfo[];
  /** How many threads compute. */
  readonly threads: number;
  /** wgsl: how weights and tensors inside the net are stored. Other targets store f32. */
  readonly precision?: "f32" | "f16";
  /** wgsl: whether products are computed in subgroups. */
  readonly subgroups?: boolean;
  /** Throws `TypeError` if an input's name, type or length is wrong, and `Error` while `run` is under way on other threads. A net of the target wgsl has no `runSync`: a GPU answers later. */
  runSync(inputs: Tensors, options?: RunOptions): Record<string, Float32Array>;
  /** With several threads or a worker, on other threads than the caller's. Runs that overlap take turns; inputs are read at the turn. */
  run(inputs: Tensors, options?: RunOptions): Promise<Record<string, Float32Array>>;
  /** Frees weights and arena, and ends all threads; a later `run` throws, and one that is under way fails. */
  dispose(): void;
}
