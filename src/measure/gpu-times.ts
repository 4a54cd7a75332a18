/// <reference types="@webgpu/types" />
// Times of dispatches on a WebGPU device, by its timestamps: an emitted module knows nothing of it.

import type { Limits } from "#backend/wgsl/limits.js";
import { guaranteedLimits } from "#backend/wgsl/limits.js";
import { bug } from "#diagnostic/diagnostic.js";
import { gpuError } from "#runtime/wgsl/error.js";

/** A device for `load({ device })` on which every dispatch is timed. */
export interface TimedDevice {
  readonly device: GPUDevice;
  /** The adapter's name, or what is known of it. */
  readonly adapter: string;
  /** Milliseconds of the dispatches of the last command buffer that had any, in order, once it has run. */
  readonly times: () => Promise<readonly number[]>;
}

const feature: GPUFeatureName = "timestamp-query";

/** Most dispatches of a command buffer: a query set holds 4,096 timestamps (WebGPU, §20.1). */
const mostDispatches = 2048;

// Values of GPUBufferUsage, which not every Node that has WebGPU has as globals.
const usage = { mapRead: 1, copySource: 4, copyTarget: 8, resolve: 512 } as const;

/** Asks for a device with timestamps and some limits; rejects with a `GpuError` where there is none. */
export async function timedDevice(gpu: GPU | undefined, needs: Limits, f16: boolean): Promise<TimedDevice> {
  const from = gpu ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!from) throw gpuError("no-webgpu", "there is no WebGPU here (navigator.gpu is missing)");
  const adapter = await from.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) throw gpuError("no-adapter", "WebGPU finds no adapter; a GPU driver is missing or blocked");
  const { info, features } = adapter;
  const name = info.description || info.device || info.vendor;
  if (!features.has(feature))
    throw gpuError("limits", `the adapter (${name}) has no ${feature}, so that kernels cannot be timed`);
  // What a module asks for itself: subgroups it uses where they fit.
  const optional: readonly GPUFeatureName[] = [...(f16 ? (["shader-f16"] as const) : []), "subgroups"];
  const names = Object.keys(needs) as (keyof Limits)[];
  const wish: GPUDeviceDescriptor = {
    requiredFeatures: [feature, ...optional.filter((one) => features.has(one))],
    requiredLimits: Object.fromEntries(
      names.filter((one) => needs[one] > guaranteedLimits[one]).map((one) => [one, needs[one]]),
    ),
  };
  const device = await adapter.requestDevice(wish).catch((cause: unknown) => {
    throw gpuError("limits", `the adapter (${name}) gives no device: ${String(cause)}`, cause);
  });
  return { adapter: name, ...timed(device) };
}

/** The device with other command encoders: they make a pass of every dispatch, with a timestamp on either side. */
function timed(real: GPUDevice): Omit<TimedDevice, "adapter"> {
  const queries = real.createQuerySet({ type: "timestamp", count: 2 * mostDispatches });
  const bytes = 16 * mostDispatches;
  const resolved = real.createBuffer({ size: bytes, usage: usage.resolve | usage.copySource });
  const read = real.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyTarget });
  let last = 0;

  function encoderOf(encoder: GPUCommandEncoder): GPUCommandEncoder {
    let count = 0;
    return replaced(encoder, {
      beginComputePass: () =>
        passOf(encoder, () => {
          if (count >= mostDispatches) bug(`more than ${mostDispatches} dispatches in a command buffer`);
          count += 1;
          return {
            querySet: queries,
            beginningOfPassWriteIndex: 2 * count - 2,
            endOfPassWriteIndex: 2 * count - 1,
          };
        }),
      finish: () => {
        if (count > 0) {
          encoder.resolveQuerySet(queries, 0, 2 * count, resolved, 0);
          encoder.copyBufferToBuffer(resolved, 0, read, 0, 16 * count);
          last = count;
        }
        return encoder.finish();
      },
    });
  }

  return {
    device: replaced(real, { createCommandEncoder: () => encoderOf(real.createCommandEncoder()) }),
    times: async () => {
      await read.mapAsync(1);
      const stamps = new BigUint64Array(read.getMappedRange()).slice(0, 2 * last);
      read.unmap();
      return Array.from({ length: last }, (_, at) => {
        const nanoseconds = (stamps[2 * at + 1] ?? 0n) - (stamps[2 * at] ?? 0n);
        // Timestamps may run backwards where a device changes its clock (WebGPU, §20.4).
        return Math.max(0, Number(nanoseconds) / 1e6);
      });
    },
  };
}

/** A pass that keeps what is set and opens a pass of its own for each dispatch. */
function passOf(
  encoder: GPUCommandEncoder,
  timestamps: () => GPUComputePassTimestampWrites,
): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline | undefined;
  let group: readonly [number, GPUBindGroup | null, readonly number[]] | undefined;
  const own: Pick<GPUComputePassEncoder, "setPipeline" | "dispatchWorkgroups" | "end"> & {
    readonly setBindGroup: (
      index: number,
      value: GPUBindGroup | null,
      offsets: readonly number[],
    ) => undefined;
  } = {
    setPipeline: (value) => void (pipeline = value),
    setBindGroup: (...values) => void (group = values),
    dispatchWorkgroups: (x, y, z) => {
      const pass = encoder.beginComputePass({ timestampWrites: timestamps() });
      if (pipeline) pass.setPipeline(pipeline);
      if (group) pass.setBindGroup(...group);
      pass.dispatchWorkgroups(x, y, z);
      pass.end();
    },
    end: () => undefined,
  };
  // What an emitted module calls of a pass, and nothing else.
  return own as unknown as GPUComputePassEncoder;
}

/** An object of WebGPU with some of its methods replaced; the others are called on the object itself. */
function replaced<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get: (target, key) => {
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key) as unknown;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
