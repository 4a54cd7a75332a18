// Pictures that become values on the device: the very values that the CPU makes, in any order of runs, and nothing is left after dispose.

import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load as loadArtifact } from "#compile/load.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import type { Rectangle } from "#runtime/pixels.js";
import { seedsFor } from "../../scale.js";
import { counting } from "./counting.js";
import { computingDevice, describeOn, withProperty } from "./device.js";

const device = await computingDevice();
/** The software adapter that tests have, as one that is none: a net leaves pictures to the CPU on those. */
const hardware = device && withProperty(device, "adapterInfo", { isFallbackAdapter: false });

interface Picture {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

interface Net {
  run(inputs: object, options?: object): Promise<Record<string, Float32Array>>;
  dispose(): void;
}

/** The net whose output is its input, for a target. */
async function netOf(input: string, target: "js" | "wgsl", own?: GPUDevice, f16 = false): Promise<Net> {
  const text = `net seen {\n  input image: ${input}\n  output y = relu(image + 300)\n}\n`;
  const { value, diagnostics } = compile(text, { target, f16 });
  expect(diagnostics).toEqual([]);
  return (await loadArtifact(value!, own ? { device: own } : {})) as unknown as Net;
}

function pixels(random: Random, width: number, height: number): Picture {
  // All opaque, all of any transparency, or at the two ends only.
  const alpha = random.pick([() => 255, () => random.int(0, 255), () => 255 * random.int(0, 1)]);
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, at) =>
    at % 4 === 3 ? alpha() : random.int(0, 255),
  );
  return { data, width, height };
}

function randomPicture(random: Random): Picture | (Rectangle & { readonly picture: Picture }) {
  const [width, height] = [random.int(1, 60), random.int(1, 60)];
  const picture = pixels(random, width, height);
  if (random.next() < 0.6) return picture;
  const [x, y] = [random.int(0, width - 1), random.int(0, height - 1)];
  const half = random.pick([0, 0.5]);
  return { picture, x, y, width: width - x - half, height: height - y - half };
}

function randomInput(random: Random): string {
  const [height, width, depth] = [random.int(1, 24), random.int(1, 24), random.pick([1, 3])];
  const layout = random.pick(["nhwc", "nchw"]);
  const shape = layout === "nhwc" ? [height, width, depth] : [depth, height, width];
  const each = random.pick([0.5, -1.25]);
  const how = [
    `layout=${layout}`,
    `scale=${random.pick(["1", "1/255", "1/127.5"])}`,
    `mean=${depth === 3 ? `[${each}, 0.25, 1]` : each}`,
    `std=${random.pick([1, 0.229])}`,
    `fit=${random.pick(["stretch", "cover", "contain"])}`,
    `crop=${random.pick([1, 0.875, 0.3])}`,
    `pad=${random.pick([0, 114, 255])}`,
    ...(depth === 3 ? [`order=${random.pick(["rgb", "bgr"])}`] : []),
  ];
  return `f32[N, ${shape.join(", ")}] preprocess(${how.join(", ")})`;
}

