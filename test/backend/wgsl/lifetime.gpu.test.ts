// When a net makes objects on its device: at load whatever can be made there, one submit per run, and nothing left after dispose.

import { expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { load as loadArtifact } from "#compile/load.js";
import type { GpuNet } from "#runtime/wgsl/machine.js";
import { nodeGpu } from "../../../src/node/gpu.js";
import { moduleOf } from "../../schedule/module-of.js";
import { counting } from "./counting.js";
import { computingDevice, describeOn, withProperty } from "./device.js";

const artifact = emit(
  moduleOf(`net n {
    input x: f32[N, 8, 8, 4]
    a = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu
    output y = softmax(conv2d(a, filters=8, kernel=1x1), axis=3)
  }`),
  { target: "wgsl" },
);
const device = await computingDevice();
const x = Float32Array.from({ length: 256 }, (_, at) => Math.sin(at));

let copies = 0;
const load = async (options: object): Promise<GpuNet> => {
  const module = `${artifact.module}// ${(copies += 1)}\n`;
  return (await loadArtifact({ ...artifact, module }, options)) as unknown as GpuNet;
};

describeOn(device)("on an adapter", () => {
  test("a run records, submits once and reads; all else is made at load", async () => {
    const { device: own, since } = counting(device!);
    const net = await load({ device: own });
    const { createComputePipeline, createComputePipelineAsync, createShaderModule } = since();
    expect(createComputePipeline).toBeUndefined();
    expect(createComputePipelineAsync).toBe(createShaderModule);
    await net.run({ x }); // makes the buffer that results come back in
    since();
    const scopes = { pushErrorScope: 2, popErrorScope: 2 };
    const once = { ...scopes, createCommandEncoder: 1, submit: 1 };
    await net.run({ x });
    expect(since()).toEqual({ ...once, writeBuffer: 1 });
    const three = new Float32Array(3 * x.length);
    await net.run({ x: three }); // grows it, and makes the one that inputs of several samples go out in
    expect(since()).toEqual({ ...once, writeBuffer: 1, createBuffer: 2 });
    await net.run({ x: three });
    expect(since()).toEqual({ ...once, writeBuffer: 1 });
    // Buffers of the caller that take turns get their bind groups once.
    const made = [1, 2, 3].map(() => device!.createBuffer({ size: x.byteLength, usage: 128 | 8 }));
    const into = { y: device!.createBuffer({ size: 4 * 512, usage: 128 | 4 }) };
    for (const one of made) await net.run({ x: one }, { into });
    since();
    for (const one of [...made, ...made]) await net.run({ x: one }, { into });
    expect(since()).toEqual({
      pushErrorScope: 12,
      popErrorScope: 12,
      createCommandEncoder: 6,
      submit: 6,
    });
    for (const one of [...made, into.y]) one.destroy();
    net.dispose();
  });

  test("inputs are read before run returns", async () => {
    const net = await load({ device });
    const { y: wanted } = await net.run({ x });
    const changing = x.slice();
    const running = net.run({ x: changing });
    changing.fill(0);
    expect((await running)["y"]).toEqual(wanted);
    net.dispose();
  });

  test("dispose frees every buffer, and a run that is under way fails", async () => {
    const { device: own, living } = counting(device!);
    const net = await load({ device: own });
    await net.run({ x: new Float32Array(2 * x.length) });
    expect(living.size).toBeGreaterThan(5);
    const runs = Promise.allSettled([net.run({ x }), net.run({ x })]);
    net.dispose();
    expect(living.size).toBe(0);
    for (const run of await runs)
      expect(run).toMatchObject({ reason: { message: "n: disposed while it ran" } });
    await expect(net.run({ x })).rejects.toThrow("n: run after dispose");
    expect(living.size).toBe(0);
  });

  test("a load that fails leaves nothing on the caller's device", async () => {
    const { device: own, living } = counting(device!);
    await expect(load({ device: own, weights: new Uint8Array(64) })).rejects.toThrow();
    expect(living.size).toBe(0);
    // The device refuses a bind group, which is made last.
    const refusing = withProperty(own, "createBindGroup", (wish: GPUBindGroupDescriptor) =>
      own.createBindGroup({ ...wish, entries: [] }),
    );
    await expect(load({ device: refusing })).rejects.toMatchObject({ code: "validation" });
    expect(living.size).toBe(0);
  });

  test("a run whose memory cannot be had does not spoil the next", async () => {
    let isFull = false;
    const real = device!;
    const scarce = withProperty(real, "createBuffer", (wish: GPUBufferDescriptor) =>
      // More than any device has.
      real.createBuffer(isFull ? { ...wish, size: 2 ** 50 } : wish),
    );
    const net = await load({ device: scarce });
    const { y: wanted } = await net.run({ x });
    isFull = true;
    await expect(net.run({ x: new Float32Array(2 * x.length) })).rejects.toMatchObject({
      name: "GpuError",
    });
    isFull = false;
    const twice = Float32Array.from([...x, ...x]);
    const { y } = await net.run({ x: twice });
    expect([...(y as Float32Array)]).toEqual([...(wanted as Float32Array), ...(wanted as Float32Array)]);
    net.dispose();
  });

  test("two nets on one device, at the same time", async () => {
    const nets = await Promise.all([load({ device }), load({ device })]);
    const { y: wanted } = await nets[0].run({ x });
    const zero = new Float32Array(x.length);
    const { y: other } = await nets[0].run({ x: zero });
    const runs = nets.flatMap((net) => [net.run({ x }), net.run({ x: zero })]);
    const results = (await Promise.all(runs)).map(({ y }) => y);
    expect(results).toEqual([wanted, other, wanted, other]);
    // One of them refuses, and the other one does not report it.
    const dead = device!.createBuffer({ size: x.byteLength, usage: 128 });
    dead.destroy();
    const [refused, accepted] = await Promise.allSettled([nets[0].run({ x: dead }), nets[1].run({ x })]);
    expect(refused).toMatchObject({ reason: { code: "validation" } });
    expect(accepted).toMatchObject({ value: { y: wanted } });
    for (const net of nets) net.dispose();
  });

  test("a signal ends a run, a warmup or a load, and the net goes on", async () => {
    const net = await load({ device });
    const { y: wanted } = await net.run({ x });
    const aborted = AbortSignal.abort(new Error("left"));
    await expect(net.run({ x }, { signal: aborted })).rejects.toThrow("left");
    await expect(net.warmup({ signal: aborted })).rejects.toThrow("left");
    await expect(load({ device, signal: aborted })).rejects.toThrow("left");
    const into = { y: new Float32Array(512).fill(7) };
    for (const call of [
      (options: { signal: AbortSignal }) => net.run({ x }, { ...options, into }),
      (options: { signal: AbortSignal }) => net.warmup(options),
      (options: { signal: AbortSignal }) => load({ ...options, device }),
    ]) {
      const controller = new AbortController();
      const work = call({ signal: controller.signal });
      const following = net.run({ x });
      controller.abort(new Error("left"));
      await expect(work).rejects.toThrow("left");
      expect((await following).y).toEqual(wanted);
    }
    expect(into.y).toEqual(new Float32Array(512).fill(7));
    await expect(net.warmup({ signals: aborted } as never)).rejects.toThrow(
      'n: warmup takes no option "signals"; did you mean "signal"?',
    );
    net.dispose();
  });

  test("weights are sent in pieces, and not kept; a load that is given up leaves no buffer", async () => {
    const large = emit(moduleOf("net large {\n input x: f32[1, 2048]\n output y = dense(x, units=1500)\n}"), {
      target: "wgsl",
    });
    const sizes: number[] = [];
    const { device: own, living } = counting(device!);
    const queue = new Proxy(device!.queue, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          if (key === "writeBuffer") sizes.push((given[2] as Float32Array).byteLength);
          return Reflect.apply(value, target, given) as unknown;
        };
      },
    });
    const watched = new Proxy(own, {
      get: (target, key) => (key === "queue" ? queue : (Reflect.get(target, key) as unknown)),
    });
    const net = await loadArtifact(large, { device: watched });
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(large.weightBytes);
    expect(Math.max(...sizes)).toBe(2 ** 22);
    net.dispose();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("left"));
    const { signal } = controller;
    await expect(loadArtifact(large, { device: watched, signal, onProgress })).rejects.toThrow("left");
    await expect.poll(() => living.size).toBe(0);
  });

  test("runs under way when the device is lost say so, and so does warmup", async () => {
    const gpu = (await nodeGpu()).value!;
    const net = await load({ gpu });
    const into = { y: net.device.createBuffer({ size: 4 * 512, usage: 128 }) };
    const runs = [net.run({ x }), net.run({ x }), net.warmup(), net.run({ x }, { into })];
    net.device.destroy();
    for (const run of await Promise.allSettled(runs))
      expect(run).toMatchObject({ reason: { name: "GpuError", code: "device-lost" } });
    net.dispose();
  });
});
