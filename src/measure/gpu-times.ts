/// <reference types="@webgpu/types" />
// Times dispatches on a WebGPU device by its timestamps. Emitted modules need no change for this.

import type { Limits } from "#backend/wgsl/limits.js";
import { guaranteedLimits } from "#backend/wgsl/limits.js";
import { bug } from "#diagnostic/diagnostic.js";
import { gpuError } from "#runtime/wgsl/error.js";

/** A device for `load({ device })` that times every dispatch. */
export interface TimedDevice {
  readonly device: GPUDevice;
  /** The adapter's name, or what else it says about itself. */
  readonly adapter: string;
  /** The milliseconds of each dispatch of the last command buffer that had any, in order, once it has run. */
  readonly times: () => Promise<readonly number[]>;
}

const feature: GPUFeatureName = "timestamp-query";

/** The most dispatches of a command buffer: a query set holds 4,096 timestamps (WebGPU, §20.1). */
const mostDispatches = 2048;

// Values of GPUBufferUsage, which is not a global in every Node that has WebGPU.
const usage = { mapRead: 1, copySource: 4, copyTarget: 8, resolve: 512 } as const;

/** Requests a device with timestamps and some limits. Rejects with a `GpuError` if there is none. */
export async function timedDevice(gpu: GPU | undefined, needs: Limits, f16: boolean): Promise<TimedDevice> {
  const from = gpu ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!from) throw gpuError("no-webgpu", "there is no WebGPU here (navigator.gpu is missing)");
  const adapter = await from.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) throw gpuError("no-adapter", "WebGPU finds no adapter; a GPU driver is missing or blocked");
  const { info, features } = adapter;
  const name = info.description || info.device || info.vendor;
  if (!features.has(feature))
    throw gpuError("limits", `the adapter (${name}) has no ${feature}, so that kernels cannot be timed`);
  // The features that a module requests itself; it uses subgroups where they fit.
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

/** The device with other command encoders, which make a pass of every dispatch, with a timestamp before and after it. */
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

/** A pass that remembers what is set, and opens a separate pass for each dispatch. */
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
  // The methods of a pass that an emitted module calls, and no others.
  return own as unknown as GPUComputePassEncoder;
}

/** A WebGPU object with some of its methods replaced; the other methods are called on the original object. */
function replaced<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get: (target, key) => {
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key) as unknown;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
