// The compiled modules: lists, loads and times them, and says whether this browser can run them.

import type { LoadOptions, Net } from "../../src/runtime/types.js";
import type { LoadingOptions } from "./loading.js";
import type { Manifest } from "./manifest.js";

/** The user's choice. */
export interface Choice {
  readonly net: string;
  readonly target: string;
  readonly threads: number;
}

/** The part of an emitted module that the page uses. */
interface Emitted {
  load(options: LoadOptions): Promise<Net>;
}

const manifests = import.meta.glob<Manifest>("./compiled/manifest.json", { eager: true, import: "default" });
const modules = import.meta.glob<Emitted>("./compiled/*/*.mjs");

/** The manifest that compile.ts wrote. */
export function readManifest(): Manifest {
  const manifest = manifests["./compiled/manifest.json"];
  if (!manifest) throw new Error("No net is compiled yet; npm run web compiles them.");
  return manifest;
}

/** Loads a compiled net. The bundler finds its weights by itself. */
export async function loadProgram({ net, target, threads }: Choice, options: LoadingOptions): Promise<Net> {
  const module = await modules[`./compiled/${target}/${net}.mjs`]?.();
  if (!module) throw new Error(`${net} is not compiled for the target ${target}.`);
  return module.load(target === "wasm" && threads > 1 ? { ...options, threads } : options);
}

/** Why this browser cannot run a target, in a sentence; undefined if it seems to be able to. */
export async function whyNot(target: string): Promise<string | undefined> {
  if (target === "wasm" && typeof WebAssembly !== "object") return "This browser has no WebAssembly.";
  if (target === "wgsl") {
    const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } };
    if (!gpu) return "This browser has no WebGPU.";
    const adapter = await gpu.requestAdapter().catch(() => null);
    if (!adapter) return "This browser has WebGPU, but finds no GPU that it may use.";
  }
  return undefined;
}

/** The numbers of threads to choose from: only 1 if memory cannot be shared. */
export function threadCounts(): number[] {
  const most = crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  return [1, 2, 4, 8].filter((count) => count <= Math.max(1, most));
}

export interface Timing {
  /** The median over the samples, of one run. */
  readonly milliseconds: number;
  readonly samples: number;
  /** Runs in each sample: enough for the coarse clocks of browsers. */
  readonly runs: number;
}

/** Times a net, after a warm-up; undefined if `signal` stopped it. */
export async function time(
  net: Net,
  inputs: Record<string, Float32Array>,
  signal: AbortSignal,
): Promise<Timing | undefined> {
  const into: Record<string, Float32Array> = await net.run(inputs);
  const sample = async (runs: number): Promise<number> => {
    const start = performance.now();
    for (let run = 0; run < runs; run++) await net.run(inputs, { into });
    return performance.now() - start;
  };
  // Engines compile a function again, with more optimization, after it has run for a while.
  for (const end = performance.now() + 30; performance.now() < end;) {
    await sample(1);
    if (signal.aborted) return undefined;
  }
  const shortest = 4;
  let runs = 1;
  while ((await sample(runs)) < shortest && runs < 1024) {
    runs *= 2;
    if (signal.aborted) return undefined;
  }
  const times: number[] = [];
  while (times.length < 9) {
    await sleep(0, signal);
    if (signal.aborted) return undefined;
    times.push((await sample(runs)) / runs);
  }
  times.sort((a, b) => a - b);
  return { milliseconds: times[Math.floor(times.length / 2)] ?? 0, samples: times.length, runs };
}

/** Waits for some milliseconds, or until the signal. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
