/// <reference types="@webgpu/types" />
// The WebGPU devices that tests run on: one of a kind for all files of a process. What they complain of fails the file in which it came up.

import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { nodeGpu } from "../../../src/node/gpu.js";

/**
 * Mesa's software driver spends most of its time on compiling shaders, several times as much as on running them. It is asked not to
 * optimize them, and to keep what it compiled for the next run, also of another clone; both by variables of docs.mesa3d.org/envvars.html, which others may set first.
 */
const shaderCache = join(homedir(), ".cache/cleave-tests/mesa");
mkdirSync(shaderCache, { recursive: true });
process.env["MESA_SHADER_CACHE_DIR"] ??= shaderCache;
process.env["GALLIVM_PERF"] ??= "nopt";

/** Messages of all devices, including warnings about shaders. */
const complaints: string[] = [];
const warnings: Promise<void>[] = [];

const devices = new Map<string, Promise<GPUDevice | undefined>>();

/**
 * A device on an adapter that computes, with the feature `subgroups` if requested; undefined, with a printed message, if there is none.
 * With CI in the environment that is an error, because the software adapter is installed there, and its tests must not be skipped. Tests
 * share the device, so a test that destroys one makes a separate one. Call this while a file is collected, whose tests it then watches.
 */
export function computingDevice(wish: { readonly subgroups?: boolean } = {}): Promise<GPUDevice | undefined> {
  return shared(wish.subgroups ? "subgroups" : "alone", () => makeComputing(wish));
}

/** A device that checks everything and computes nothing; it needs no driver. To be called as `computingDevice` is. */
export function nullDevice(): Promise<GPUDevice> {
  return shared("null", makeNull) as Promise<GPUDevice>;
}

function shared(kind: string, make: () => Promise<GPUDevice | undefined>): Promise<GPUDevice | undefined> {
  afterAll(expectNoComplaints);
  const made = devices.get(kind) ?? make();
  devices.set(kind, made);
  return made;
}

async function expectNoComplaints(): Promise<void> {
  await Promise.all(warnings.splice(0));
  expect(complaints.splice(0)).toEqual([]);
}

async function makeComputing(wish: { readonly subgroups?: boolean }): Promise<GPUDevice | undefined> {
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

/** Prints what cannot run here; an error in CI. */
export function complain(what: string): void {
  const message = `${what} Install libvulkan1 and mesa-vulkan-drivers 25 or newer.`;
  if (process.env["CI"]) throw new Error(message);
  process.stderr.write(`\n${message}\n\n`);
}

async function makeNull(): Promise<GPUDevice> {
  const gpu = await nodeGpu(["backend=null"]);
  const adapter = await (gpu.value as GPU).requestAdapter();
  return watched(await adapter!.requestDevice({ requiredFeatures: ["shader-f16", "subgroups"] }));
}

/** A device with another way to make buffers; everything else is the device's. */
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
  // On the object itself: objects that Dawn makes have no JavaScript class.
  device.createShaderModule = (wish) => {
    const module = createShaderModule(wish);
    warnings.push(noteWarnings(module));
    return module;
  };
  return device;
}

/** Errors are not noted: the device reports them itself. */
async function noteWarnings(module: GPUShaderModule): Promise<void> {
  const info = await module.getCompilationInfo().catch(() => undefined);
  for (const { type, message, lineNum } of info?.messages ?? [])
    if (type !== "error") complaints.push(`${module.label}:${lineNum}: ${message}`);
}
