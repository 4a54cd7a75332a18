// Commands with `--target wgsl`: those that need no GPU, and those that run on one.

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { gpuDiagnostic } from "../../src/node/gpu.js";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";
import { cleave } from "./terminal.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-cli-wgsl-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const device = await computingDevice();

test("compile writes the module, and the shaders with the option", async () => {
  const out = join(folder, "out");
  const command = ["compile", "examples/seed.net", "--target", "wgsl", "--emit", "wgsl", "-o", out];
  const { code, out: said } = await cleave(...command);
  expect(code).toBe(0);
  expect(said).toMatch(/seed\.conv2d_3x3x5\.wgsl \(/);
  expect(readdirSync(out).toSorted()).toEqual(
    ["seed.conv2d_3x3x5.wgsl", "seed.d.mts", "seed.d.ts", "seed.mjs", "seed.packed.safetensors"].toSorted(),
  );
  // The file is the text in the module.
  const shader = readFileSync(join(out, "seed.conv2d_3x3x5.wgsl"), "utf8");
  expect(shader).toContain("@compute");
  expect(readFileSync(join(out, "seed.mjs"), "utf8")).toContain(shader);
});

test("--f16 is for this target", async () => {
  const wrong = await cleave("verify", "examples/seed.net", "--f16");
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain("error: --f16 is for the target wgsl, not for wasm");
  const out = join(folder, "halves");
  const command = ["compile", "examples/seed.net", "--target", "wgsl", "--f16", "--emit", "wgsl", "-o", out];
  expect((await cleave(...command)).code).toBe(0);
  expect(readFileSync(join(out, "seed.conv2d_3x3x5.wgsl"), "utf8")).toMatch(/^enable f16;/);
});

test("--adapter selects other kernels, and is for this target", async () => {
  const command = ["explain", "--schedule", "examples/mobilenet_v1.net", "--target"];
  expect((await cleave(...command, "wgsl")).out).toMatch(/^kernel .*fused by separable/m);
  expect((await cleave(...command, "wgsl", "--adapter", "software")).out).not.toMatch(
    /^kernel .*fused by separable/m,
  );
  const wrong = await cleave(...command, "js", "--adapter", "software");
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain("error: --adapter is for the target wgsl, not for js");
});

test("limits come from a file, and a wrong file is an error", async () => {
  const file = join(folder, "limits.json");
  const command = ["compile", "examples/seed.net", "--target", "wgsl", "-o", folder, "--limits", file];
  writeFileSync(file, '{"maxStorageBufferBindingSize": 2147483644}');
  expect((await cleave(...command)).code).toBe(0);
  writeFileSync(file, '{"maxStorageBufferBindingSize": 1}');
  const wrong = await cleave(...command);
  expect(wrong.code).toBe(1);
  expect(wrong.err).toContain("error[wrong-limits]: maxStorageBufferBindingSize in ");
  expect((await cleave(...command.slice(0, -1), join(folder, "none"))).code).toBe(1);
});

test("an error of the GPU is reported as one of the machine, not as a bug", () => {
  const lost = Object.assign(new Error("net: the GPU device is lost"), {
    name: "GpuError",
    code: "device-lost",
  });
  expect(gpuDiagnostic(lost)?.diagnostics).toMatchObject([{ code: "device-lost", message: lost.message }]);
  const none = Object.assign(new Error("no adapter"), { name: "GpuError", code: "no-adapter" });
  expect(gpuDiagnostic(none)?.diagnostics[0]?.help?.join()).toContain("mesa-vulkan-drivers");
  expect(gpuDiagnostic(new Error("anything else"))).toBeUndefined();
});

describeOn(device)("on an adapter", () => {
  test("verify in f16, or in f32 with a note", async () => {
    const { code, out, err } = await cleave("verify", "examples/seed.net", "--target", "wgsl", "--f16");
    expect(code).toBe(0);
    const allowed = Number(/allowed (\S+) /.exec(out)![1]);
    const canHalve = device!.features.has("shader-f16");
    expect(allowed > 1e-3).toBe(canHalve);
    expect(err.includes("the net runs in f32")).toBe(!canHalve);
  });

  test("run and verify", async () => {
    const verified = await cleave("verify", "examples/seed.net", "--target", "wgsl");
    expect(verified.out).toMatch(/^y: largest difference .*: agrees\n$/);
    expect(verified.code).toBe(0);
    const runs = await Promise.all(
      ["js", "wgsl"].map((target) => cleave("run", "examples/seed.net", "--target", target, "--json")),
    );
    const [onCpu, onGpu] = runs.map(({ out }) => JSON.parse(out)[0].outputs.y as number[]);
    expect(onGpu!.length).toBe(45);
    for (const [at, value] of onGpu!.entries()) expect(value).toBeCloseTo(onCpu![at]!, 4);
  });
});