describeOn(device)("on an adapter that is no software", () => {
  test.each(seedsFor(24))("the values are those that the CPU makes (%i)", async (seed) => {
    const random = seededRandom(seed);
    const input = randomInput(random);
    const { device: counted, since } = counting(hardware!);
    const [gpu, cpu] = [await netOf(input, "wgsl", counted, seed % 2 === 1), await netOf(input, "js")];
    for (const count of [1, 3, 1]) {
      const given = Array.from({ length: count }, () => randomPicture(random));
      const image = count === 1 ? given[0]! : given;
      since();
      const { y } = await gpu.run({ image });
      expect(since()["writeTexture"]).toBe(count);
      expect([input, y]).toEqual([input, (await cpu.run({ image }))["y"]]);
    }
    gpu.dispose();
    cpu.dispose();
  });

  const input = "f32[N, 8, 8, 3] preprocess(scale=1)";
  const random = seededRandom(1);
  const pictures = Array.from({ length: 6 }, (_, at) => pixels(random, 20 + at, 12));

  test("runs that wait for each other keep their pictures, and pixels may change as soon as run returns", async () => {
    const [gpu, cpu] = [await netOf(input, "wgsl", hardware), await netOf(input, "js")];
    const expected: (Float32Array | undefined)[] = [];
    for (const image of pictures) expected.push((await cpu.run({ image }))["y"]);
    const changing = pictures.map((picture) => ({ ...picture, data: picture.data.slice() }));
    const running = changing.map((image) => gpu.run({ image }));
    for (const { data } of changing) data.fill(0);
    const results = await Promise.all(running);
    expect(results.map((result) => result["y"])).toEqual(expected);
    gpu.dispose();
  });

  test("a second picture of the same size makes no objects but bind groups and commands", async () => {
    const { device: own, since } = counting(hardware!);
    const gpu = await netOf(input, "wgsl", own);
    const image = pictures[0]!;
    await gpu.run({ image });
    since();
    await gpu.run({ image });
    const { createBuffer, createTexture, createComputePipeline, createShaderModule, writeBuffer } = since();
    expect([createBuffer, createTexture, createComputePipeline, createShaderModule]).toEqual(
      Array.from({ length: 4 }),
    );
    expect(writeBuffer).toBe(1); // where the values begin
    gpu.dispose();
  });

  test("what cannot be read there is read on the CPU", async () => {
    const { device: own, since } = counting(
      withProperty(hardware!, "limits", { maxTextureDimension2D: 16, maxStorageBufferBindingSize: 1e6 }),
    );
    const [gpu, cpu] = [await netOf(input, "wgsl", own), await netOf(input, "js")];
    const gray = { data: new Uint8Array(100).fill(7), width: 10, height: 10 };
    for (const image of [pictures[0]!, gray, { picture: pictures[0]!, width: 10 }]) {
      since();
      expect(await gpu.run({ image })).toEqual(await cpu.run({ image }));
    }
    expect(since()["writeTexture"]).toBe(1);
    gpu.dispose();
  });

  test("dispose frees every buffer and texture, also with runs under way; a run after it fails", async () => {
    const { device: own, living } = counting(hardware!);
    const gpu = await netOf(input, "wgsl", own);
    for (const count of [1, 2, 3, 4, 5, 6]) await gpu.run({ image: pictures.slice(0, count) });
    const running = pictures.map((image) => gpu.run({ image }).catch((error: Error) => error.message));
    gpu.dispose();
    expect(living.size).toBe(0);
    for (const ended of await Promise.all(running)) expect(ended).toMatch(/disposed/);
    expect(living.size).toBe(0);
    await expect(gpu.run({ image: pictures[0] })).rejects.toThrow("seen: run after dispose");
  });

  test("a signal ends a run, and the next one is right", async () => {
    const [gpu, cpu] = [await netOf(input, "wgsl", hardware), await netOf(input, "js")];
    const stop = new AbortController();
    const running = gpu.run({ image: pictures[0] }, { signal: stop.signal });
    stop.abort(new Error("stopped"));
    await expect(running).rejects.toThrow("stopped");
    const image = pictures[1]!;
    expect(await gpu.run({ image })).toEqual(await cpu.run({ image }));
    gpu.dispose();
  });

  test("a run that is over before it begins reads no picture", async () => {
    const { device: own, since } = counting(hardware!);
    const gpu = await netOf(input, "wgsl", own);
    since();
    const signal = AbortSignal.abort(new Error("stopped"));
    await expect(gpu.run({ image: pictures[0] }, { signal })).rejects.toThrow("stopped");
    gpu.dispose();
    await expect(gpu.run({ image: pictures[0] })).rejects.toThrow("run after dispose");
    expect(since()["writeTexture"]).toBeUndefined();
  });

  test("pixels in shared memory", async () => {
    const [gpu, cpu] = [await netOf(input, "wgsl", hardware), await netOf(input, "js")];
    const image = {
      ...pictures[0]!,
      data: new Uint8ClampedArray(new SharedArrayBuffer(4 * 20 * 12)).fill(9),
    };
    expect(await gpu.run({ image })).toEqual(await cpu.run({ image }));
    gpu.dispose();
  });

  test("on a software adapter the CPU reads pictures", async () => {
    const { device: own, since } = counting(
      withProperty(device!, "adapterInfo", { isFallbackAdapter: true }),
    );
    const [gpu, cpu] = [await netOf(input, "wgsl", own), await netOf(input, "js")];
    const image = pictures[0]!;
    expect(await gpu.run({ image })).toEqual(await cpu.run({ image }));
    expect(since()["createTexture"]).toBeUndefined();
    gpu.dispose();
  });
});
