/// <reference types="@webgpu/types" />
// The device of a net: finds one, checks its limits, and turns its failures into errors.

import { gpuError } from "./error.js";
import type { Precision } from "./half.js";
import { subgroupFeature, subgroupsFit } from "./subgroups.js";
import type { GpuModel } from "./types.js";

/** Checks that the caller's value is a device on which the model can run. */
export function givenDevice(model: GpuModel, given: unknown): GPUDevice {
  if (typeof given !== "object" || given === null || !("createBuffer" in given))
    throw new TypeError(`${model.name}: device must be a GPUDevice`);
  const device = given as GPUDevice;
  checkLimits(model, device.limits, "the device given", "make it with requiredLimits that are enough, or ");
  return device;
}

/** Requests a device for the net, with no more than it needs. */
export async function findDevice(model: GpuModel, given: GPU | undefined): Promise<GPUDevice> {
  const gpu = given ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!gpu) {
    throw gpuError(
      "no-webgpu",
      `${model.name}: there is no WebGPU here (navigator.gpu is missing); use a browser that has it, on a page from https or localhost, ` +
        "or compile with --target wasm or auto; in Node pass load({ gpu: create([]) }) with create from the package webgpu",
    );
  }
  if (typeof gpu.requestAdapter !== "function")
    throw new TypeError(`${model.name}: gpu must be a GPU, as \`navigator.gpu\` is one`);
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch {
    // Dawn in Node rejects where browsers return null.
    adapter = null;
  }
  if (!adapter) {
    throw gpuError(
      "no-adapter",
      `${model.name}: WebGPU finds no adapter; a GPU driver is missing or blocked; ${withoutGpu}`,
    );
  }
  checkLimits(model, adapter.limits, "the adapter");
  // Only limits above the defaults: a device with small limits may cost less.
  const requiredLimits = Object.fromEntries(
    Object.entries(model.limits).filter(
      ([name, value]) => value > (defaultLimits[name as keyof typeof defaultLimits] ?? 0),
    ),
  );
  const requiredFeatures = [
    ...(model.halves && adapter.features.has(halfFeature) ? [halfFeature] : []),
    ...(subgroupsFit(model, adapter.features, adapter.info) ? [subgroupFeature] : []),
  ];
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures });
  } catch (cause) {
    throw gpuError(
      "no-adapter",
      `${model.name}: the adapter gives no device: ${messageOf(cause)}; ${withoutGpu}`,
      cause,
    );
  }
}

const withoutGpu = "the same net compiled with --target wasm, or with --target auto, runs without one";

const halfFeature: GPUFeatureName = "shader-f16";

/** How the model stores numbers on a device: as f16 if it wants that and the device was made with it. */
export function precisionOn(model: GpuModel, device: GPUDevice): Precision {
  return model.halves && device.features.has(halfFeature) ? "f16" : "f32";
}

/** Limits that a device has by default (WebGPU §3.6.2), and that every adapter has. */
export const defaultLimits = {
  maxBufferSize: 268_435_456,
  maxStorageBufferBindingSize: 134_217_728,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupsPerDimension: 65_535,
};

/** Throws if a device or adapter has less than the model needs. */
function checkLimits(model: GpuModel, limits: GPUSupportedLimits, whose: string, help = ""): void {
  for (const [name, needed] of Object.entries(model.limits)) {
    const { [name]: has } = limits as unknown as Record<string, number | undefined>;
    if (has === undefined || has >= needed) continue;
    throw gpuError(
      "limits",
      `${model.name} needs ${name} of ${needed}, and ${whose} has ${has}; ${help}compile it again for such devices (--limits)`,
    );
  }
}

/** Runs `make` and turns the device's refusals into an error. */
export async function guarded<T>(
  model: Pick<GpuModel, "name">,
  device: GPUDevice,
  make: () => Promise<T>,
): Promise<T> {
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  const made = make();
  const scopes = [device.popErrorScope(), device.popErrorScope()];
  const [value, validation, memory] = await Promise.allSettled([made, ...scopes]);
  // Objects in memory that could not be allocated are refused too, so that message matters less.
  const full =
    errorOf(memory) ??
    (value.status === "rejected" && isOutOfMemory(value.reason) ? value.reason : undefined);
  if (full) {
    throw gpuError(
      "out-of-memory",
      `${model.name}: the device has too little memory; dispose of other nets, or compile for a smaller input (${messageOf(full)})`,
      full,
    );
  }
  const refused = errorOf(validation);
  if (refused) {
    throw gpuError(
      "validation",
      `${model.name}: the device refuses a command: ${messageOf(refused)}`,
      refused,
    );
  }
  if (value.status === "rejected") {
    const what = (value.reason as Error | undefined)?.name === "GPUPipelineError" ? "shader" : "command";
    throw gpuError(
      "validation",
      `${model.name}: the device refuses a ${what}: ${messageOf(value.reason)}`,
      value.reason,
    );
  }
  return value.value;
}

function errorOf(popped: PromiseSettledResult<GPUError | null> | undefined): GPUError | undefined {
  return (popped?.status === "fulfilled" && popped.value) || undefined;
}

/** Browsers throw a RangeError if they cannot allocate a buffer that is mapped at creation. */
function isOutOfMemory(cause: unknown): boolean {
  return cause instanceof RangeError;
}

/** The error of a run on a lost device. */
export function lostError(model: GpuModel, info: GPUDeviceLostInfo | undefined): Error {
  return gpuError(
    "device-lost",
    `${model.name}: the GPU device is lost (${info?.reason ?? "unknown"}: ${info?.message ?? ""}); load the net again`,
  );
}

function messageOf(cause: unknown): string {
  const { message } = Object(cause) as { message?: unknown };
  return typeof message === "string" ? message : String(cause);
}
