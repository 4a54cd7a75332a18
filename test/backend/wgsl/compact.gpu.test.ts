// Weights of few bits on WebGPU: a module gives the same bits as one with the widened values as f32, also if the device stores halves.

import { expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { targets } from "#compile/targets.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { compactEverywhere, widened } from "../../compact-weights.js";
import { moduleOf } from "../../schedule/module-of.js";
import { computingDevice, describeOn } from "./device.js";

const device = await computingDevice();

const model = moduleOf(`net mixed {
  input image: f32[1, 6, 6, 16]
  a = conv2d(image, filters=24, kernel=3x3, padding=same) |> batch_norm |> relu
  b = depthwise_conv2d(a, kernel=5x5, padding=same) |> relu6
  c = conv2d(b, filters=21, kernel=1x1)
  output y = c |> global_avg_pool |> dense(units=30)
}`);
const image = Float32Array.from({ length: 576 }, (_, at) => Math.sin(at));

/** The results as bits. */
async function bitsOf(module: Module, f16: boolean): Promise<number[]> {
  const net = await load(emit(module, { target: "wgsl", f16 }), { poison: true, device: device! });
  const { y } = await net.run({ image });
  net.dispose();
  return [...new Int32Array(y!.buffer)];
}

describeOn(device).each([false, true])("on an adapter, f16: %s", (f16) => {
  test.each(["f16", "int8"] as const)("weights as %s", async (weightType) => {
    const { module } = optimize(model, { target: targets.wgsl.target, weightType }).value!;
    expect(await bitsOf(module, f16)).toEqual(await bitsOf(widened(module), f16));
    const bytes = emit(widened(module), { target: "wgsl" }).weightBytes;
    expect(emit(module, { target: "wgsl" }).weightBytes).toBeLessThan(
      { f16: 0.54, int8: 0.33 }[weightType] * bytes,
    );
  });

  test("all forms", async () => {
    const { module } = optimize(model, { target: targets.wgsl.target }).value!;
    const { compact, plain } = compactEverywhere(module, seededRandom(1));
    expect(await bitsOf(compact, f16)).toEqual(await bitsOf(plain, f16));
  });
});
