/// <reference types="@webgpu/types" />
// The machine of the WebGPU target: buffers, pipelines and bind groups made once, one command buffer a run.

import { gpuError } from "./gpu-error.js";
import type { Kinds } from "./ports.js";
import { countSamples, ownValue, prepareOutputs, shapesOf, sizeOf } from "./ports.js";
import type { LaunchInfo, LoadOptions, Port, WeightsInfo } from "./types.js";
import { findWeights } from "./weights.js";

/** An input or output: where it lies, and whether it has that buffer for itself. */
export interface GpuPort extends Port {
  /** Number of the buffer. */
  readonly buffer: number;
  /** Whether nothing else lies in the buffer, so that a buffer of the caller's can take its place. */
  readonly alone: boolean;
}

/** A shader: its name, its text, workgroups along x and y, and the letters of its bindings: r is read only, w is written. */
export type GpuShader = readonly [
  name: string,
  text: string,
  workgroups: readonly [number, number],
  access: string,
];

/** The shader, the buffer of each binding, the base offset of each parameter, the nodes, multiply-accumulates. */
export type GpuLaunch = readonly [
  shader: number,
  buffers: readonly number[],
  offsets: readonly number[],
  label: string,
  macs: number,
];

export interface GpuModel {
  readonly name: string;
  readonly inputs: readonly GpuPort[];
  readonly outputs: readonly GpuPort[];
  readonly batch?: string;
  readonly weights: WeightsInfo;
  /** Elements of each arena: the first buffers. */
  readonly arenas: readonly number[];
  /** Where each part of the weights begins: the next buffers; behind them stands the table. */
  readonly weightParts: readonly number[];
  /** What the device must have, as in GPUSupportedLimits. */
  readonly limits: Readonly<Record<string, number>>;
}

/** What an emitted module is made of. */
export interface GpuModule {
  readonly model: GpuModel;
  readonly shaders: readonly GpuShader[];
  readonly launches: readonly GpuLaunch[];
  readonly table: readonly number[];
  /** `import.meta.url`: weights are found beside it. */
  readonly url: string;
  /** The weights in base64. */
  readonly embedded?: string;
}

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
  /** The device that it runs on, for buffers of the caller's. */
  readonly device: GPUDevice;
  run(
    inputs: Readonly<Record<string, GpuTensor>>,
    options?: GpuRunOptions,
  ): Promise<Record<string, GpuTensor>>;
  warmup(): Promise<void>;
  dispose(): void;
}

/** Flags of GPUBufferUsage and GPUMapMode, which not every Node that has WebGPU has as globals. */
const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const;

/** Uniforms with dynamic offsets begin at multiples of this on every device. */
const uniformStep = 256;

/** Finds a device and the weights, and makes all that a run needs. */
export async function loadWgsl(module: GpuModule, options: LoadOptions = {}): Promise<GpuNet> {
  const { model } = module;
  const weights = await findWeights(model, module.url, options.weights, module.embedded);
  const own = options.device === undefined;
  const device =
    (options.device as GPUDevice | undefined) ?? (await findDevice(model, options.gpu as GPU | undefined));
  checkLimits(model, device.limits, "the device given");
  let lost: GPUDeviceLostInfo | undefined;
  void device.lost.then((info) => (lost = info));
  try {
    const pipelines = await guarded(model, device, () => makePipelines(module, device));
    const memory = await guarded(model, device, async () => makeMemory(module, device, weights, pipelines));
    return createGpuNet(module, { device, own, pipelines, ...memory, lost: () => lost }, options);
  } catch (error) {
    if (own) device.destroy();
    throw lost ? lostError(model, lost) : error;
  }
}

interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface Machine {
  readonly device: GPUDevice;
  /** Whether the device is the net's, to be destroyed with it. */
  readonly own: boolean;
  readonly pipelines: readonly Pipeline[];
  readonly buffers: readonly GPUBuffer[];
  readonly offsets: GPUBuffer;
  /** The bind group of each launch; launches that bind the same buffers share one. */
  readonly groups: readonly GPUBindGroup[];
  readonly lost: () => GPUDeviceLostInfo | undefined;
}

