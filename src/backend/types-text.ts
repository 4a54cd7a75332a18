// The TypeScript declarations of an emitted module, typed by the net's inputs and outputs.

import { commentText, jsProperty, jsString } from "#diagnostic/escape.js";
import type { Preprocess } from "#ir/preprocess.js";
import { valueRange } from "#ir/preprocess.js";
import { preprocessText } from "#ir/preprocess-text.js";
import type { TargetName } from "#ir/target.js";
import type { KernelProgram, Port } from "#kernel/ir/ir.js";
import type { Classifier } from "#runtime/classify.js";
import { packedName } from "./artifact.js";
import { axesText, pictureInput } from "./pictures.js";

/**
 * The text of `<net>.d.ts`. `sync` says whether the target has `runSync`; `kind` says which options and further members only this target
 * has; a list of targets, that the module is for several.
 */
export function typesText(
  program: KernelProgram,
  options: {
    readonly sync: boolean;
    readonly kind?: "wasm" | "gpu" | readonly TargetName[];
    readonly classifier?: Classifier;
  },
): string {
  const { name, batch } = program;
  const takesPictures = program.inputs.some(({ picture }) => picture !== undefined);
  const { classifier } = options;
  const [gpu, wasm] = [options.kind === "gpu", options.kind === "wasm"];
  const among = typeof options.kind === "object" ? options.kind : undefined;
  const tensor = gpu ? "Float32Array | GpuBuffer" : "Float32Array";
  const many = batch === undefined ? "" : ` ${commentText(batch)} is the number of samples, and any will do.`;
  return `// Types of the net ${commentText(name)}.
${gpu ? gpuTypes : ""}${takesPictures ? pictureTypes : ""}
/** Inputs by name: dense tensors in row-major order, with the axes in the order of their shapes.${many} */
export interface Inputs {
${ports(program, program.inputs, tensor)}
}

/** Outputs by name. */
export interface Outputs {
${ports(program, program.outputs, "Float32Array")}
}
${classifier ? labelTypes(classifier) : ""}
export type Weights = string | URL | Request | Response | ReadableStream<Uint8Array> | Blob | ArrayBuffer | Uint8Array;

export interface LoadOptions {
${among ? autoWeights(name, among) : ownWeights(name, wasm)}  /** In place of the global \`fetch\`, for headers or a cache of your own. */
  readonly fetch?: typeof fetch;
  /** Ends loading: \`load\` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Keeps a download of the weights in the Cache API, by their hash; one that was cut off goes on where it ended. Default: false. */
  readonly cache?: boolean;
  /** Called as weights arrive, with bytes as they are used: decompressed, if they are compressed. */
  readonly onProgress?: (progress: { readonly loaded: number; readonly total: number }) => void;
${gpu || among?.includes("wgsl") ? gpuLoadTypes : ""}${wasm || among?.includes("wasm") ? threadLoadTypes : ""}}

export interface RunOptions {
${
  gpu
    ? "  /** Arrays or buffers that results are written into; what is missing is allocated. */\n  readonly into?: { readonly [K in keyof Outputs]?: Float32Array | GpuBuffer };\n"
    : "  /** Arrays that results are written into; what is missing is allocated. */\n  readonly into?: Partial<Outputs>;\n  /** Adds the milliseconds of launch i to element i. */\n  readonly times?: Float64Array;\n"
}  /** Ends the run, which rejects with the signal's reason${gpu ? "" : wasm ? ": before it begins, and with threads between kernels" : ", before it begins"}. */
  readonly signal?: AbortSignal;
}

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
${takesPictures ? picturesTypes(program) : ""}${wasm ? threadTypes : among ? autoTypes(among) : ""}  /** Throws TypeError if an input's name, type or length is wrong.${wasm ? " With several threads, the calling one stays free." : ""} */
${gpu ? gpuRunTypes : "  run(inputs: Inputs, options?: RunOptions): Promise<Outputs>;\n"}${options.sync ? "  /** As run, on the calling thread. */\n  runSync(inputs: Inputs, options?: RunOptions): Outputs;\n" : ""}${classifier ? classifyTypes(tensor) : ""}  /** Frees weights and memory; a later \`run\` throws. */
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
    options?: { readonly into?: I; readonly signal?: AbortSignal },
  ): Promise<{ readonly [K in keyof Outputs]: I extends { readonly [P in K]: infer T } ? T : Float32Array }>;
  /** Runs all kernels once, so that the first \`run\` finds them compiled. */
  warmup(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** The GPUDevice that it runs on. */
  readonly device: object;
  /** How weights and tensors inside the net are stored: f16 if it was compiled for that and the device has shader-f16. */
  readonly precision: "f32" | "f16";
  /** Whether products are computed in subgroups: where the device has the feature, with subgroups of the size that kernels are for. */
  readonly subgroups: boolean;
`;

const threadLoadTypes = `  /** How many threads compute, 1 to 256. Default: 1. A page needs the headers COOP and COEP for more than one. */
  readonly threads?: number;
  /** Whether \`run\` leaves the calling thread free with one thread too. Default: false. */
  readonly worker?: boolean;
  /** Default: relaxed SIMD where the engine has it; results differ in the last bits. */
  readonly simd?: "simd" | "relaxed";
`;

const threadTypes = `  /** How many threads compute: 1 too where memory cannot be shared, or where no kernel is worth sharing. */
  readonly threads: number;
`;

/** The option `weights` of a module for one target. */
function ownWeights(net: string, areCopied: boolean): string {
  return `  /**
   * ${packedName(net)}, as it is or compressed by gzip: its URL, relative to where the module looks for it; a request, a response, a stream; or its
   * bytes${areCopied ? ", which are copied" : ", which are kept and must not change"}. Default: that file beside the module, or the weights embedded in it.
   */
  readonly weights?: Weights | Promise<Weights>;
`;
}

/** The options `weights` and `target` of a module for several targets. */
function autoWeights(net: string, among: readonly TargetName[]): string {
  const files = among.map((target) => packedName(net, target)).join(" or ");
  return `  /**
   * The weights of the target that runs, ${files}, as they are or compressed by gzip: a URL, relative to where the module looks for it; a
   * request, a response, a stream; or bytes, which are kept and must not change. Default: that file beside the module.
   */
  readonly weights?: (target: ${union(among)}) => Weights | Promise<Weights> | undefined;
  /** The only target to load. Default: the first of the module's that can run here. */
  readonly target?: ${union(among)};
`;
}

/** What the net has beside `run` on all of these targets, or on some. */
function autoTypes(among: readonly TargetName[]): string {
  const threads = `  /** How many threads compute${among.length > 1 ? "; absent on other targets than wasm" : ""}. */
  readonly threads?: number;
`;
  const warmup = `  /** On a GPU: runs all kernels once, so that the first \`run\` finds them compiled. */
  warmup?(options?: { readonly signal?: AbortSignal }): Promise<void>;
`;
  return `  /** The target that was chosen when the net was loaded, and why. */
  readonly target: { readonly name: ${union(among)}; readonly reason: string };
${among.includes("wasm") ? threads : ""}${among.includes("wgsl") ? warmup : ""}`;
}

function union(names: readonly TargetName[]): string {
  return names.map(jsString).join(" | ");
}

function ports(program: KernelProgram, all: readonly Port[], tensor: string): string {
  return all
    .map((port) => {
      const open = port.once ? undefined : program.batch;
      const shape = port.shape.map((extent, axis) => (axis === 0 ? (open ?? extent) : extent));
      const type = port.picture ? `${tensor} | Picture | readonly Picture[]` : tensor;
      return `  /** f32[${commentText(shape.join(", "))}]${commentText(factsOf(port))} */\n  readonly ${jsProperty(port.name)}: ${type};`;
    })
    .join("\n");
}

/** What is known of the values of a port, beside their shape. */
function factsOf(port: Port): string {
  const axes = axesText(port);
  const facts = [
    ...(port.once ? ["once for all samples"] : []),
    ...(axes === undefined ? [] : [axes]),
    ...(port.dtype ? [`integers of the type ${port.dtype}`] : []),
    ...(port.picture ? [pictureText(port, port.picture)] : []),
    ...(port.labels ? [labelsText(port.labels)] : []),
  ];
  return facts.map((fact) => `, ${fact}`).join("");
}

/** How pictures become the values of an input. */
function pictureText({ name, shape, dtype }: Port, picture: Preprocess): string {
  const input = pictureInput(name, picture, shape, dtype);
  const [least, greatest] = valueRange(picture).map((value) => Number(value.toPrecision(4)));
  const channels = input.depth === 1 ? "gray" : input.isBgr ? "blue, green, red" : "red, green, blue";
  const alpha = input.depth === 4 ? " and transparency" : "";
  return `${channels}${alpha} from ${least} to ${greatest}. Pictures: ${preprocessText(picture)}`;
}

/** The first and the last of many labels. */
function labelsText(labels: readonly string[]): string {
  const shown = labels.length > 12 ? [...labels.slice(0, 5), "…", labels.at(-1) ?? ""] : labels;
  return `in order: ${shown.map((label) => JSON.stringify(label)).join(", ")}`;
}

/** The types of pictures, by members that only they have, so that users need no library of types. */
const pictureTypes = `
/** Pixels in rows from the top, 1, 3 or 4 bytes for each: gray, red green blue, or these and transparency. An ImageData is one. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** How pictures become an input; see docs/pictures.md. */
export interface PictureInput {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly depth: number;
  readonly isFirst: boolean;
  readonly isBgr: boolean;
  readonly fit: "stretch" | "cover" | "contain";
  readonly crop: number;
  readonly pad: number;
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What a canvas draws: an <img>, a <video>, a VideoFrame, a <canvas> or OffscreenCanvas, an ImageBitmap. */
export type Drawable =
  | { readonly naturalWidth: number; readonly naturalHeight: number }
  | { readonly videoWidth: number; readonly videoHeight: number }
  | { readonly displayWidth: number; readonly displayHeight: number }
  | { readonly width: number; readonly height: number; getContext(kind: "2d"): unknown }
  | { readonly width: number; readonly height: number; close(): void };

/** A picture, or a part of one: by default from \`x\` and \`y\`, which are 0 by default, to its end. */
export type Picture =
  | Pixels
  | Drawable
  | {
      readonly picture: Pixels | Drawable;
      readonly x?: number;
      readonly y?: number;
      readonly width?: number;
      readonly height?: number;
    };
`;

/** The member that tells how pictures become inputs. */
function picturesTypes({ inputs }: KernelProgram): string {
  const names = inputs.flatMap(({ name, picture }) => (picture ? [jsString(name)] : []));
  return `  /** How pictures become inputs: by it, \`inPicture\` of cleave/tasks finds places of an input in its picture. */
  readonly pictures: Readonly<Record<${names.join(" | ")}, PictureInput>>;
`;
}

/** The classes of a net as a type; of thousands, a text. */
function labelTypes({ labels }: Classifier): string {
  const names = labels && labels.length <= 100 ? [...new Set(labels)].map(jsString).join(" | ") : "string";
  return `
/** A class of a picture. */
export interface Class {
  readonly label: ${names};
  readonly index: number;
  readonly probability: number;
}

export interface ClassifyOptions {
  /** How many classes. Default: 5. */
  readonly top?: number;
  /** Ends the run, as that of \`run\`. */
  readonly signal?: AbortSignal;
}
`;
}

/** The method that classifies what `run` takes; `tensor` is the type of values that are an input as they are. */
function classifyTypes(tensor: string): string {
  return `  /** The most probable classes of a picture, best first: 5, or \`top\`. */
  classify(picture: Picture, options?: ClassifyOptions): Promise<Class[]>;
  /** The same for each of several pictures. */
  classify(pictures: readonly Picture[], options?: ClassifyOptions): Promise<Class[][]>;
  /** For values of the input too: a list for each sample if there are several. */
  classify(pictures: ${tensor} | Picture | readonly Picture[], options?: ClassifyOptions): Promise<Class[] | Class[][]>;
`;
}
