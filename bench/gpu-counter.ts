/// <reference types="@webgpu/types" />
// Counts what any runtime requests of WebGPU: it replaces the methods of WebGPU's classes by methods that count and then call the original.

/** The counts since the counter was restarted; for pipelines and shader modules, since it was made. */
export interface GpuCounts {
  /** Description of the adapter that was requested last; empty before. */
  readonly adapter: string;
  readonly dispatches: number;
  readonly submits: number;
  /** Compute pipelines that differ in the shader's text, entry point or constants. */
  readonly pipelines: number;
  /** Compute pipelines that were made, including repeated ones. */
  readonly pipelinesMade: number;
  /** The sum over the dispatches of the ranges of storage buffers that they bind, each range once. */
  readonly boundBytes: number;
  /** Bytes that the host writes into buffers, and reads from them. */
  readonly uploadedBytes: number;
  readonly readBytes: number;
  /** Bytes copied from buffer to buffer. */
  readonly copiedBytes: number;
}

export interface GpuCounter {
  counts(): GpuCounts;
  restart(): void;
}

/** The classes whose methods are replaced. */
export interface GpuClasses {
  readonly GPU: { readonly prototype: GPU };
  readonly GPUDevice: { readonly prototype: GPUDevice };
  readonly GPUQueue: { readonly prototype: GPUQueue };
  readonly GPUBuffer: { readonly prototype: GPUBuffer };
  readonly GPUCommandEncoder: { readonly prototype: GPUCommandEncoder };
  readonly GPUComputePassEncoder: { readonly prototype: GPUComputePassEncoder };
}

/** Flags of GPUBufferUsage and GPUMapMode. */
const [storage, mapRead] = [128, 1];

interface Range {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Starts counting; it goes on as long as the process lives. */
export function countGpu(classes: GpuClasses): GpuCounter {
  let adapter = "";
  let pipelinesMade = 0;
  const pipelines = new Set<string>();
  const zero = { dispatches: 0, submits: 0, boundBytes: 0, uploadedBytes: 0, readBytes: 0, copiedBytes: 0 };
  let now = { ...zero };

  const device = classes.GPUDevice.prototype;
  const shaders = new WeakMap<GPUShaderModule, string>();
  const bound = new WeakMap<GPUBindGroup, readonly Range[]>();
  const passes = new WeakMap<GPUComputePassEncoder, Map<number, readonly Range[]>>();

  watch(classes.GPU.prototype, "requestAdapter", (_, __, asked) => {
    void asked.then(
      (found) => void (adapter = found ? found.info.description || found.info.device : adapter),
      () => {},
    );
  });
  watch(device, "createShaderModule", (_, [{ code }], module) => void shaders.set(module, code));
  const seePipeline = ({ compute }: GPUComputePipelineDescriptor): void => {
    pipelinesMade += 1;
    const { module, entryPoint, constants } = compute;
    pipelines.add(JSON.stringify([shaders.get(module), entryPoint, constants]));
  };
  watch(device, "createComputePipeline", (_, [wish]) => seePipeline(wish));
  watch(device, "createComputePipelineAsync", (_, [wish]) => seePipeline(wish));
  watch(device, "createBindGroup", (_, [{ entries }], group) => void bound.set(group, rangesOf(entries)));
  watch(device, "createBuffer", (_, [{ size, mappedAtCreation }]) => {
    if (mappedAtCreation) now.uploadedBytes += size;
  });

  watch(
    classes.GPUBuffer.prototype,
    "mapAsync",
    (buffer, [mode, offset = 0, size = buffer.size - offset]) => {
      now[mode & mapRead ? "readBytes" : "uploadedBytes"] += size;
    },
  );
  watch(classes.GPUQueue.prototype, "submit", () => void (now.submits += 1));
  watch(classes.GPUQueue.prototype, "writeBuffer", (_, [, , data, start = 0, size]) => {
    const unit = "BYTES_PER_ELEMENT" in data ? Number(data.BYTES_PER_ELEMENT) : 1;
    now.uploadedBytes += size === undefined ? data.byteLength - start * unit : size * unit;
  });
  const encoder = classes.GPUCommandEncoder.prototype;
  watch(encoder, "copyBufferToBuffer", (_, args: readonly unknown[]) => {
    // (source, target, size) or (source, offset, target, offset, size); without a size, the whole source.
    const size = args[typeof args[1] === "number" ? 4 : 2];
    now.copiedBytes += typeof size === "number" ? size : (args[0] as GPUBuffer).size;
  });

  const pass = classes.GPUComputePassEncoder.prototype;
  watch(pass, "setBindGroup", (self, args: readonly unknown[]) => {
    const groups = passes.get(self) ?? new Map<number, readonly Range[]>();
    const [index, group] = args as [number, GPUBindGroup | null];
    groups.set(index, (group && bound.get(group)) ?? []);
    passes.set(self, groups);
  });
  const seeDispatch = (self: GPUComputePassEncoder): void => {
    now.dispatches += 1;
    const ranges = [...(passes.get(self)?.values() ?? [])].flat();
    for (const [at, range] of ranges.entries())
      if (ranges.findIndex((one) => isSame(one, range)) === at) now.boundBytes += range.bytes;
  };
  watch(pass, "dispatchWorkgroups", seeDispatch);
  watch(pass, "dispatchWorkgroupsIndirect", seeDispatch);

  return {
    counts: () => ({ adapter, ...now, pipelines: pipelines.size, pipelinesMade }),
    restart: () => void (now = { ...zero }),
  };
}

/** The ranges of storage buffers that a bind group binds. */
function rangesOf(entries: Iterable<GPUBindGroupEntry>): Range[] {
  return [...entries].flatMap(({ resource }): Range[] => {
    const binding = "buffer" in resource ? resource : { buffer: resource };
    const { buffer, offset = 0, size } = binding as GPUBufferBinding;
    // Textures and samplers have no `usage` of buffers.
    if (typeof buffer.size !== "number" || (buffer.usage & storage) === 0) return [];
    return [{ buffer, offset, bytes: size ?? buffer.size - offset }];
  });
}

function isSame(a: Range, b: Range): boolean {
  return a.buffer === b.buffer && a.offset === b.offset && a.bytes === b.bytes;
}

type Methods<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T];
type Arguments<T> = T extends (...args: infer A) => unknown ? A : never;
type Result<T> = T extends (...args: never[]) => infer R ? R : never;

/** Calls `see` with the receiver, the arguments and the result of each call of a method; calls that throw do not count. */
function watch<T extends object, K extends Methods<T>>(
  prototype: T,
  name: K,
  see: (self: T, args: Arguments<T[K]>, result: Result<T[K]>) => void,
): void {
  const own = prototype[name] as (...args: Arguments<T[K]>) => Result<T[K]>;
  const value = function (this: T, ...args: Arguments<T[K]>): Result<T[K]> {
    const result = own.apply(this, args);
    see(this, args, result);
    return result;
  };
  Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
}
