// The TypeScript declarations of an emitted module, typed by the net's inputs and outputs.

import { commentText, jsProperty } from "#diagnostic/escape.js";
import type { KernelProgram, Port } from "#kernel/ir/ir.js";
import { fileNameOf } from "./artifact.js";

/**
 * The text of `<net>.d.ts`. `sync` says whether the target has `runSync`; `kind` says which options and further members only this target
 * has.
 */
export function typesText(
  program: KernelProgram,
  options: { readonly sync: boolean; readonly kind?: "wasm" | "gpu" },
): string {
  const { name, batch } = program;
  const [gpu, wasm] = [options.kind === "gpu", options.kind === "wasm"];
  const tensor = gpu ? "Float32Array | GpuBuffer" : "Float32Array";
  const packed = `${fileNameOf(name)}.packed.safetensors`;
  const many = batch === undefined ? "" : ` ${commentText(batch)} is the number of samples, and any will do.`;
  return `// Types of the net ${commentText(name)}.
${gpu ? gpuTypes : ""}
/** Inputs by name: dense tensors in row-major order, channels last.${many} */
export interface Inputs {
${ports(program, program.inputs, tensor)}
}

/** Outputs by name. */
export interface Outputs {
${ports(program, program.outputs, "Float32Array")}
}

export type Weights = string | URL | Request | Response | ReadableStream<Uint8Array> | Blob | ArrayBuffer | Uint8Array;

export interface LoadOptions {
  /**
   * ${packed}, as it is or compressed by gzip: its URL, relative to where the module looks for it; a request, a response, a stream; or its
   * bytes${wasm ? ", which are copied" : ", which are kept and must not change"}. Default: that file beside the module, or the weights embedded in it.
   */
  readonly weights?: Weights | Promise<Weights>;
  /** In place of the global \`fetch\`, for headers or a cache of your own. */
  readonly fetch?: typeof fetch;
  /** Ends loading: \`load\` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called as weights arrive, with bytes as they are used: decompressed, if they are compressed. */
  readonly onProgress?: (progress: { readonly loaded: number; readonly total: number }) => void;
${gpu ? gpuLoadTypes : wasm ? threadLoadTypes : ""}}

export interface RunOptions {
${
  gpu
    ? "  /** Arrays or buffers that results are written into; what is missing is allocated. */\n  readonly into?: { readonly [K in keyof Outputs]?: Float32Array | GpuBuffer };\n"
    : "  /** Arrays that results are written into; what is missing is allocated. */\n  readonly into?: Partial<Outputs>;\n  /** Adds the milliseconds of launch i to element i. */\n  readonly times?: Float64Array;\n"
}}

/** One launch of a kernel; multiply-accumulates are those of one sample. */
export interface Launch {
  readonly kernel: string;
  readonly label: string;
  readonly macs: number;
}

export interface Net {
  readonly name: string;
  /** Shapes by name. */
  readonly inputs: Readonly<Record<keyof Inputs, readonly (number | string)[]>>;
  readonly outputs: Readonly<Record<keyof Outputs, readonly (number | string)[]>>;
  readonly launches: readonly Launch[];
${wasm ? threadTypes : ""}  /** Throws TypeError if an input's name, type or length is wrong.${wasm ? " With several threads, the calling one stays free." : ""} */
${gpu ? gpuRunTypes : "  run(inputs: Inputs, options?: RunOptions): Promise<Outputs>;\n"}${options.sync ? "  /** As run, on the calling thread. */\n  runSync(inputs: Inputs, options?: RunOptions): Outputs;\n" : ""}  /** Frees weights and memory; a later \`run\` throws. */
  dispose(): void;
}

/** Reads the weights and makes the net ready.${gpu ? " Rejects with a GpuError where the GPU is the reason." : ""} */
export function load(options?: LoadOptions): Promise<Net>;
`;
}

/** The GPU types that the declarations use, reduced to the members that the module needs, so that users need no library of types. */
const gpuTypes = `
/** A GPUBuffer of the net's device, dense f32; as an input or output it is used in place if it has the usage STORAGE, else copied. */
export interface GpuBuffer {
  readonly size: number;
  readonly usage: number;
  mapAsync(mode: number): Promise<unknown>;
}

/** What \`load\`, \`run\` and \`warmup\` reject with where the GPU is the reason. */
export interface GpuError extends Error {
  readonly name: "GpuError";
  readonly code: "no-webgpu" | "no-adapter" | "limits" | "device-lost" | "out-of-memory" | "validation";
}
`;

const gpuLoadTypes = `  /** A GPUDevice to run on; it stays yours. Default: one of its own, which \`dispose\` destroys. */
  readonly device?: object;
  /** What to ask for an adapter instead of \`navigator.gpu\`, as \`create([])\` of the package webgpu in Node. */
  readonly gpu?: object;
`;

const gpuRunTypes = `  run<I extends { readonly [K in keyof Outputs]?: Float32Array | GpuBuffer } = Record<never, never>>(
    inputs: Inputs,
    options?: { readonly into?: I },
  ): Promise<{ readonly [K in keyof Outputs]: I extends { readonly [P in K]: infer T } ? T : Float32Array }>;
  /** Runs all kernels once, so that the first \`run\` finds them compiled. */
  warmup(): Promise<void>;
  /** The GPUDevice that it runs on. */
  readonly device: object;
  /** How weights and tensors inside the net are stored: f16 if it was compiled for that and the device has shader-f16. */
  readonly precision: "f32" | "f16";
  /** Whether products are computed in subgroups: where the device has the feature, with subgroups of the size that kernels are for. */
  readonly subgroups: boolean;
`;

const threadLoadTypes = `  /** How many threads compute, 1 to 256. Default: 1. A page needs the headers COOP and COEP for more than one. */
  readonly threads?: number;
  /** Default: relaxed SIMD where the engine has it; results differ in the last bits. */
  readonly simd?: "simd" | "relaxed";
`;

const threadTypes = `  /** How many threads compute: 1 too where memory cannot be shared, or where no kernel is worth sharing. */
  readonly threads: number;
`;

function ports(program: KernelProgram, all: readonly Port[], tensor: string): string {
  return all
    .map((port) => {
      const open = port.once ? undefined : program.batch;
      const shape = port.shape.map((extent, axis) => (axis === 0 ? (open ?? extent) : extent));
      const once = port.once ? ", once for all samples" : "";
      return `  /** f32[${commentText(shape.join(", "))}]${once} */\n  readonly ${jsProperty(port.name)}: ${tensor};`;
    })
    .join("\n");
}
