/// <reference types="@webgpu/types" />
// The device of a net: finding one, checking its limits, and its errors.

import { gpuError } from "./gpu-error.js";
import type { GpuModel } from "./gpu-types.js";

/** A device of the net's own, with no more than it needs. */
export async function findDevice(model: GpuModel, given: GPU | undefined): Promise<GPUDevice> {
  const gpu = given ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!gpu) {
    throw gpuError(
      "no-webgpu",
      `${model.name}: there is no WebGPU here (navigator.gpu is missing); use a browser that has it, on a page from https or localhost, ` +
        "or in Node pass load({ gpu: create([]) }) with create from the package webgpu",
    );
  }
  // Dawn in Node rejects where browsers give null.
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) {
    throw gpuError(
      "no-adapter",
      `${model.name}: WebGPU finds no adapter; a GPU driver is missing or blocked. The same net compiled with --target js runs without one`,
    );
  }
  checkLimits(model, adapter.limits, "the adapter");
  // Only what exceeds the defaults: a device with small limits is the cheaper one to have.
  const requiredLimits = Object.fromEntries(
    Object.entries(model.limits).filter(([name, value]) => value > (defaultLimits[name] ?? 0)),
  );
  try {
    return await adapter.requestDevice({ requiredLimits });
  } catch (cause) {
    throw gpuError("no-adapter", `${model.name}: the adapter gives no device: ${messageOf(cause)}`, cause);
  }
}

/** What a device has without being asked. */
const defaultLimits: Readonly<Record<string, number>> = {
  maxBufferSize: 268_435_456,
  maxStorageBufferBindingSize: 134_217_728,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupsPerDimension: 65_535,
};

/** Throws if a device or adapter has less than the model needs. */
export function checkLimits(model: GpuModel, limits: GPUSupportedLimits, whose: string): void {
  for (const [name, needed] of Object.entries(model.limits)) {
    const { [name]: has } = limits as unknown as Record<string, number | undefined>;
    if (has === undefined || has >= needed) continue;
    throw gpuError(
      "limits",
      `${model.name} needs ${name} of ${needed}, and ${whose} has ${has}; compile it again with --limits for that device`,
    );
  }
}

/** Runs `make` and turns what the device has against it into an error. */
export async function guarded<T>(model: GpuModel, device: GPUDevice, make: () => Promise<T>): Promise<T> {
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  const made = make();
  const scopes = [device.popErrorScope(), device.popErrorScope()];
  const [value, ...errors] = await Promise.allSettled([made, ...scopes]);
  for (const [at, settled] of errors.entries()) {
    const error = settled.status === "fulfilled" ? settled.value : undefined;
    if (!error) continue;
    throw at === 0
      ? gpuError("validation", `${model.name}: the device refuses a command: ${error.message}`, error)
      : gpuError(
          "out-of-memory",
          `${model.name}: the device has too little memory; dispose of other nets, or compile for a smaller input (${error.message})`,
          error,
        );
  }
  if (value.status === "rejected") {
    throw gpuError(
      "validation",
      `${model.name}: the device refuses a shader: ${messageOf(value.reason)}`,
      value.reason,
    );
  }
  return value.value;
}

/** The error of a run on a device that is gone. */
export function lostError(model: GpuModel, info: GPUDeviceLostInfo | undefined): Error {
  return gpuError(
    "device-lost",
    `${model.name}: the GPU device is lost (${info?.reason ?? "unknown"}: ${info?.message ?? ""}); load the net again`,
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
