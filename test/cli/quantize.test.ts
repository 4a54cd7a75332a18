// `cleave quantize` and `compile --quantize`: the files that they write run as the report says.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { QuantizedReport } from "#report/quantized.js";
import type { Net } from "#runtime/types.js";
import { seededRandom } from "#ops/random.js";
import { writeNpy } from "#weights/npy.js";
import { cleave } from "./terminal.js";

const root = mkdtempSync(join(tmpdir(), "cleave-quantize-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string): string => join(root, name);

const count = 40;

beforeAll(() => {
  writeFileSync(
    at("small.net"),
    `net small {
  input image: f32[N, 8, 8, 3]
  a = conv2d(image, filters=16, kernel=3x3, padding=same) |> relu6
  b = conv2d(a, filters=16, kernel=3x3, padding=same) |> relu
  output logits = a + b |> global_avg_pool |> dense(units=4)
}
`,
  );
  const random = seededRandom(3);
  const data = Float32Array.from({ length: count * 192 }, () => random.normal());
  writeFileSync(at("samples.npy"), writeNpy({ shape: [count, 8, 8, 3], data }));
  writeFileSync(at("labels.txt"), Array.from({ length: count }, (_, index) => index % 4).join("\n"));
});

const samples = ["--calibrate", at("samples.npy"), "--threads", "1"];

test("the written net is verified, and has the classes that the report counts", async () => {
  const { code, out } = await cleave(
    "quantize",
    at("small.net"),
    ...samples,
    "--labels",
    at("labels.txt"),
    "--json",
    "-o",
    at("out"),
  );
  expect(code).toBe(0);
  const report = JSON.parse(out) as QuantizedReport & {
    readonly outputs: { readonly agreement: number; readonly accuracy: object }[];
    readonly files: string[];
  };
  expect(report.samples).toBe(count);
  expect(report.layers.map(({ name }) => name.split(".")[0])).toEqual(["a", "b", "logits"]);
  expect(report.outputs[0]!.agreement).toBeGreaterThan(0.8);
  expect(Object.keys(report.outputs[0]!.accuracy)).toEqual(["before", "after"]);
  expect(report.files).toEqual([at("out/small.net"), at("out/small.safetensors")]);
  expect(readFileSync(at("out/small.net"), "utf8")).toContain('type="u8"');
  const verified = await cleave("verify", at("out/small.net"));
  expect(verified.out).toContain("agrees");
  expect(verified.code).toBe(0);
});

test("compile quantizes as quantize does, and can split first", async () => {
  const { code, out } = await cleave(
    "compile",
    at("small.net"),
    ...samples,
    "--quantize",
    "int8",
    "-o",
    at("module"),
  );
  expect(code).toBe(0);
  expect(out).toContain("3 layers in integers with 100% of the MACs");
  const split = await cleave(
    "compile",
    at("small.net"),
    ...samples,
    "--quantize",
    "int8,loss=inf",
    "--split",
    "macs=0.9",
    "-o",
    at("both"),
  );
  expect(split.code).toBe(0);
  expect(split.out).toMatch(/[4-6] layers in integers with 100% of the MACs/);
  for (const folder of ["module", "both"]) {
    const module: unknown = await import(pathToFileURL(at(`${folder}/small.mjs`)).href);
    const net = await (module as { load(): Promise<Net> }).load();
    const { logits } = await net.run({ image: new Float32Array(192).map((_, index) => Math.sin(index)) });
    expect([...logits!].every((one) => Number.isFinite(one))).toBe(true);
    net.dispose();
  }
});

test("without samples, scales are found in each run", async () => {
  const { code, out } = await cleave("quantize", at("small.net"), "-o", at("dynamic"));
  expect(code).toBe(0);
  expect(out).toContain("each run");
  expect(out).toContain("without samples");
  expect((await cleave("verify", at("dynamic/small.net"))).code).toBe(0);
});
