/// <reference types="@webgpu/types" />
// The machine of the WebGPU target: buffers, pipelines and bind groups made once, one command buffer a run.

import { checkLimits, findDevice, guarded, lostError, precisionOn } from "./gpu-device.js";
import type { Precision } from "./gpu-half.js";
import type { Memory, Pipeline } from "./gpu-memory.js";
import { makeGroup, makeMemory, makePipelines, slotOf, usage } from "./gpu-memory.js";
import { inSubgroups, subgroupsFit } from "./gpu-subgroups.js";
import type { GpuModel, GpuModule, GpuPort } from "./gpu-types.js";
import type { Kinds } from "./ports.js";
import { countSamples, ownValue, prepareOutputs, shapesOf, sizeOf } from "./ports.js";
import type { LaunchInfo, LoadOptions } from "./types.js";
import { findWeights } from "./weights.js";

/** A dense tensor in memory of the program, or in a buffer of the net's device. */
export type GpuTensor = Float32Array | GPUBuffer;

export interface GpuRunOptions {
  /** Arrays or buffers that the results are written into, by output name; what is missing is allocated. */
  readonly into?: Readonly<Record<string, GpuTensor>>;
}

export interface GpuNet {
  readonly name: string;
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly launches: readonly LaunchInfo[];
  /** How weights and tensors inside the net are stored. */
  readonly precision: Precision;
  /** Whether kernels read each other's values in subgroups. */
  readonly subgroups: boolean;
  /** The device that it runs on, for buffers of the caller's. */
  readonly device: GPUDevice;
  run(
    inputs: Readonly<Record<string, GpuTensor>>,
    options?: GpuRunOptions,
  ): Promise<Record<string, GpuTensor>>;
  warmup(): Promise<void>;
  dispose(): void;
}

/** Finds a device and the weights, and makes all that a run needs. */
export async function loadWgsl(emitted: GpuModule, options: LoadOptions = {}): Promise<GpuNet> {
  const { model } = emitted;
  // Weights are read while the driver compiles.
  const reading = findWeights(model, emitted.url, options.weights, emitted.embedded);
  reading.catch(() => {});
  const own = options.device === undefined;
  const device =
    (options.device as GPUDevice | undefined) ?? (await findDevice(model, options.gpu as GPU | undefined));
  checkLimits(model, device.limits, "the device given");
  let lost: GPUDeviceLostInfo | undefined;
  void device.lost.then((info) => (lost = info));
  try {
    const precision = precisionOn(model, device);
    const subgroups = subgroupsFit(model, device.features, device.adapterInfo);
    const module = subgroups ? inSubgroups(emitted) : emitted;
    const [pipelines, weights] = await Promise.all([
      guarded(model, device, () => makePipelines(module, device, precision)),
      reading,
    ]);
    const memory = await guarded(model, device, async () =>
      makeMemory(module, device, weights, pipelines, precision),
    );
    // A lost device accepts everything.
    if (lost) throw lostError(model, lost);
    const machine = { device, own, precision, subgroups, pipelines, ...memory, lost: () => lost };
    return createGpuNet(module, machine, options);
  } catch (error) {
    if (own) device.destroy();
    throw lost ? lostError(model, lost) : error;
  }
}

interface Machine extends Memory {
  readonly device: GPUDevice;
  /** Whether the device is the net's, to be destroyed with it. */
  readonly own: boolean;
  readonly precision: Precision;
  readonly subgroups: boolean;
  readonly pipelines: readonly (Pipeline | undefined)[];
  readonly lost: () => GPUDeviceLostInfo | undefined;
}

/** Whether a value is a GPUBuffer, of whatever realm or library. */
function isBuffer(value: unknown): value is GPUBuffer {
  return typeof value === "object" && value !== null && "mapAsync" in value && "usage" in value;
}

const gpuTensors: Kinds<GpuTensor> = {
  words: "a Float32Array or a GPUBuffer",
  lengthOf: (value) => {
    if (isBuffer(value)) return value.size / 4;
    return Object.prototype.toString.call(value) === "[object Float32Array]"
      ? (value as Float32Array).length
      : undefined;
  },
  make: (length) => new Float32Array(length),
};

