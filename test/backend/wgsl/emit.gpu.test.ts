// Emitted modules for WebGPU as files: they import nothing, their types fit their use, and odd names do no harm.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { init, parse } from "es-module-lexer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { emitWgsl, neededLimits, printShaders } from "#backend/wgsl/emit.js";
import { checkLimits, guaranteedLimits, parseLimits } from "#backend/wgsl/limits.js";
import { compile } from "#compile/compile.js";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import type { Devices } from "#compile/targets.js";
import { targetOf } from "#compile/targets.js";
import { writeArtifact, writeModule } from "../../../src/node/index.js";
import { moduleOf } from "../../schedule/module-of.js";
import { smallProgram } from "../programs.js";
import { exampleFiles, exampleModule } from "./cases.js";
import { computingDevice, describeOn } from "./device.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-wgsl-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => init);

const version = "1.2.3";
const device = await computingDevice();
const net = "net n {\n  input x: f32[1, 4, 4, 3]\n  output y = conv2d(x, filters=8, kernel=3x3) |> relu\n}\n";

test("a module imports nothing, evaluates nothing and exports load alone", () => {
  const { module } = emitWgsl(smallProgram(), { version, embedWeights: true });
  const [imports, exports] = parse(module);
  expect(imports.filter((one) => one.specifier !== null && one.specifier !== undefined)).toEqual([]);
  expect(exports).toMatchObject([{ type: "direct", name: "load" }]);
  expect(module).not.toMatch(/\beval\b|\bFunction\s*\(|\bimport\s*\(/);
});

test("the declarations fit a program that uses the module as its documentation says", () => {
  const program = smallProgram({ name: "typed", batch: "N" });
  expect(writeArtifact(emitWgsl(program, { version }), folder).diagnostics).toEqual([]);
  const uses = `
    import { load } from "./typed.mjs";
    import type { GpuBuffer, GpuError, Inputs, Net } from "./typed.mjs";
    declare const buffer: GpuBuffer;
    const net: Net = await load({ device: {}, weights: new Uint8Array(1) });
    await net.warmup();
    const inputs: Inputs = { x: new Float32Array(8) };
    const { y } = await net.run(inputs);
    const first: number | undefined = y[0];
    const placed = await net.run({ x: buffer }, { into: { y: buffer } });
    const size: number = placed.y.size;
    // @ts-expect-error a result that went into a buffer is not an array
    placed.y[0];
    // @ts-expect-error there is no input z
    await net.run({ z: buffer });
    // @ts-expect-error a GPU answers later
    net.runSync(inputs);
    const codeOf = (error: GpuError): string => error.code;
    net.dispose();
    export { codeOf, first, size };`;
  writeFileSync(join(folder, "uses.mts"), uses);
  const tsc = join(import.meta.dirname, "../../../node_modules/typescript/bin/tsc");
  const flags = ["--noEmit", "--strict", "--target", "es2023", "--module", "nodenext", "--lib", "es2023,dom"];
  const checked = spawnSync(process.execPath, [tsc, ...flags, "uses.mts"], { cwd: folder, encoding: "utf8" });
  expect(checked.stdout).toBe("");
  expect(checked.status).toBe(0);
});

// The weights of VGG-16, half a gigabyte, take minutes to pack. Modules for f16 are the longer ones.
test.each(exampleFiles.filter((file) => file !== "vgg16.net"))(
  "the module of %s is below 64 KiB gzipped, without its weights",
  (file) => {
    const { module } = optimize(exampleModule(file), { target: targetOf("wgsl").target }).value!;
    const { module: text } = emit(module, { target: "wgsl", f16: true });
    expect(gzipSync(text).length).toBeLessThan(64 * 1024);
  },
  180_000,
);

test("shaders become files where they are asked for", () => {
  const { module } = optimize(moduleOf(net), { target: targetOf("wgsl").target }).value!;
  const written = writeModule(module, folder, { target: "wgsl", shaders: true });
  expect(written.value!.files.map(({ path }) => path)).toContain(join(folder, "n.conv2d_2x2x8.wgsl"));
});

test("a net that exceeds the limits is told what it needs and what helps", () => {
  const { value, diagnostics } = compile(net, {
    target: "wgsl",
    limits: { maxStorageBuffersPerShaderStage: 2 },
  });
  expect(value).toBeUndefined();
  expect(diagnostics).toMatchObject([
    {
      code: "over-limit",
      message: "n needs maxStorageBuffersPerShaderStage of 3, and 2 are there",
      help: [expect.stringContaining("--without fuse")],
    },
  ]);
  const program = smallProgram();
  expect(checkLimits("small", neededLimits(program, printShaders(program)), guaranteedLimits)).toEqual([]);
});

test("modules for software adapters have no workgroup memory", () => {
  const separable = `net s {
    input x: f32[1, 8, 8, 16]
    output y = depthwise_conv2d(x, kernel=3x3, padding=same) |> conv2d(filters=16, kernel=1x1)
  }`;
  const bytesFor = (devices: Devices): number =>
    compile(separable, { target: "wgsl", ...devices }).value!.needs!.maxComputeWorkgroupStorageSize;
  expect(bytesFor({})).toBeGreaterThan(1);
  expect(bytesFor({ adapter: "gpu" })).toBe(bytesFor({}));
  expect(bytesFor({ adapter: "software" })).toBe(1);
  expect(() => compile(separable, { target: "wgsl", adapter: "tpu" as never })).toThrow(TypeError);
});

test("limits are read from a device's list, and wrong ones are told", () => {
  expect(parseLimits('{"maxBufferSize": 300000000, "maxTextureDimension2D": 16384}', "f").value).toEqual({
    maxBufferSize: 300_000_000,
  });
  const messageOf = (text: string) => parseLimits(text, "f").diagnostics[0]?.message;
  expect(messageOf("{")).toContain("f is not JSON");
  expect(messageOf("[1]")).toContain("f has none of maxBufferSize");
  expect(messageOf("3")).toContain("does not hold an object");
  expect(messageOf('{"maxBufferSize": 1.5}')).toContain("must be a whole number of at least 268435456");
});

describeOn(device)("on an adapter", () => {
  test("names that are odd cannot end a comment or a literal", async () => {
    const odd = 'a"b`c${d}\n*/ \u2028e\\';
    const program = smallProgram({
      name: odd,
      inputs: [{ name: odd, arena: 0, shape: [1, 4], offset: 0 }],
      outputs: [{ name: "__proto__", arena: 0, shape: [1, 4], offset: 4 }],
      launches: [{ kernel: 0, memories: [0, 0, 0], offsets: [0, 0, 4], label: odd, nodes: [odd], macs: 4 }],
    });
    const kernels = [{ ...program.kernels[0]!, name: odd }];
    const artifact = emitWgsl(
      { ...program, kernels },
      { version, embedWeights: true, lineOf: () => odd, summary: odd },
    );
    const loaded = await load(artifact, { device: device! });
    const outputs = await loaded.run({ [odd]: Float32Array.of(1, 2, 3, 4) });
    expect(Object.keys(outputs)).toEqual(["__proto__"]);
    expect([...Object.values(outputs)[0]!]).toEqual([12, 24, 36, 48]);
    loaded.dispose();
  });
});
