// The host part of a module for WebGPU: tensors in memory and in buffers, turns, samples, and every way to fail.

import { expect, test, vi } from "vitest";
import type { Artifact } from "#backend/artifact.js";
import type { Limits } from "#backend/wgsl/limits.js";
import { guaranteedLimits } from "#backend/wgsl/limits.js";
import { emit } from "#compile/emit.js";
import { load as loadArtifact } from "#compile/load.js";
import { interpret } from "#interpret/interpret.js";
import type { GpuNet } from "#runtime/wgsl/machine.js";
import { nodeGpu } from "../../../src/node/gpu.js";
import { moduleOf } from "../../schedule/module-of.js";
import { computingDevice, describeOn, withBuffers, withProperty } from "./device.js";

const model = moduleOf(`net small {
  input a: f32[N, 2, 3, 4]
  input b: f32[N, 2, 3, 4]
  s = a + b
  output y = conv2d(s, filters=5, kernel=1x1)
  output z = global_avg_pool(s)
}`);
const artifact = emit(model, { target: "wgsl" });
const size = { a: 24, b: 24, y: 30, z: 4 };

const device = await computingDevice();
const storage = 128;
const [mapRead, copySource, copyTarget] = [1, 4, 8];

/** An artifact with a unique module text: an engine keeps what it imported. */
let copies = 0;
const fresh = (): Artifact => ({ ...artifact, module: `${artifact.module}// ${(copies += 1)}\n` });

const load = async (options: object = { device }): Promise<GpuNet> =>
  (await loadArtifact(fresh(), options)) as unknown as GpuNet;

/** As the user of an emitted module does it, without the compiler. */
async function loadAlone(options: object): Promise<unknown> {
  const { module, weights } = fresh();
  const url = `data:text/javascript,${encodeURIComponent(module)}`;
  return ((await import(url)) as { load: typeof load }).load({ weights, ...options });
}

const values = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, k) => Math.sin(k * 1.7 + seed));

/** The net's results for one sample. */
function wanted(a: Float32Array, b: Float32Array): { y: number[]; z: number[] } {
  const shape = [1, 2, 3, 4];
  const tensors = new Map(
    Object.entries({ a, b }).map(([name, data]) => [name, { shape, data: Float64Array.from(data) }]),
  );
  const outputs = interpret(model, tensors);
  return { y: [...outputs.get("y")!.data], z: [...outputs.get("z")!.data] };
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [at, value] of expected.entries()) expect(actual[at]).toBeCloseTo(value, 4);
}

function buffer(data: Float32Array | number, usage: number): GPUBuffer {
  const bytes = 4 * (typeof data === "number" ? data : data.length);
  const made = device!.createBuffer({ size: bytes, usage, mappedAtCreation: typeof data !== "number" });
  if (typeof data !== "number") {
    new Float32Array(made.getMappedRange()).set(data);
    made.unmap();
  }
  return made;
}

async function read(from: GPUBuffer): Promise<Float32Array> {
  const target = device!.createBuffer({ size: from.size, usage: mapRead | copyTarget });
  const encoder = device!.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, target, 0, from.size);
  device!.queue.submit([encoder.finish()]);
  await target.mapAsync(1);
  const result = new Float32Array(target.getMappedRange()).slice();
  target.destroy();
  return result;
}

/** The limits of a device are on its prototype. */
function own(limits: GPUSupportedLimits): Record<string, number> {
  const names = Object.keys(guaranteedLimits) as (keyof Limits)[];
  return Object.fromEntries(names.map((name) => [name, limits[name]]));
}

const codeOf = async (promise: Promise<unknown>): Promise<unknown> => {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return error instanceof Error && error.name === "GpuError"
    ? (error as Error & { code: string }).code
    : error;
};

