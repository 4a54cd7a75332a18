/// <reference types="@webgpu/types" />
// The WebGPU device that tests run on: one for all tests of a file, with everything that it complains of kept.

import { afterAll, describe, expect } from "vitest";
import { nodeGpu } from "../../../src/node-gpu.js";

/** Complaints of the devices of this file; each fails the test file that it came up in. */
const complaints: string[] = [];

/**
 * A device on an adapter that computes; undefined, loudly, where there is none. With CI in the environment that is an error:
 * there the software adapter is installed, and what needs it may not be skipped.
 */
export async function computingDevice(): Promise<GPUDevice | undefined> {
  const gpu = await nodeGpu();
  const adapter = await (gpu.value as GPU | undefined)?.requestAdapter().catch(() => null);
  if (adapter) return watched(await adapter.requestDevice());
  const message =
    "NO WEBGPU ADAPTER: nothing of the target wgsl is run here. Install libvulkan1 and mesa-vulkan-drivers 25 or newer.";
  if (process.env["CI"]) throw new Error(message);
  process.stderr.write(`\n${message}\n\n`);
  return undefined;
}

/** A device that checks everything and computes nothing; it needs no driver. */
export async function nullDevice(): Promise<GPUDevice> {
  const gpu = await nodeGpu(["backend=null"]);
  const adapter = await (gpu.value as GPU).requestAdapter();
  return watched(await adapter!.requestDevice());
}

/** Suites that need a device; skipped without one. */
export const describeOn = (device: GPUDevice | undefined): typeof describe.skip =>
  device ? describe : describe.skip;

function watched(device: GPUDevice): GPUDevice {
  device.addEventListener("uncapturederror", (event) => {
    complaints.push((event as GPUUncapturedErrorEvent).error.message);
  });
  return device;
}

afterAll(() => {
  expect(complaints).toEqual([]);
});
