// Remainders and log Σ eˣ at infinities, zeros, NaN and far numbers: an infinite divisor leaves the dividend.

import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import type { Given } from "./peer-sweep.js";
import { agree } from "./peer-sweep.js";
import { modelOf } from "./text-model.js";

const values = [Infinity, -Infinity, Number.NaN, 0, -0, 1, -1, 2, -2, 0.5, 3, -3, 7.5, 1e30];
const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));

function given(at: 0 | 1): Given {
  return { shape: [1, pairs.length], data: pairs.map((pair) => pair[at]) };
}

test("Mod with fmod=1 of all pairs", async () => {
  const text = `opset 13\ninput a float[1, ${pairs.length}]\ninput b float[1, ${pairs.length}]\ny = Mod(a, b) fmod=1\noutput y`;
  await agree(text, { a: given(0), b: given(1) });
});

test.each(values.filter((value) => Math.abs(value) === Infinity))("Mod by the constant %d", async (by) => {
  const data = values.filter((value) => !Number.isNaN(value));
  const text = `opset 13\ninput a float[1, ${data.length}]\nweight b float[] = ${by}\ny = Mod(a, b) fmod=1\noutput y`;
  await agree(text, { a: { shape: [1, data.length], data } });
});

test("a finite divisor costs nothing more", () => {
  const text = "opset 13\ninput a float[1, 4]\nweight b float[] = 3\ny = Mod(a, b) fmod=1\noutput y";
  const { value } = importOnnx(modelOf(text), { file: "net.onnx" });
  expect([...value!.graph.nodes.values()].map(({ op }) => op)).not.toContain("where");
});

test.each(["wasm", "js"] as const)("ReduceLogSumExp of infinities, on %s", async (target) => {
  const text = "opset 11\ninput x float[1, 6, 2]\ny = ReduceLogSumExp(x) axes=[2] keepdims=0\noutput y";
  const { value } = importOnnx(modelOf(text), { file: "net.onnx" });
  const net = await load(compile(value!, { target }).value!);
  const x = [Infinity, 1, -Infinity, 1, -Infinity, -Infinity, Infinity, -Infinity, Number.NaN, 1, 200, 200];
  const { y } = net.runSync({ x: Float32Array.from(x) });
  net.dispose();
  expect([...y!.subarray(0, 5)]).toEqual([Infinity, 1, -Infinity, Infinity, Number.NaN]);
  expect(y![5]).toBeCloseTo(200 + Math.LN2, 4);
});