async function findDevice(model: GpuModel, given: GPU | undefined): Promise<GPUDevice> {
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

function checkLimits(model: GpuModel, limits: GPUSupportedLimits, whose: string): void {
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
async function guarded<T>(model: GpuModel, device: GPUDevice, make: () => Promise<T>): Promise<T> {
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

/** All pipelines at once: drivers compile them side by side. */
function makePipelines({ shaders }: GpuModule, device: GPUDevice): Promise<Pipeline[]> {
  const layouts = new Map<string, GPUBindGroupLayout>();
  return Promise.all(
    shaders.map(async ([label, code, , access]) => {
      const layout = layouts.get(access) ?? makeLayout(device, access);
      layouts.set(access, layout);
      const pipeline = await device.createComputePipelineAsync({
        label,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: device.createShaderModule({ label, code }), entryPoint: "main" },
      });
      return { pipeline, layout };
    }),
  );
}

/** Base offsets come first, at a dynamic offset; then the storage buffers. */
function makeLayout(device: GPUDevice, access: string): GPUBindGroupLayout {
  const compute = 4;
  const storage = [...access].map((letter, at): GPUBindGroupLayoutEntry => ({
    binding: at + 1,
    visibility: compute,
    buffer: { type: letter === "w" ? "storage" : "read-only-storage" },
  }));
  const uniform = { type: "uniform", hasDynamicOffset: true } as const;
  return device.createBindGroupLayout({
    entries: [{ binding: 0, visibility: compute, buffer: uniform }, ...storage],
  });
}

function makeMemory(
  { model, launches, table }: GpuModule,
  device: GPUDevice,
  weights: Float32Array,
  pipelines: readonly Pipeline[],
): Pick<Machine, "buffers" | "offsets" | "groups"> {
  const filled = (data: Float32Array | Int32Array, flags: number): GPUBuffer => {
    const buffer = device.createBuffer({
      size: bufferBytes(data.length),
      usage: flags,
      mappedAtCreation: true,
    });
    const target = buffer.getMappedRange();
    if (data instanceof Float32Array) new Float32Array(target).set(data);
    else new Int32Array(target).set(data);
    buffer.unmap();
    return buffer;
  };
  const arenaUsage = usage.storage | usage.copySource | usage.copyTarget;
  const buffers = [
    ...model.arenas.map((elements) =>
      device.createBuffer({ size: bufferBytes(elements), usage: arenaUsage }),
    ),
    ...model.weightParts.map((start, part) =>
      filled(weights.subarray(start, model.weightParts[part + 1] ?? model.weights.elements), usage.storage),
    ),
    filled(Int32Array.from(table), usage.storage),
  ];
  // Base offsets of all launches in one buffer: bind groups then differ in the storage buffers alone.
  const step = slotOf(launches) / 4;
  const values = new Int32Array(step * launches.length);
  for (const [at, [, , offsets]] of launches.entries()) values.set(offsets, at * step);
  const offsets = filled(values, usage.uniform);
  const made = new Map<string, GPUBindGroup>();
  const groups = launches.map(([shader, bound]) => {
    const key = `${shader}: ${bound.join()}`;
    const group =
      made.get(key) ??
      makeGroup(
        device,
        pipelines[shader],
        offsets,
        launches,
        bound.map((one) => buffers[one]),
      );
    made.set(key, group);
    return group;
  });
  return { buffers, offsets, groups };
}

/** A buffer's size: no binding may be empty, and vecs are read whole. */
function bufferBytes(elements: number): number {
  return Math.max(4, Math.ceil(elements / 4) * 4) * 4;
}

/** Bytes from the base offsets of one launch to the next's; a zero stands behind them, where loops begin. */
function slotOf(launches: readonly GpuLaunch[]): number {
  const most = launches.reduce((size, [, , offsets]) => Math.max(size, offsets.length + 1), 1);
  return Math.ceil((most * 4) / uniformStep) * uniformStep;
}

function makeGroup(
  device: GPUDevice,
  pipeline: Pipeline | undefined,
  offsets: GPUBuffer,
  launches: readonly GpuLaunch[],
  buffers: readonly (GPUBuffer | undefined)[],
): GPUBindGroup {
  if (!pipeline) throw new Error("a launch of a shader that does not exist");
  return device.createBindGroup({
    layout: pipeline.layout,
    entries: [
      { binding: 0, resource: { buffer: offsets, size: slotOf(launches) } },
      ...buffers.map((buffer, at) => ({ binding: at + 1, resource: { buffer: buffer ?? offsets } })),
    ],
  });
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
    for (const [at, [shader]] of module.launches.entries()) {
      const [, , [x, y]] = shaders[shader] ?? ["", "", [1, 1]];
      const pipeline = machine.pipelines[shader];
      if (pipeline) pass.setPipeline(pipeline.pipeline);
      pass.setBindGroup(0, groups[at] ?? null, [at * step]);
      pass.dispatchWorkgroups(x, y);
    }
    pass.end();
  }

  function poison({ device, buffers }: Machine): void {
    for (const [at, elements] of model.arenas.entries()) {
      const buffer = buffers[at];
      if (buffer) device.queue.writeBuffer(buffer, 0, new Float32Array(elements).fill(Number.NaN));
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
    inputs: shapesOf(model, model.inputs),
    outputs: shapesOf(model, model.outputs),
    launches: module.launches.map(([shader, , , label, macs]) => ({
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

function lostError(model: GpuModel, info: GPUDeviceLostInfo | undefined): Error {
  return gpuError(
    "device-lost",
    `${model.name}: the GPU device is lost (${info?.reason ?? "unknown"}: ${info?.message ?? ""}); load the net again`,
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
