// Modules for f16: who requests what, halves in memory, and f32 if the device has no f16.

import { expect, test } from "vitest";
import { emitWgsl } from "#backend/wgsl/emit.js";
import { compile } from "#compile/compile.js";
import { load as loadArtifact } from "#compile/load.js";
import { verifyArtifact } from "#compile/verify-artifact.js";
import { tolerance } from "#interpret/tolerance.js";
import { toHalves } from "#runtime/wgsl/half.js";
import type { GpuNet } from "#runtime/wgsl/machine.js";
import { seededRandom } from "#ops/random.js";
import { floatToHalf } from "#weights/half.js";
import { nodeGpu } from "../../../src/node/gpu.js";
import { moduleOf } from "../../schedule/module-of.js";
import { computingDevice, describeOn, withBuffers } from "./device.js";
import { wgslProgram } from "./programs.js";

const text = `net n {
  input x: f32[N, 6, 6, 4]
  a = conv2d(x, filters=8, kernel=3x3, padding=same) |> relu
  b = conv2d(a, filters=8, kernel=3x3, padding=same) + a
  output y = conv2d(b, filters=4, kernel=1x1)
}`;
const model = moduleOf(text);
const artifactOf = (options: object) => compile(text, { target: "wgsl", ...options }).value!;
let copies = 0;
const load = async (f16: boolean, options: object): Promise<GpuNet> => {
  const artifact = artifactOf({ f16 });
  const module = `${artifact.module}// ${(copies += 1)}\n`;
  return (await loadArtifact({ ...artifact, module }, options)) as unknown as GpuNet;
};

const device = await computingDevice();
const canHalve = device?.features.has("shader-f16") ?? false;

test("halves are those of the compiler, but never infinite", () => {
  const random = seededRandom(3);
  const exact = Array.from({ length: 300 }, (_, k) => 2 ** (k / 7 - 28) * random.normal());
  const steps = [
    0,
    -0,
    1,
    2049,
    2051,
    65_504,
    65_519,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    3 * 2 ** -25,
    -1e-30,
    2 ** -14 - 2 ** -25,
  ];
  const values = Float32Array.from([...exact, ...steps, ...steps.map((step) => -step)]);
  const halves = new Uint16Array(values.length);
  toHalves(values, halves);
  expect([...halves]).toEqual([...values].map(floatToHalf));
  const ends = new Uint16Array(5);
  toHalves(Float32Array.of(65_520, -1e30, Infinity, -Infinity, NaN), ends);
  expect([...ends]).toEqual([0x7bff, 0xfbff, 0x7bff, 0xfbff, 0x7e00]);
});

test("shaders for f16 are files of their own; without it nothing of it is in the module", () => {
  for (const { text: shader } of artifactOf({ f16: true }).shaders!)
    expect(shader).toMatch(/^(enable subgroups;\n\n)?enable f16;/);
  const plain = artifactOf({});
  expect(plain.module).not.toMatch(/halves: \[|E4_of\(max|array<E4>/);
  expect(plain.shaders![0]!.text).not.toContain("E4");
});

test("the tolerance of halves is theirs alone", () => {
  expect(tolerance(9, [2])).toBe(2 * 2 ** -23 * 20);
  expect(tolerance(9, [2], { kernels: 4, scale: 2 })).toBe(2 * (2 ** -23 * 20 + 2 ** -11 * 8));
});

test("numbers that no half holds stand in the shader; others are weights", () => {
  const small = `net n {
    input x: f32[1, 2, 2, 4]
    output y = (x * 0.5 + 0.00001) * 1e6
  }`;
  const { shaders } = compile(small, { target: "wgsl", f16: true }).value!;
  expect(shaders![0]!.text).toMatch(/W\[.*\+ 0\.00001\) \* 1000000\.0/);
});

describeOn(device)("on an adapter", () => {
  const x = Float32Array.from({ length: 3 * 144 }, (_, k) => Math.sin(k));

  test("a small number is not lost beside smaller values", async () => {
    const text = `net n {
      input x: f32[1, 4, 4, 4]
      output y = x / sqrt(x * x + 0.00000001)
    }`;
    const net = await loadArtifact(compile(text, { target: "wgsl", f16: true }).value!, { device: device! });
    const { y } = await net.run({ x: new Float32Array(64).fill(1e-4) });
    expect(y![0]).toBeCloseTo(Math.SQRT1_2, 3);
    net.dispose();
  });

  test("the feature is asked for only where it is wanted", async () => {
    const gpu = (await nodeGpu()).value!;
    for (const f16 of [false, true]) {
      const net = await load(f16, { gpu });
      expect(net.device.features.has("shader-f16")).toBe(f16 && canHalve);
      expect(net.precision).toBe(f16 && canHalve ? "f16" : "f32");
      net.dispose();
    }
  });

  test("a device without it computes in f32, what a module without it does, bit for bit", async () => {
    const gpu = (await nodeGpu()).value! as GPU;
    const plain = await (await gpu.requestAdapter())!.requestDevice();
    const results: number[][] = [];
    for (const f16 of [false, true]) {
      const net = await load(f16, { device: plain, poison: true });
      expect(net.precision).toBe("f32");
      const { y } = await net.run({ x });
      results.push([...(y as Float32Array)]);
      net.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    plain.destroy();
  });

  test("a number beyond the largest half is stored as that", async () => {
    const module = moduleOf("net n {\n  input x: f32[1, 4]\n  a = x * 2.0\n  output y = a * 0.5\n}");
    const artifact = emitWgsl(wgslProgram(module), { version: "test", f16: true });
    const net = await loadArtifact(artifact, { device: device! });
    const { y } = await net.run({ x: Float32Array.of(24_000, 40_000, -1e5, 2e5) });
    expect([...y!]).toEqual(canHalve ? [24_000, 32_752, -32_752, 32_752] : [24_000, 40_000, -1e5, 2e5]);
    net.dispose();
  });

  test("samples, agreement, and half the bytes", async () => {
    const [comparison] = await verifyArtifact(artifactOf({ f16: true }), model, {
      load: { device: device! },
    });
    expect(comparison).toMatchObject({ output: "y", agrees: true });
    // It really is f16, not f32 under another name.
    if (canHalve) expect(comparison!.largestDifference).toBeGreaterThan(comparison!.allowed / 1000);
    const bytes: number[] = [];
    for (const f16 of [false, true]) {
      const made: number[] = [];
      const counting = withBuffers(device!, (wish) => {
        made.push(wish.size);
        return device!.createBuffer(wish);
      });
      (await load(f16, { device: counting })).dispose();
      bytes.push(made.reduce((sum, size) => sum + size, 0));
    }
    const { arenaBytes, weightBytes } = artifactOf({});
    const ports = 4 * 144 * 2;
    const saved = canHalve ? (arenaBytes - ports + weightBytes) / 2 : 0;
    expect(bytes[0]! - bytes[1]!).toBe(saved);
  });
});
