// Outputs that depend on no input are there once for any number of samples, on any target, in types, texts and ONNX files too.

import { describe, expect, test } from "vitest";
import type { LoadOptions } from "#runtime/types.js";
import type { TargetName } from "#ir/target.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { printGraph } from "#inspect/lift.js";
import { sameGraph } from "#ir/compare.js";
import { verify } from "#ops/verify.js";
import { compile, elaborate, exportOnnx, load, parse } from "../../src/index.js";
import { computingDevice, describeOn } from "../backend/wgsl/device.js";

const text = `net once {
  param table: f32[2, 2] = ones()
  input x: f32[N, 3]
  output y = x * 2
  output double = table * 2
  output table
}`;

const device = await computingDevice();
const ways: readonly (readonly [string, TargetName, LoadOptions])[] = [
  ["js", "js", {}],
  ["wasm", "wasm", {}],
  ["wasm on two threads", "wasm", { threads: 2, leastWork: 0 }],
  ["wgsl", "wgsl", {}],
];

for (const [way, target, options] of ways) {
  const suite = target === "wgsl" ? describeOn(device) : describe;
  suite(way, () => {
    const loaded = () => {
      const artifact = compile(text, { target, file: "once.net" }).value!;
      return load(artifact, { ...options, ...(device && target === "wgsl" ? { device } : {}) });
    };

    test.each([1, 3])("%i samples", async (samples) => {
      const net = await loaded();
      expect(net.outputs).toEqual({ y: ["N", 3], double: [2, 2], table: [2, 2] });
      const x = Float32Array.from({ length: 3 * samples }, (_, at) => at);
      const { y, double, table } = await net.run({ x });
      expect([...y!]).toEqual([...x].map((one) => 2 * one));
      expect([...double!]).toEqual([2, 2, 2, 2]);
      expect([...table!]).toEqual([1, 1, 1, 1]);
      net.dispose();
    });

    test("into", async () => {
      const net = await loaded();
      const double = new Float32Array(4);
      const results = await net.run({ x: new Float32Array(9) }, { into: { double } });
      expect(results["double"]).toBe(double);
      expect([...double]).toEqual([2, 2, 2, 2]);
      const into = { double: new Float32Array(12) };
      await expect((async () => net.run({ x: new Float32Array(9) }, { into }))()).rejects.toThrow(
        /output "double" must be a Float32Array.* of 4 values, \[2, 2\]; this one has 12/,
      );
      net.dispose();
    });
  });
}

const graphOf = () => elaborate(parse(text, "once.net").value!).value!;

test("types say so", () => {
  const artifact = compile(text, { target: "js", file: "once.net" }).value!;
  expect(artifact.types).toContain(
    "/** f32[2, 2], once for all samples */\n  readonly double: Float32Array;",
  );
  expect(artifact.types).toContain("/** f32[N, 3] */\n  readonly y: Float32Array;");
});

test("a graph as text is read as the same graph", () => {
  const module = graphOf();
  expect(verify(module)).toEqual([]);
  const again = elaborate(parse(printGraph(module), "again.net").value!).value!;
  expect(sameGraph(module, again)).toBeUndefined();
});

test("an exported file has its own shape, and is imported as it was", () => {
  const { value } = exportOnnx(graphOf());
  const imported = importOnnx(Buffer.concat([...value!.pieces()])).value!;
  expect(imported.graph.outputs.map(({ name, once }) => [name, once])).toEqual([
    ["y", undefined],
    ["double", true],
    ["table", true],
  ]);
});
