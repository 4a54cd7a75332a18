// WebGPU in Node, through the optional package `webgpu` (Dawn).

import type { GpuErrorCode } from "#runtime/wgsl/error.js";
import { tmpdir } from "node:os";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";

/** The object without flags, which all callers share. */
let kept: object | undefined;

const help = [
  "npm install webgpu",
  "it needs a Vulkan, Metal or D3D12 driver; without a GPU, a software one: apt install libvulkan1 mesa-vulkan-drivers (version 25 or newer)",
  "--target wasm runs without a GPU",
];

/** The GPU object for `load({ gpu })`; `flags` are Dawn's, such as `adapter=llvmpipe`. A diagnostic if the package is not installed. */
export async function nodeGpu(flags: readonly string[] = []): Promise<Result<object>> {
  if (kept && flags.length === 0) return { value: kept, diagnostics: [] };
  // The Vulkan loader looks for the display here, and prints a warning if it is not set.
  process.env["XDG_RUNTIME_DIR"] ??= tmpdir();
  try {
    const { create } = await import("webgpu");
    const gpu = create([...flags]);
    if (flags.length === 0) kept = gpu;
    alive.add(gpu);
    return { value: gpu, diagnostics: [] };
  } catch (cause) {
    const isMissing = (cause as { code?: unknown } | null)?.code === "ERR_MODULE_NOT_FOUND";
    const why = isMissing ? "the package is not installed" : String(cause);
    return {
      diagnostics: [
        error("no-webgpu", `the target wgsl runs through the package webgpu in Node: ${why}`, { help }),
      ],
    };
  }
}

/** Dawn's objects must stay reachable while any part of them is in use; otherwise Node crashes at a garbage collection. */
const alive = new Set<object>();

/** The error of an emitted module as a diagnostic, if it is a `GpuError`. */
export function gpuDiagnostic(cause: unknown): Result<never> | undefined {
  if (!(cause instanceof Error) || cause.name !== "GpuError") return undefined;
  const { code } = cause as Error & { code: GpuErrorCode };
  return { diagnostics: [error(code, cause.message, code === "no-adapter" ? { help: help.slice(1) } : {})] };
}
