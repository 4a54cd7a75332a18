/// <reference types="@webgpu/types" />
// Inputs and outputs on a GPU: arrays, or buffers of the caller, which are checked, bound or copied here.

import { usage } from "./memory.js";
import type { GpuModel, GpuPort } from "./types.js";
import type { Kinds } from "../ports.js";
import { arrays, ownValue, sizeOf } from "../ports.js";

/** A dense tensor in memory of the program, or in a buffer of the net's device. */
export type GpuTensor = Float32Array | GPUBuffer;

/** Whether a value is a GPUBuffer, of any realm or library. */
export function isBuffer(value: unknown): value is GPUBuffer {
  return typeof value === "object" && value !== null && "mapAsync" in value && "usage" in value;
}

export const gpuTensors: Kinds<GpuTensor> = {
  words: "a Float32Array or a GPUBuffer",
  lengthOf: (value) => (isBuffer(value) ? value.size / 4 : arrays.lengthOf(value)),
  memoryOf: (value) => (isBuffer(value) ? { of: value, start: 0, end: value.size } : arrays.memoryOf(value)),
  make: (length) => new Float32Array(length),
};

/** Values in memory that is not shared: Dawn in Node ends the process if it has to read shared memory. */
export function ownCopy(
  values: Float32Array | Uint8Array | Uint8ClampedArray,
): GPUAllowSharedBufferSource & ArrayBufferView<ArrayBuffer> {
  const isShared = Object.prototype.toString.call(values.buffer) === "[object SharedArrayBuffer]";
  return (isShared ? values.slice() : values) as ArrayBufferView<ArrayBuffer>;
}

/** Whether kernels can read and write a buffer in place of the port's own; else it is copied. */
export function canBind(port: GpuPort, value: GpuTensor, samples: number): value is GPUBuffer {
  return samples === 1 && port.alone && isBuffer(value) && (value.usage & usage.storage) !== 0;
}

/**
 * Throws if a buffer is mapped, or lacks a usage that it needs. WebGPU does not tell which device a buffer belongs to:
 * a buffer of another device is refused when commands are recorded.
 */
export function checkBuffers(
  model: GpuModel,
  samples: number,
  inputs: Readonly<Record<string, GpuTensor>>,
  into: Readonly<Record<string, GpuTensor>>,
): void {
  const check = (port: GpuPort, value: GpuTensor | undefined, kind: "input" | "output"): void => {
    if (!isBuffer(value)) return;
    const what = `${model.name}: ${kind} "${port.name}" is a GPUBuffer`;
    // Absent in browsers before 2023.
    if ((value.mapState ?? "unmapped") !== "unmapped")
      throw new TypeError(`${what} that is mapped; unmap it`);
    const [flag, name] =
      kind === "input"
        ? ([usage.copySource, "COPY_SRC"] as const)
        : ([usage.copyTarget, "COPY_DST"] as const);
    if ((value.usage & flag) !== 0 || canBind(port, value, samples)) return;
    const copied = samples > 1 ? `, which several samples need` : port.alone ? ` or STORAGE` : "";
    throw new TypeError(`${what} without the usage ${name}${copied}`);
  };
  for (const port of model.inputs) check(port, ownValue(inputs, port.name), "input");
  for (const port of model.outputs) check(port, ownValue(into, port.name), "output");
}

/** Copies one sample of a port between its place and another buffer, which holds all samples from `start` on. */
export function copySample(
  encoder: GPUCommandEncoder,
  port: GpuPort,
  other: GPUBuffer,
  buffers: readonly GPUBuffer[],
  sample: number,
  direction: "in" | "out",
  start = 0,
): void {
  const own = buffers[port.buffer];
  if (!own) return;
  const bytes = sizeOf(port) * 4;
  const place = port.offset * 4;
  const at = start + (port.once ? 0 : sample * bytes);
  if (direction === "in") encoder.copyBufferToBuffer(other, at, own, place, bytes);
  else encoder.copyBufferToBuffer(own, place, other, at, bytes);
}
