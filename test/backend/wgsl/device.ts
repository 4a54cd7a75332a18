/// <reference types="@webgpu/types" />
// The WebGPU device that tests run on: one for all tests of a file, with everything that it complains of kept.

import { afterAll, describe, expect } from "vitest";
import { nodeGpu } from "../../../src/node/gpu.js";

/** Complaints of the devices of this file, warnings about shaders among them; each fails the test file that it came up in. */
const complaints: string[] = [];
const warnings: Promise<void>[] = [];

/**
 * A device on an adapter that computes, with the feature `subgroups` if asked for; undefined, loudly, where there is none. With CI in
 * the environment that is an error: there the software adapter is installed, and what needs it may not be skipped.
 */
export async function computingDevice(
  wish: { readonly subgroups?: boolean } = {},
): Promise<GPUDevice | undefined> {
  const gpu = await nodeGpu();
  const adapter = await (gpu.value as GPU | undefined)?.requestAdapter().catch(() => null);
  if (adapter) {
    const half = "shader-f16" as const;
    if (!adapter.features.has(half))
      complain("NO ADAPTER WITH shader-f16: modules for f16 are run in f32 here.");
    const features = wish.subgroups ? [half, "subgroups" as const] : [half];
    const requiredFeatures = features.filter((feature) => adapter.features.has(feature));
    return watched(await adapter.requestDevice({ requiredFeatures }));
  }
  complain("NO WEBGPU ADAPTER: nothing of the target wgsl is run here.");
  return undefined;
}

/** Says loudly what cannot be run here; an error in CI. */
export function complain(what: string): void {
  const message = `${what} Install libvulkan1 and mesa-vulkan-drivers 25 or newer.`;
  if (process.env["CI"]) throw new Error(message);
  process.stderr.write(`\n${message}\n\n`);
}

/** A device that checks everything and computes nothing; it needs no driver. */
export async function nullDevice(): Promise<GPUDevice> {
  const gpu = await nodeGpu(["backend=null"]);
  const adapter = await (gpu.value as GPU).requestAdapter();
  return watched(await adapter!.requestDevice({ requiredFeatures: ["shader-f16", "subgroups"] }));
}

/** A device with another way to make buffers; all else is the device's. */
export function withBuffers(
  device: GPUDevice,
  createBuffer: (wish: GPUBufferDescriptor) => GPUBuffer,
): GPUDevice {
  return withProperty(device, "createBuffer", createBuffer);
}

/** A device with another value of a property. */
export function withProperty(device: GPUDevice, name: keyof GPUDevice, own: unknown): GPUDevice {
  return new Proxy(device, {
    get(target, key) {
      if (key === name) return own;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Suites that need a device; skipped without one. */
export const describeOn = (device: GPUDevice | undefined): typeof describe.skip =>
  device ? describe : describe.skip;

function watched(device: GPUDevice): GPUDevice {
  device.addEventListener("uncapturederror", (event) => {
    complaints.push((event as GPUUncapturedErrorEvent).error.message);
  });
  const createShaderModule = device.createShaderModule.bind(device);
  // On the object itself: what Dawn makes is not a class of JavaScript's.
  device.createShaderModule = (wish) => {
    const module = createShaderModule(wish);
    warnings.push(noteWarnings(module));
    return module;
  };
  return device;
}

/** Errors are not noted: the device tells of them itself. */
async function noteWarnings(module: GPUShaderModule): Promise<void> {
  const info = await module.getCompilationInfo().catch(() => undefined);
  for (const { type, message, lineNum } of info?.messages ?? [])
    if (type !== "error") complaints.push(`${module.label}:${lineNum}: ${message}`);
}

afterAll(async () => {
  await Promise.all(warnings);
  expect(complaints).toEqual([]);
});
