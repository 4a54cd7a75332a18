/// <reference types="@webgpu/types" />
// Makes the pipelines, buffers and bind groups of a net, when it is loaded.

import type { Precision } from "./half.js";
import { shaderHeads, toHalves } from "./half.js";
import { enableSubgroups } from "./subgroups.js";
import type { GpuLaunch, GpuModel, GpuModule } from "./types.js";
import type { Room } from "../weights.js";

/** Flags of GPUBufferUsage and GPUMapMode, which are not globals in every Node that has WebGPU. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const;

/** Uniforms with dynamic offsets begin at multiples of this on every device. */
const uniformStep = 256;

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export interface Memory {
  /** Arenas, parts of the weights, the table. */
  readonly buffers: readonly GPUBuffer[];
  /** Base offsets of all launches. */
  readonly offsets: GPUBuffer;
  /** The bind group of each launch; launches that bind the same buffers share one. */
  readonly groups: readonly GPUBindGroup[];
}

/** Makes the pipelines of all launched shaders at once: drivers compile them in parallel. */
export function makePipelines(
  { model, shaders, launches }: GpuModule,
  device: GPUDevice,
  precision: Precision,
): Promise<(Pipeline | undefined)[]> {
  const used = new Set(launches.map(([shader]) => shader));
  const head = model.halves ? shaderHeads[precision] : "";
  const layouts = new Map<string, GPUBindGroupLayout>();
  return Promise.all(
    shaders.map(async ([label, text, access, subgroup], at) => {
      if (!used.has(at)) return undefined;
      const code = (subgroup ? enableSubgroups : "") + head + text;
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

/** Makes buffers and adds them to `made` one by one, so that they can be freed if one cannot be allocated. */
function creator(device: GPUDevice, made: GPUBuffer[]): (wish: GPUBufferDescriptor) => GPUBuffer {
  return (wish) => {
    const buffer = device.createBuffer(wish);
    made.push(buffer);
    return buffer;
  };
}

/** The weights of each part: the first element, and that after the last. */
function partsOf({ weightParts, weights }: GpuModel): (readonly [start: number, end: number])[] {
  return weightParts.map((start, part) => [start, weightParts[part + 1] ?? weights.elements]);
}

/** A buffer for each part of the weights, still empty. */
export function makeWeightBuffers(
  model: GpuModel,
  device: GPUDevice,
  precision: Precision,
  made: GPUBuffer[],
): GPUBuffer[] {
  const create = creator(device, made);
  return partsOf(model).map(([start, end]) =>
    create({
      size: bufferBytes(end - start, precision === "f16"),
      usage: usage.storage | usage.copyTarget,
    }),
  );
}

/** Elements that are sent to the device at once. */
const sentAtOnce = 1 << 20;

/** Rooms that take turns in one place, from where weights are sent to their buffers. */
export function weightRooms(
  model: GpuModel,
  { queue }: GPUDevice,
  buffers: readonly GPUBuffer[],
  precision: Precision,
  isOver: () => boolean,
): Room[] {
  const place = new Float32Array(Math.min(sentAtOnce, model.weights.elements));
  const rooms: Room[] = [];
  for (const [part, [start, end]] of partsOf(model).entries()) {
    for (let from = start; from < end; from += sentAtOnce) {
      const values = place.subarray(0, end - from);
      const send = async (): Promise<void> => {
        const buffer = buffers[part];
        if (isOver() || !buffer) throw new Error(`${model.name}: loading failed`);
        if (precision === "f16") {
          // Writes are of whole words.
          const halves = new Uint16Array(values.length + (values.length % 2));
          toHalves(values, halves);
          queue.writeBuffer(buffer, (from - start) * 2, halves);
        } else queue.writeBuffer(buffer, (from - start) * 4, values);
        // What is sent and has not arrived is in memory once more.
        await queue.onSubmittedWorkDone();
      };
      rooms.push({ bytes: new Uint8Array(place.buffer, 0, values.byteLength), then: send });
    }
  }
  return rooms;
}

/** Uploads the table, and makes arenas, base offsets, and a bind group for each set of buffers. */
export function makeMemory(
  { model, launches, table }: GpuModule,
  device: GPUDevice,
  weights: readonly GPUBuffer[],
  pipelines: readonly (Pipeline | undefined)[],
  precision: Precision,
  made: GPUBuffer[],
): Memory {
  const create = creator(device, made);
  const isHalf = (arena: number): boolean => precision === "f16" && (model.halves?.includes(arena) ?? false);
  const filled = (data: Int32Array, flags: number): GPUBuffer => {
    const buffer = create({ size: bufferBytes(data.length, false), usage: flags, mappedAtCreation: true });
    new Int32Array(buffer.getMappedRange()).set(data);
    buffer.unmap();
    return buffer;
  };
  const arenaUsage = usage.storage | usage.copySource | usage.copyTarget;
  const buffers = [
    ...model.arenas.map((elements, arena) =>
      create({ size: bufferBytes(elements, isHalf(arena)), usage: arenaUsage }),
    ),
    ...weights,
    filled(Int32Array.from(table), usage.storage),
  ];
  // Base offsets of all launches are in one buffer: bind groups then differ only in storage buffers.
  const step = slotOf(launches) / 4;
  const values = new Int32Array(step * launches.length);
  for (const [at, [, , offsets]] of launches.entries()) values.set(offsets, at * step);
  const offsets = filled(values, usage.uniform);
  const known = new Map<string, GPUBindGroup>();
  const groups = launches.map(([shader, bound]) => {
    const key = `${shader}: ${bound.join()}`;
    const group =
      known.get(key) ??
      makeGroup(
        device,
        pipelines[shader],
        offsets,
        launches,
        bound.map((one) => buffers[one]),
      );
    known.set(key, group);
    return group;
  });
  return { buffers, offsets, groups };
}

/** A buffer's size: no binding may be empty, and vecs are read whole. */
function bufferBytes(elements: number, halves: boolean): number {
  return Math.max(4, Math.ceil(elements / 4) * 4) * (halves ? 2 : 4);
}

/** Bytes from the base offsets of one launch to those of the next; a zero follows them, where loops begin. */
export function slotOf(launches: readonly GpuLaunch[]): number {
  const most = launches.reduce((size, [, , offsets]) => Math.max(size, offsets.length + 1), 1);
  return Math.ceil((most * 4) / uniformStep) * uniformStep;
}

/** The bind group of a launch over some buffers. */
export function makeGroup(
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