function createGpuNet(module: GpuModule, machine: Machine, options: LoadOptions): GpuNet {
  const { model, shaders } = module;
  let live: Machine | undefined = machine;
  let staging: GPUBuffer | undefined;
  // Runs share the arenas, so each begins when the one before has ended.
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  // Bind groups with buffers of the caller's, kept as long as the buffers are the same.
  let replaced:
    | { readonly buffers: readonly GPUBuffer[]; readonly groups: readonly GPUBindGroup[] }
    | undefined;

  /** The bind groups with some buffers in the place of ports' own. */
  function groupsWith(buffers: readonly GPUBuffer[]): readonly GPUBindGroup[] {
    const isSame = (others: readonly GPUBuffer[]): boolean =>
      others.every((other, at) => other === buffers[at]);
    if (isSame(machine.buffers)) return machine.groups;
    if (replaced && isSame(replaced.buffers)) return replaced.groups;
    const groups = module.launches.map(([shader, bound], at) => {
      const group = machine.groups[at];
      return group && bound.every((one) => buffers[one] === machine.buffers[one])
        ? group
        : makeGroup(
            machine.device,
            machine.pipelines[shader],
            machine.offsets,
            module.launches,
            bound.map((one) => buffers[one]),
          );
    });
    replaced = { buffers, groups };
    return groups;
  }

  function encodePass(encoder: GPUCommandEncoder, groups: readonly GPUBindGroup[]): void {
    const pass = encoder.beginComputePass();
    const step = slotOf(module.launches);
    for (const [at, [shader, , , [x, y]]] of module.launches.entries()) {
      const pipeline = machine.pipelines[shader];
      if (pipeline) pass.setPipeline(pipeline.pipeline);
      pass.setBindGroup(0, groups[at] ?? null, [at * step]);
      pass.dispatchWorkgroups(x, y);
    }
    pass.end();
  }

  function poison({ device, buffers, precision }: Machine): void {
    for (const [at, elements] of model.arenas.entries()) {
      const buffer = buffers[at];
      const isHalf = precision === "f16" && model.halves?.includes(at);
      const nan = isHalf
        ? new Uint16Array(elements).fill(0x7e00)
        : new Float32Array(elements).fill(Number.NaN);
      if (buffer) device.queue.writeBuffer(buffer, 0, nan);
    }
  }

  /** A buffer of the net's that is big enough for the results and can be mapped. */
  function stagingFor(bytes: number): GPUBuffer {
    if (staging && staging.size >= bytes) return staging;
    staging?.destroy();
    staging = machine.device.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyTarget });
    return staging;
  }

  async function runNow(
    inputs: Readonly<Record<string, GpuTensor>>,
    samples: number,
    outputs: readonly (readonly [GpuPort, GpuTensor])[],
  ): Promise<Record<string, GpuTensor>> {
    if (!live) throw new Error(`${model.name}: run after dispose`);
    if (live.lost()) throw lostError(model, live.lost());
    const { device, buffers } = live;
    let pending: { readonly target: GPUBuffer; readonly mapped: Promise<unknown> } | undefined;
    const record = async () => {
      if (options.poison) poison(machine);
      const bound = [...buffers];
      const encoder = device.createCommandEncoder({ label: model.name });
      const uploads: GPUBuffer[] = [];
      // With one sample, buffers of the caller's are bound as they are where that is possible, and else copied.
      const isBound = (port: GpuPort, value: GpuTensor): value is GPUBuffer =>
        samples === 1 && port.alone && isBuffer(value) && (value.usage & usage.storage) !== 0;
      const copies: { port: GpuPort; from: GPUBuffer }[] = [];
      for (const port of model.inputs) {
        const value = ownValue(inputs, port.name);
        const buffer = buffers[port.buffer];
        if (!value || !buffer) continue;
        if (isBound(port, value)) bound[port.buffer] = value;
        else if (isBuffer(value)) copies.push({ port, from: value });
        else if (samples === 1) device.queue.writeBuffer(buffer, port.offset * 4, value);
        else {
          const upload = device.createBuffer({
            size: value.byteLength,
            usage: usage.copySource,
            mappedAtCreation: true,
          });
          new Float32Array(upload.getMappedRange()).set(value);
          upload.unmap();
          uploads.push(upload);
          copies.push({ port, from: upload });
        }
      }
      for (const [port, value] of outputs)
        if (isBound(port, value) && bound[port.buffer] === buffers[port.buffer]) bound[port.buffer] = value;
      const arrays = outputs.flatMap(([port, value]) => (isBuffer(value) ? [] : [{ port, value }]));
      const staged = arrays.reduce((sum, { value }) => sum + value.byteLength, 0);
      const target = staged > 0 ? stagingFor(staged) : undefined;
      const groups = groupsWith(bound);
      for (let sample = 0; sample < samples; sample++) {
        for (const { port, from } of copies) copySample(encoder, port, from, bound, sample, "in");
        encodePass(encoder, groups);
        let start = 0;
        for (const [port, value] of outputs) {
          if (!isBuffer(value)) {
            if (target) copySample(encoder, port, target, bound, sample, "out", start);
            start += value.byteLength;
          } else if (bound[port.buffer] !== value) copySample(encoder, port, value, bound, sample, "out");
        }
      }
      device.queue.submit([encoder.finish()]);
      for (const upload of uploads) upload.destroy();
      if (!target) return undefined;
      pending = { target, mapped: target.mapAsync(1, 0, staged) };
      return { arrays, staged };
    };
    const made = guarded(model, device, record);
    // Whatever becomes of the commands, the next run finds the buffer unmapped.
    const settled = pending?.mapped.catch(() => {});
    const read = await made.catch(async (error: unknown) => {
      await settled;
      pending?.target.unmap();
      throw error;
    });
    if (read && pending) {
      const { arrays, staged } = read;
      const { target, mapped } = pending;
      await mapped;
      const result = new Float32Array(target.getMappedRange(0, staged));
      let start = 0;
      for (const { value } of arrays) {
        value.set(result.subarray(start, start + value.length));
        start += value.length;
      }
      target.unmap();
    }
    return Object.fromEntries(outputs.map(([port, value]) => [port.name, value]));
  }

  async function inTurn<T>(job: () => Promise<T>): Promise<T> {
    waiting += 1;
    const turn = last.then(job);
    last = turn.catch(() => {});
    try {
      return await turn;
    } catch (error) {
      const info = machine.lost();
      throw info && live ? lostError(model, info) : error;
    } finally {
      waiting -= 1;
    }
  }

  return {
    name: model.name,
    device: machine.device,
    precision: machine.precision,
    subgroups: machine.subgroups,
    inputs: shapesOf(model, model.inputs),
    outputs: shapesOf(model, model.outputs),
    launches: module.launches.map(([shader, , , , label, macs]) => ({
      kernel: shaders[shader]?.[0] ?? "",
      label,
      macs,
    })),
    async run(inputs, { into = {} } = {}) {
      if (!live) throw new Error(`${model.name}: run after dispose`);
      const samples = countSamples(model, inputs, gpuTensors);
      const outputs = prepareOutputs(model, samples, into, gpuTensors);
      checkOverlap(model, inputs, into);
      // A run that has to wait keeps its inputs as they are now.
      const kept =
        waiting === 0
          ? inputs
          : Object.fromEntries(
              Object.entries(inputs).map(([name, value]) => [name, isBuffer(value) ? value : value.slice()]),
            );
      return inTurn(() => runNow(kept, samples, outputs));
    },
    async warmup() {
      if (!live) throw new Error(`${model.name}: warmup after dispose`);
      await inTurn(() =>
        guarded(model, machine.device, async () => {
          const encoder = machine.device.createCommandEncoder();
          encodePass(encoder, machine.groups);
          machine.device.queue.submit([encoder.finish()]);
          await machine.device.queue.onSubmittedWorkDone();
        }),
      );
    },
    dispose() {
      if (!live) return;
      live = undefined;
      for (const buffer of [...machine.buffers, machine.offsets, ...(staging ? [staging] : [])])
        buffer.destroy();
      if (machine.own) machine.device.destroy();
    },
  };
}

/** Copies one sample of a port between its place and another buffer, which holds all samples from `start` on. */
function copySample(
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
  const at = start + sample * bytes;
  if (direction === "in") encoder.copyBufferToBuffer(other, at, own, place, bytes);
  else encoder.copyBufferToBuffer(own, place, other, at, bytes);
}

/** One buffer cannot be read and written by one kernel under two names. */
function checkOverlap(
  model: GpuModel,
  inputs: Readonly<Record<string, GpuTensor>>,
  into: Readonly<Record<string, GpuTensor>>,
): void {
  const given = [...Object.entries(inputs), ...Object.entries(into)].filter(([, value]) => isBuffer(value));
  for (const [name, value] of Object.entries(into)) {
    if (!isBuffer(value)) continue;
    const other = given.find(([otherName, one]) => one === value && otherName !== name);
    if (other || inputs[name] === value) {
      throw new TypeError(
        `${model.name}: output "${name}" and "${other?.[0] ?? name}" are the same GPUBuffer`,
      );
    }
  }
}