describeOn(device)("on an adapter", () => {
  const [a, b] = [values(size.a, 1), values(size.b, 2)];

  test("runs at the same time get their own inputs, though the caller changes the arrays", async () => {
    const net = await load();
    await net.warmup();
    const inputs = [1, 2, 3].map((seed) => ({ a: values(size.a, seed), b: values(size.b, seed + 9) }));
    const expected = inputs.map((one) => wanted(one.a, one.b));
    const runs = inputs.map(async (one) => net.run(one));
    await Promise.resolve();
    for (const one of inputs.slice(1)) one.a.fill(0);
    for (const [at, outputs] of (await Promise.all(runs)).entries()) {
      expectClose(outputs["y"] as Float32Array, expected[at]!.y);
      expectClose(outputs["z"] as Float32Array, expected[at]!.z);
    }
    net.dispose();
  });

  test("several samples", async () => {
    const net = await load();
    const [many, more] = [values(3 * size.a, 4), values(3 * size.b, 5)];
    const { y, z } = await net.run({ a: many, b: more });
    for (let k = 0; k < 3; k += 1) {
      const one = wanted(many.slice(24 * k, 24 * k + 24), more.slice(24 * k, 24 * k + 24));
      expectClose((y as Float32Array).slice(30 * k, 30 * k + 30), one.y);
      expectClose((z as Float32Array).slice(4 * k, 4 * k + 4), one.z);
    }
    const inBuffers = buffer(many, copySource);
    const into = buffer(3 * size.y, copySource | copyTarget);
    await net.run({ a: inBuffers, b: more }, { into: { y: into } });
    expectClose(await read(into), [...(y as Float32Array)]);
    net.dispose();
  });

  test.each([
    ["bound in place", storage],
    ["copied", 0],
  ])("buffers of the caller's, %s", async (_name, more) => {
    const net = await load();
    const expected = wanted(a, b);
    const into = buffer(size.y, more | copySource | copyTarget);
    for (let round = 0; round < 2; round += 1) {
      const from = buffer(a, more | copySource);
      const outputs = await net.run({ a: from, b }, { into: { y: into } });
      expect(outputs["y"]).toBe(into);
      expectClose(await read(into), expected.y);
      expectClose(outputs["z"] as Float32Array, expected.z);
      // The memory that is read stays unchanged.
      expectClose(await read(from), [...a]);
    }
    const again = await net.run({ a, b });
    expectClose(again["y"] as Float32Array, expected.y);
    net.dispose();
  });

  test("results go into arrays of the caller's", async () => {
    const net = await load();
    const into = new Float32Array(size.y);
    const { y } = await net.run({ a, b }, { into: { y: into } });
    expect(y).toBe(into);
    expectClose(into, wanted(a, b).y);
    net.dispose();
  });

  test("wrong tensors are told", async () => {
    const net = await load();
    await expect(net.run({ a })).rejects.toThrow(
      'small: input "b" must be a Float32Array or a GPUBuffer of N × 24 values, [N, 2, 3, 4]; it is missing',
    );
    await expect(net.run({ a, b: values(25, 0) })).rejects.toThrow("this one has 25");
    await expect(net.run({ a, b: [1] as never })).rejects.toThrow("not Array");
    const one = buffer(size.y, storage | copySource);
    await expect(net.run({ a, b }, { into: { y: one, z: one as never } })).rejects.toThrow(TypeError);
    const same = buffer(24, storage);
    const other = moduleOf("net twice {\n  input x: f32[24]\n  output y = exp(x)\n}");
    const twice = (await loadArtifact(emit(other, { target: "wgsl" }), {
      device: device!,
    })) as unknown as GpuNet;
    await expect(twice.run({ x: same }, { into: { y: same } })).rejects.toThrow(
      'output "y" shares memory with input "x"',
    );
    twice.dispose();
    net.dispose();
    net.dispose();
    await expect(net.run({ a, b })).rejects.toThrow("run after dispose");
    await expect(net.warmup()).rejects.toThrow("warmup after dispose");
  });

  test("buffers that cannot be used as they are given are told before anything is recorded", async () => {
    const net = await load();
    const into = { y: buffer(size.y, storage) };
    const wrong = async (inputs: object, outputs: object, message: string): Promise<void> => {
      const error = await net.run(inputs as never, { into: outputs as never }).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toBe(`small: ${message}`);
    };
    const onlyTarget = buffer(a, copyTarget);
    await wrong({ a: onlyTarget, b }, into, `input "a" is a GPUBuffer without the usage COPY_SRC or STORAGE`);
    const onlySource = buffer(size.z, copySource);
    await wrong(
      { a, b },
      { z: onlySource },
      `output "z" is a GPUBuffer without the usage COPY_DST or STORAGE`,
    );
    const [many, more] = [values(2 * size.a, 4), values(2 * size.b, 5)];
    const bound = buffer(many, storage);
    await wrong(
      { a: bound, b: more },
      {},
      `input "a" is a GPUBuffer without the usage COPY_SRC, which several samples need`,
    );
    const mapped = device!.createBuffer({ size: 4 * size.a, usage: copySource, mappedAtCreation: true });
    await wrong({ a: mapped, b }, into, `input "a" is a GPUBuffer that is mapped; unmap it`);
    const odd = device!.createBuffer({ size: 4 * size.a + 8, usage: storage });
    await wrong(
      { a: odd, b },
      into,
      'input "a" must be a Float32Array or a GPUBuffer of N × 24 values, [N, 2, 3, 4]; this one has 26',
    );
    for (const one of [onlyTarget, onlySource, bound, mapped, odd, into.y]) one.destroy();
    net.dispose();
  });

  test("a buffer of another device is refused", async () => {
    const gpu = (await nodeGpu()).value! as GPU;
    const other = await (await gpu.requestAdapter())!.requestDevice();
    const foreign = other.createBuffer({ size: 4 * size.a, usage: storage | copySource });
    const net = await load();
    expect(await codeOf(net.run({ a: foreign, b }))).toBe("validation");
    expectClose((await net.run({ a, b }))["y"] as Float32Array, wanted(a, b).y);
    net.dispose();
    other.destroy();
  });

  test("what is given as a device must be one, with limits that are enough", async () => {
    for (const wrong of [null, {}, 3]) {
      await expect(load({ device: wrong })).rejects.toThrow(/^load takes device as a GPUDevice, not /);
      await expect(loadAlone({ device: wrong })).rejects.toThrow(/^small: device must be a GPUDevice$/);
      await expect(loadAlone({ gpu: wrong ?? {} })).rejects.toThrow(/^small: gpu must be a GPU, as /);
    }
    const { limits } = device!;
    const poor = withProperty(device!, "limits", { ...own(limits), maxStorageBuffersPerShaderStage: 2 });
    await expect(load({ device: poor })).rejects.toMatchObject({
      code: "limits",
      message: expect.stringContaining("make it with requiredLimits that are enough, or compile it again"),
    });
  });

  test("a command that the device refuses is a validation error, and the next run works", async () => {
    const net = await load();
    const dead = buffer(a, storage);
    dead.destroy();
    expect(await codeOf(net.run({ a: dead, b }))).toBe("validation");
    expectClose((await net.run({ a, b }))["y"] as Float32Array, wanted(a, b).y);
    net.dispose();
  });

  test("after the device is lost, run says so, and a new load works", async () => {
    const gpu = (await nodeGpu()).value!;
    const net = await load({ gpu });
    net.device.destroy();
    expect(await codeOf(net.run({ a, b }))).toBe("device-lost");
    expect(await codeOf(net.run({ a, b }))).toBe("device-lost");
    const next = await load({ gpu });
    expectClose((await next.run({ a, b }))["y"] as Float32Array, wanted(a, b).y);
    next.dispose();
  });

  test("a device that is lost while the net loads", async () => {
    const gpu = (await nodeGpu()).value! as GPU;
    const lost = await (await gpu.requestAdapter())!.requestDevice();
    lost.destroy();
    await lost.lost;
    expect(await codeOf(load({ device: lost }))).toBe("device-lost");
  });

  test("a shader that the device refuses is a validation error", async () => {
    const broken = { ...artifact, module: artifact.module.replace("@compute", "@computer") };
    expect(await codeOf(loadArtifact(broken, { device: device! }))).toBe("validation");
  });

  test("memory that cannot be had", async () => {
    const gpu = (await nodeGpu()).value! as GPU;
    const adapter = (await gpu.requestAdapter())!;
    const { maxBufferSize } = adapter.limits;
    const own = await adapter.requestDevice({ requiredLimits: { maxBufferSize } });
    // Software adapters name limits that they cannot meet. What is mapped from the beginning is left as it is.
    const hungry = withBuffers(own, (wish) =>
      own.createBuffer(wish.mappedAtCreation ? wish : { ...wish, size: maxBufferSize }),
    );
    expect(await codeOf(load({ device: hungry }))).toBe("out-of-memory");
    own.destroy();
  });

  test("a device given stays the caller's", async () => {
    const net = await load();
    net.dispose();
    const state = await Promise.race([
      device!.lost.then(() => "lost"),
      new Promise((done) => setTimeout(done, 20)),
    ]);
    expect(state).toBeUndefined();
  });
});

test("without WebGPU, without an adapter, and with too small limits load says so", async () => {
  expect(await codeOf(load({}))).toBe("no-webgpu");
  const gpu = (await nodeGpu(["adapter=none of this name"])).value!;
  expect(await codeOf(load({ gpu }))).toBe("no-adapter");
  expect(await codeOf(load({ gpu: { requestAdapter: async () => null } }))).toBe("no-adapter");
  const limits = { maxStorageBuffersPerShaderStage: 2 };
  expect(await codeOf(load({ gpu: { requestAdapter: async () => ({ limits }) } }))).toBe("limits");
  const refusing = {
    limits: {},
    requestDevice: async () => {
      throw new Error("busy");
    },
  };
  expect(await codeOf(load({ gpu: { requestAdapter: async () => refusing } }))).toBe("no-adapter");
});

test("an object that was made with flags is not for callers without", async () => {
  vi.resetModules();
  const { nodeGpu: fresh } = await import("../../../src/node/gpu.js");
  const flagged = (await fresh(["backend=null"])).value;
  expect((await fresh()).value).not.toBe(flagged);
});
