/// <reference types="@webgpu/types" />
// The machine of the WebGPU target: buffers, pipelines and bind groups are made once, and each run is one command buffer.

import { findDevice, givenDevice, guarded, lostError, precisionOn } from "./device.js";
import type { Precision } from "./half.js";
import type { Memory, Pipeline } from "./memory.js";
import {
  makeGroup,
  makeMemory,
  makePipelines,
  makeWeightBuffers,
  slotOf,
  usage,
  weightRooms,
} from "./memory.js";
import type { GpuTensor } from "./ports.js";
import { canBind, checkBuffers, copySample, gpuTensors, isBuffer, ownCopy } from "./ports.js";
import { inSubgroups, subgroupsFit } from "./subgroups.js";
import type { GpuModel, GpuModule, GpuPort } from "./types.js";
import { checkOptions, checkRunOptions, makeNet, unlessAborted } from "../options.js";
import { countSamples, ownValue, prepareOutputs, shapesOf } from "../ports.js";
import type { LaunchInfo, LoadOptions } from "../types.js";
import { readWeights } from "../weights.js";

export interface GpuRunOptions {
  /** Arrays or buffers that receive the results, by output name; missing ones are allocated. */
  readonly into?: Readonly<Record<string, GpuTensor>>;
  /** Ends the run before its commands are sent, or drops the results. */
  readonly signal?: AbortSignal;
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
  /** The device that it runs on, for the caller's buffers. */
  readonly device: GPUDevice;
  run(
    inputs: Readonly<Record<string, GpuTensor>>,
    options?: GpuRunOptions,
  ): Promise<Record<string, GpuTensor>>;
  warmup(options?: { readonly signal?: AbortSignal }): Promise<void>;
  dispose(): void;
}

/** Finds a device and the weights, and makes everything that a run needs. */
export function loadWgsl(emitted: GpuModule, options: LoadOptions = {}): Promise<GpuNet> {
  return makeNet(emitted.model, options, () => makeWgslNet(emitted, options));
}

async function makeWgslNet(emitted: GpuModule, options: LoadOptions): Promise<GpuNet> {
  const { model, file, embedded } = emitted;
  // If loading fails, its buffers are freed at once: weights may fill a device.
  const made: GPUBuffer[] = [];
  let isOver = false;
  const finding = deviceFor(model, options);
  const allocating = finding.then((device) =>
    guarded(model, device, async () => makeWeightBuffers(model, device, precisionOn(model, device), made)),
  );
  allocating.catch(() => {});
  // Weights are read while the driver compiles.
  const reading = readWeights(model, { file, embedded, options }, async () => {
    const [device, buffers] = await Promise.all([finding, allocating]);
    return weightRooms(model, device, buffers, precisionOn(model, device), () => isOver);
  });
  reading.catch(() => {});
  const device = await finding;
  let lost: GPUDeviceLostInfo | undefined;
  void device.lost.then((info) => (lost = info));
  try {
    const precision = precisionOn(model, device);
    const subgroups = subgroupsFit(model, device.features, device.adapterInfo);
    const module = subgroups ? inSubgroups(emitted) : emitted;
    const [pipelines, weights] = await Promise.all([
      guarded(model, device, () => makePipelines(module, device, precision)),
      allocating,
      reading,
    ]);
    const memory = await guarded(model, device, async () =>
      makeMemory(module, device, weights, pipelines, precision, made),
    );
    // A lost device accepts every command.
    if (lost) throw lostError(model, lost);
    const own = options.device === undefined;
    const machine = { device, own, precision, subgroups, pipelines, ...memory, lost: () => lost };
    return createGpuNet(module, machine, options);
  } catch (error) {
    isOver = true;
    for (const buffer of made) buffer.destroy();
    if (options.device === undefined) device.destroy();
    throw lost ? lostError(model, lost) : error;
  }
}

async function deviceFor(model: GpuModel, { device, gpu }: LoadOptions): Promise<GPUDevice> {
  return device === undefined ? findDevice(model, gpu as GPU | undefined) : givenDevice(model, device);
}

