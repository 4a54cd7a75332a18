/// <reference types="@webgpu/types" />
// Chooses the target of a module that has several: the first in its order that can run here.

import { checkOptions, loadKinds, unlessAborted } from "./options.js";
import type { LoadOptions } from "./types.js";

/** What the module knows of all its parts. */
interface AutoModel {
  readonly name: string;
  /** The order of the parts: `time`, the least modelled time first, or `given`, that which the list of targets gave. */
  readonly order: "time" | "given";
  /** Whether the shaders were made for software adapters, which are passed over otherwise. */
  readonly forSoftware: boolean;
}

/** The part of a module that is for one target. */
interface TargetPart {
  readonly target: "js" | "wasm" | "wgsl";
  /** The function `load` of the part. */
  readonly load: (options: LoadOptions) => Promise<object>;
}

/** What the module was made of, and why: the target that runs, and why those before it do not. */
export interface ChosenTarget {
  readonly name: TargetPart["target"];
  readonly reason: string;
}

/** The options of the function `load` of a module for several targets. */
export interface AutoLoadOptions extends Omit<LoadOptions, "weights"> {
  /** The weights of a target; by default its packed file next to the module. */
  readonly weights?: (target: TargetPart["target"]) => LoadOptions["weights"];
  /** The only target to load; by default the first that can run. */
  readonly target?: TargetPart["target"];
}

/**
 * Loads the first part whose target can run here. The net has a property `target`. Each target has weights of its own, so `weights` is a
 * function of the target, and it is called for the chosen one only. Errors that are not about the target end the loading.
 */
export async function loadAuto(
  model: AutoModel,
  parts: readonly TargetPart[],
  options: AutoLoadOptions = {},
): Promise<object> {
  checkOptions(model, "load", options, { ...loadKinds, target: "" });
  options.signal?.throwIfAborted();
  // An adapter may never come.
  return unlessAborted(options.signal, loadFirst(model, parts, options));
}

async function loadFirst(
  model: AutoModel,
  parts: readonly TargetPart[],
  { target: wanted, weights, ...others }: AutoLoadOptions,
): Promise<object> {
  const names = parts.map((part) => part.target);
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new TypeError(`${model.name}: target must be ${names.join(" or ")}, not ${String(wanted)}`);
  }
  if (weights !== undefined && typeof weights !== "function") {
    throw new TypeError(
      `${model.name}: each target has weights of its own, so weights must be a function: (target) => address`,
    );
  }
  const reasons: string[] = [];
  for (const { target, load } of parts) {
    if (wanted !== undefined && target !== wanted) continue;
    const missing = await obstacleTo(model, target, others);
    others.signal?.throwIfAborted();
    if (missing === undefined || wanted !== undefined) {
      try {
        const own = weights?.(target);
        const net = await load(own === undefined ? others : { ...others, weights: own });
        const reason = [...reasons, `${target} is ${first(model, target, names, wanted)}`].join("; ");
        return Object.assign(net, { target: { name: target, reason } satisfies ChosenTarget });
      } catch (error) {
        if (wanted !== undefined || target !== "wgsl" || (error as Error | null)?.name !== "GpuError")
          throw error;
        reasons.push(`wgsl: ${(error as Error).message}`);
      }
    } else reasons.push(`${target}: ${missing}`);
  }
  throw new Error(`${model.name} can't run here: ${reasons.join("; ")}`);
}

function first(
  { order }: AutoModel,
  target: string,
  names: readonly string[],
  wanted: string | undefined,
): string {
  if (wanted !== undefined) return "asked for";
  if (names[0] !== target) return "the next one";
  return order === "time" ? "the fastest by its modelled time" : "the first in the module's list";
}

/** Why a target cannot run here, or should not; undefined if nothing is known. */
async function obstacleTo(
  { forSoftware }: AutoModel,
  target: TargetPart["target"],
  options: LoadOptions,
): Promise<string | undefined> {
  if (target === "wasm") return obstacleToWasm();
  if (target === "js" || options.device !== undefined) return undefined;
  const gpu = (options.gpu ?? (globalThis as { navigator?: { gpu?: object } }).navigator?.gpu) as
    | GPU
    | undefined;
  if (!gpu) return "there is no WebGPU";
  // The part tells the caller what a GPU is.
  if (options.gpu !== undefined && typeof gpu.requestAdapter !== "function") return undefined;
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch {
    adapter = null;
  }
  if (!adapter) return "WebGPU finds no adapter";
  if (forSoftware) return undefined;
  const info = adapter.info as (GPUAdapterInfo & { isFallbackAdapter?: boolean }) | undefined;
  return info?.isFallbackAdapter ? "the adapter is software" : undefined;
}

/** A module with one function, which counts the bits of a vec. */
const simdProbe = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
];

async function obstacleToWasm(): Promise<string | undefined> {
  if (typeof WebAssembly === "undefined") return "there is no WebAssembly";
  if (typeof DecompressionStream === "undefined") return "there is no DecompressionStream";
  try {
    // A policy without wasm-unsafe-eval forbids this.
    await WebAssembly.compile(Uint8Array.from(simdProbe));
    return undefined;
  } catch (error) {
    return `WebAssembly with SIMD is refused (${(error as Error).message})`;
  }
}
