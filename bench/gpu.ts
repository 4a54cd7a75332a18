/// <reference types="@webgpu/types" />
// Sets up WebGPU in Node for runtimes that expect a browser: `navigator.gpu` and its classes, from the package `webgpu`.

import { tmpdir } from "node:os";
import type { GpuClasses, GpuCounter } from "./gpu-counter.js";
import { countGpu } from "./gpu-counter.js";

/** Dawn's object must stay reachable as long as anything of it is in use, or Node crashes at a garbage collection. */
const alive = new Set<GPU>();

/**
 * Sets WebGPU up on an adapter: a part of its name, or the manifest of a Vulkan driver, a file that ends in `.json`; without either, Dawn's
 * own choice. With `count`, the requests are counted. Throws if the package does not run.
 */
export async function setUpGpu(
  adapter: string | undefined,
  count: boolean,
): Promise<{ readonly gpu: GPU; readonly counter?: GpuCounter }> {
  const isDriver = adapter?.endsWith(".json") ?? false;
  if (isDriver && adapter !== undefined) process.env["VK_DRIVER_FILES"] = adapter;
  // The Vulkan loader looks for the display here, and prints warnings if it is not set.
  process.env["XDG_RUNTIME_DIR"] ??= tmpdir();
  // The package is installed in this folder too, so the name is a variable: the compiler must take the types of WebGPU from one place.
  const name: string = "webgpu";
  const { create, globals } = (await import(name)) as {
    create: (flags: string[]) => GPU;
    globals: GpuClasses;
  };
  const gpu = create(adapter === undefined || isDriver ? [] : [`adapter=${adapter}`]);
  alive.add(gpu);
  Object.assign(globalThis, globals);
  const { navigator = {} } = globalThis as { navigator?: object };
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  // Node 20 has no navigator.
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  return count ? { gpu, counter: countGpu(globals) } : { gpu };
}
