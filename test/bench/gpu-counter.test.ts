/// <reference types="@webgpu/types" />
// What the bench counts of a run on WebGPU, on a device that accepts everything and computes nothing.

import { expect, test } from "vitest";
import { globals } from "webgpu";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import type { GpuClasses } from "../../bench/gpu-counter.js";
import { countGpu } from "../../bench/gpu-counter.js";
import { nodeGpu } from "../../src/node/gpu.js";
import { moduleOf } from "../schedule/module-of.js";

const counter = countGpu(globals as unknown as GpuClasses);
const gpu = (await nodeGpu(["backend=null"])).value as GPU;
const adapter = (await gpu.requestAdapter())!;
const device = await adapter.requestDevice();

test("dispatches, pipelines and bytes of a net are those of its module", async () => {
  const model = moduleOf(`net counted {
  input x: f32[1, 4, 4, 8]
  y = relu(conv2d(x, filters=8, kernel=3x3, padding=same))
  z = relu(conv2d(y, filters=8, kernel=3x3, padding=same))
  output p = global_avg_pool(z)
}`);
  const artifact = emit(model, { target: "wgsl" });
  const net = await load(artifact, { device });
  const inputs = { x: new Float32Array(128) };
  await net.run(inputs);
  counter.restart();
  expect(counter.counts()).toMatchObject({ dispatches: 0, submits: 0, boundBytes: 0, uploadedBytes: 0 });
  await net.run(inputs);
  net.dispose();
  expect(artifact.kernels).toBeGreaterThan(1);
  // This device has no subgroups.
  const used = artifact.shaders?.filter(({ text }) => !text.includes("subgroup")).length;
  expect(counter.counts()).toMatchObject({
    adapter: adapter.info.description || adapter.info.device,
    dispatches: artifact.kernels,
    submits: 1,
    pipelines: used,
    pipelinesMade: used,
    uploadedBytes: 512,
    readBytes: 32,
    copiedBytes: 32,
  });
});

test("a range that a dispatch binds twice, uniforms and what is not dispatched do not count", () => {
  const code = `@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<uniform> c: vec4f;
@group(0) @binding(3) var<storage, read_write> d: array<f32>;
@compute @workgroup_size(1) fn main() { d[0] = a[0] + b[0] + c.x; }`;
  const [uniform, storage] = [64, 128];
  const before = counter.counts();
  const makePipeline = (): GPUComputePipeline =>
    device.createComputePipeline({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
    });
  const pipeline = makePipeline();
  makePipeline();
  const buffer = device.createBuffer({ size: 1024, usage: storage });
  const target = device.createBuffer({ size: 256, usage: storage });
  const constants = device.createBuffer({ size: 64, usage: uniform });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, resource: { buffer, size: 512 } },
      { binding: 1, resource: { buffer, size: 512 } },
      { binding: 2, resource: { buffer: constants } },
      { binding: 3, resource: { buffer: target } },
    ],
  });
  counter.restart();
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1);
  pass.dispatchWorkgroups(2);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const after = counter.counts();
  expect(after).toMatchObject({ dispatches: 2, submits: 1, boundBytes: 2 * (512 + 256) });
  expect(after.pipelines - before.pipelines).toBe(1);
  expect(after.pipelinesMade - before.pipelinesMade).toBe(2);
});

test("bytes that are written count by their range, in the elements of the array that they come from", () => {
  const target = device.createBuffer({ size: 64, usage: 8 });
  counter.restart();
  device.queue.writeBuffer(target, 0, new Float32Array(8));
  expect(counter.counts().uploadedBytes).toBe(32);
  device.queue.writeBuffer(target, 0, new Float32Array(8), 2);
  expect(counter.counts().uploadedBytes).toBe(32 + 24);
  device.queue.writeBuffer(target, 0, new Float32Array(8), 2, 3);
  expect(counter.counts().uploadedBytes).toBe(32 + 24 + 12);
  device.queue.writeBuffer(target, 0, new ArrayBuffer(16), 4, 8);
  expect(counter.counts().uploadedBytes).toBe(32 + 24 + 12 + 8);
});