interface Machine extends Memory {
  readonly device: GPUDevice;
  /** Whether the net made the device, and destroys it. */
  readonly own: boolean;
  readonly precision: Precision;
  readonly subgroups: boolean;
  readonly pipelines: readonly (Pipeline | undefined)[];
  readonly lost: () => GPUDeviceLostInfo | undefined;
}

/** The most sets of bind groups with buffers of the caller. */
const mostReplaced = 4;

function arrayBytes(tensors: readonly { readonly value: GpuTensor }[]): number {
  return tensors.reduce((sum, { value }) => sum + (isBuffer(value) ? 0 : value.byteLength), 0);
}

function createGpuNet(module: GpuModule, machine: Machine, options: LoadOptions): GpuNet {
  const { model, shaders } = module;
  let live: Machine | undefined = machine;
  // Staging for results, and for inputs of several samples: each grows to the largest run.
  const transfer: { staging?: GPUBuffer; upload?: GPUBuffer } = {};
  // Runs share the arenas, so each begins after the one before has ended.
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  // Bind groups with buffers of the caller, the latest first: callers alternate between a few.
  const replaced: { readonly buffers: readonly GPUBuffer[]; readonly groups: readonly GPUBindGroup[] }[] = [];

  /** The bind groups with some buffers in place of the ports' own. */
  function groupsWith(buffers: readonly GPUBuffer[]): readonly GPUBindGroup[] {
    const isSame = (others: readonly GPUBuffer[]): boolean =>
      others.every((other, at) => other === buffers[at]);
    if (isSame(machine.buffers)) return machine.groups;
    const known = replaced.findIndex((one) => isSame(one.buffers));
    const [found] = known >= 0 ? replaced.splice(known, 1) : [];
    const groups = found?.groups ?? makeGroups(buffers);
    replaced.unshift({ buffers, groups });
    replaced.length = Math.min(replaced.length, mostReplaced);
    return groups;
  }

  function makeGroups(buffers: readonly GPUBuffer[]): readonly GPUBindGroup[] {
    return module.launches.map(([shader, bound], at) => {
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

  /** A buffer for transfers that is large enough. */
  function transferBuffer(kind: "staging" | "upload", bytes: number): GPUBuffer {
    const known = transfer[kind];
    if (known && known.size >= bytes) return known;
    known?.destroy();
    const flags = kind === "staging" ? usage.mapRead | usage.copyTarget : usage.copySource | usage.copyTarget;
    return (transfer[kind] = machine.device.createBuffer({ size: bytes, usage: flags }));
  }

  function freeTransfers(): void {
    transfer.staging?.destroy();
    transfer.upload?.destroy();
    delete transfer.staging;
    delete transfer.upload;
  }

  /** A lost device accepts every command. */
  function checkNotLost(): void {
    const info = machine.lost();
    if (info) throw lostError(model, info);
  }

  async function runNow(
    inputs: Readonly<Record<string, GpuTensor>>,
    samples: number,
    outputs: readonly (readonly [GpuPort, GpuTensor])[],
    signal: AbortSignal | undefined,
  ): Promise<Record<string, GpuTensor>> {
    if (!live) throw new Error(`${model.name}: disposed before its turn`);
    signal?.throwIfAborted();
    checkNotLost();
    const { device, buffers } = live;
    let mapped: Promise<unknown> | undefined;
    const record = async () => {
      if (options.poison) poison(machine);
      const bound = [...buffers];
      const encoder = device.createCommandEncoder({ label: model.name });
      const copies: { port: GpuPort; from: GPUBuffer; start?: number }[] = [];
      const given = model.inputs.flatMap((port) => {
        const value = ownValue(inputs, port.name);
        return value ? [{ port, value }] : [];
      });
      const sent = samples > 1 ? arrayBytes(given) : 0;
      const upload = sent > 0 ? transferBuffer("upload", sent) : undefined;
      let uploaded = 0;
      for (const { port, value } of given) {
        const buffer = buffers[port.buffer];
        if (canBind(port, value, samples)) bound[port.buffer] = value;
        else if (isBuffer(value)) copies.push({ port, from: value });
        else if (upload) {
          device.queue.writeBuffer(upload, uploaded, ownCopy(value));
          copies.push({ port, from: upload, start: uploaded });
          uploaded += value.byteLength;
        } else if (buffer) device.queue.writeBuffer(buffer, port.offset * 4, ownCopy(value));
      }
      for (const [port, value] of outputs)
        if (canBind(port, value, samples) && bound[port.buffer] === buffers[port.buffer])
          bound[port.buffer] = value;
      const staged = arrayBytes(outputs.map(([port, value]) => ({ port, value })));
      const target = staged > 0 ? transferBuffer("staging", staged) : undefined;
      const groups = groupsWith(bound);
      for (let sample = 0; sample < samples; sample++) {
        for (const { port, from, start } of copies)
          copySample(encoder, port, from, bound, sample, "in", start);
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
      mapped = target?.mapAsync(1, 0, staged);
      mapped?.catch(() => {}); // awaited below, unless the commands were refused
      return { target, staged };
    };
    try {
      const { target, staged } = await guarded(model, device, record);
      await mapped;
      signal?.throwIfAborted();
      if (!target) checkNotLost();
      if (target) {
        const result = new Float32Array(target.getMappedRange(0, staged));
        let start = 0;
        for (const [, value] of outputs) {
          if (isBuffer(value)) continue;
          value.set(result.subarray(start, start + value.length));
          start += value.length;
        }
        target.unmap();
      }
    } catch (error) {
      // They may have no memory, or a pending map: the next run makes new ones.
      freeTransfers();
      throw error;
    }
    return Object.fromEntries(outputs.map(([port, value]) => [port.name, value]));
  }

  async function inTurn<T>(job: () => Promise<T>): Promise<T> {
    // A run that need not wait begins at once, so that a caller may change its arrays as soon as `run` returns.
    const turn = waiting === 0 ? job() : last.then(job);
    waiting += 1;
    last = turn.catch(() => {});
    try {
      return await turn;
    } catch (error) {
      if (!live) throw new Error(`${model.name}: disposed while it ran`, { cause: error });
      const info = machine.lost();
      throw info ? lostError(model, info) : error;
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
    async run(inputs, options = {}) {
      if (!live) throw new Error(`${model.name}: run after dispose`);
      checkRunOptions(model, options);
      const { into = {}, signal } = options;
      const samples = countSamples(model, inputs, gpuTensors);
      const outputs = prepareOutputs(model, samples, inputs, into, gpuTensors);
      checkBuffers(model, samples, inputs, into);
      // A run that has to wait keeps its inputs as they are now.
      const kept =
        waiting === 0
          ? inputs
          : Object.fromEntries(
              Object.entries(inputs).map(([name, value]) => [name, isBuffer(value) ? value : value.slice()]),
            );
      return unlessAborted(
        signal,
        inTurn(() => runNow(kept, samples, outputs, signal)),
      );
    },
    async warmup(options = {}) {
      if (!live) throw new Error(`${model.name}: warmup after dispose`);
      checkOptions(model, "warmup", options, { signal: "AbortSignal" });
      const { signal } = options;
      const work = async (): Promise<void> => {
        const encoder = machine.device.createCommandEncoder();
        encodePass(encoder, machine.groups);
        machine.device.queue.submit([encoder.finish()]);
        await machine.device.queue.onSubmittedWorkDone();
        checkNotLost();
      };
      const turn = inTurn(async () => {
        signal?.throwIfAborted();
        await guarded(model, machine.device, work);
      });
      await unlessAborted(signal, turn);
    },
    dispose() {
      if (!live) return;
      live = undefined;
      for (const buffer of [...machine.buffers, machine.offsets]) buffer.destroy();
      freeTransfers();
      replaced.length = 0;
      if (machine.own) machine.device.destroy();
    },
  };
}
