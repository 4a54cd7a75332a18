// Exported nets of integers: the file has QuantizeLinear and DequantizeLinear around operators, imported again it gives the same integers,
// and onnxruntime computes them.

import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { elaborate } from "#elaborate/elaborate.js";
import { parse } from "#grammar/reading/parse.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { nodeOf } from "#ir/graph.js";
import { isInteger } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { modelOf } from "../onnx/text-model.js";
import { randomQuantized } from "../onnx/random-quantized.js";
import { randomInputs } from "../op-module.js";
import { seedsFor } from "../scale.js";
import { exported, integerOpsets, peerTypes, runByPeer, toFirst } from "./exported.js";
import { randomIntegerNet } from "../random-integers.js";

/** How many elements of outputs are the same, and how many are not. */
interface Count {
  all: number;
  same: number;
}

/**
 * Counts the elements that are the same: integers to the last, f32 values and sums to some roundings. The others are a step away, or for f32
 * values and sums what a step of one of their terms changes.
 */
function held(
  actual: ArrayLike<number>,
  wanted: Tensor,
  isRounded: boolean,
  count: Count,
  what: string,
): void {
  expect(actual.length, what).toBe(wanted.data.length);
  const most = wanted.data.reduce((greatest, one) => Math.max(greatest, Math.abs(one)), 0);
  for (const [at, value] of wanted.data.entries()) {
    const distance = Math.abs(actual[at]! - value);
    count.all += 1;
    if (distance <= (isRounded ? 1e-5 * Math.max(1, Math.abs(value)) : 0)) count.same += 1;
    else expect(distance, `${at} of ${what}`).toBeLessThanOrEqual(isRounded ? Math.max(1, 0.02 * most) : 1);
  }
}

async function compare(
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  counts: { imported: Count; peer: Count },
  text: string,
  seed: number,
): Promise<void> {
  const bytes = exported(module, { opset: integerOpsets[seed % integerOpsets.length]! });
  const expected = interpret(module, inputs);
  const again = importOnnx(bytes, { file: "net.onnx" });
  expect(again.diagnostics, text).toEqual([]);
  expect(verify(again.value!), text).toEqual([]);
  const imported = interpret(again.value!, inputs);
  const peer = await runByPeer(module, bytes, inputs);
  for (const { name, node } of module.graph.outputs) {
    const { dtype } = nodeOf(module.graph, node).type;
    const wanted = expected.get(name)!;
    const isRounded = dtype === "f32" || dtype === "i32";
    expect(peer.get(name)!.type, text).toBe(peerTypes[dtype][0]);
    held(imported.get(name)!.data, wanted, isRounded, counts.imported, `${name}, imported, of\n${text}`);
    held(peer.get(name)!.data, wanted, isRounded, counts.peer, `${name}, in onnxruntime, of\n${text}`);
  }
}

// A file has one scale where the net may divide two products, so a value in the middle of two steps may go to the other one. Integers of 16
// bits are quantized by operators of f32, which do not round the quotient in the interpreter.
test.each([
  ["of up to 8 bits and sums", (text: string) => !text.includes("i16"), 0.998],
  ["of all types", (text: string) => text.includes("i16"), 0.97],
] as const)(
  "random nets of integers %s",
  async (_, isOne, least) => {
    const counts = { imported: { all: 0, same: 0 }, peer: { all: 0, same: 0 } };
    for (const seed of seedsFor(160)) {
      const text = randomIntegerNet(seededRandom(seed));
      if (!isOne(text)) continue;
      const { value: module, diagnostics } = elaborate(parse(text, "net.net").value!);
      expect(diagnostics, text).toEqual([]);
      await compare(module!, randomInputs(module!, seededRandom(seed + 1)), counts, text, seed);
    }
    expect(counts.imported.same / counts.imported.all).toBeGreaterThan(least);
    expect(counts.peer.same / counts.peer.all).toBeGreaterThan(least);
  },
  120_000,
);

describe.each(["QDQ", "QLinear"] as const)("imported networks, %s", (form) => {
  test("have the same integers when they are exported and imported again", async () => {
    const counts = { imported: { all: 0, same: 0 }, peer: { all: 0, same: 0 } };
    for (const seed of seedsFor(40)) {
      const { text } = randomQuantized(seededRandom(seed + 3000), form);
      const module = importOnnx(modelOf(text), { file: "net.onnx" }).value!;
      await compare(module, randomInputs(module, seededRandom(seed)), counts, text, seed);
      // Sums stay sums of integers.
      const again = importOnnx(exported(module), { file: "net.onnx" }).value!;
      const sums = (of: Module) =>
        [...of.graph.nodes.values()].filter(({ op, type }) => op !== "constant" && isInteger(type.dtype));
      const kinds = (of: Module) =>
        sums(of)
          .map(({ op, type }) => `${op} ${type.dtype}`)
          .toSorted();
      expect(kinds(again), text).toEqual(kinds(module));
    }
    expect(counts.imported.same / counts.imported.all).toBeGreaterThan(0.9995);
    // Functions of f32 are near the middle of two steps as often as their scales have one digit.
    expect(counts.peer.same / counts.peer.all).toBeGreaterThan(0.97);
  }, 120_000);
});

test.each([false, true, "inputs"] as const)("an open batch and images with nchw=%s", async (nchw) => {
  const text = `net open {
    input x: u8[N, 6, 5, 3]
    param w: i8[3, 3, 3, 4] = quantize(he_normal(seed=1, fan_in=27, shape=[3, 3, 3, 4]), 0.01, type="i8")
    param v: i8[4, 5] = quantize(he_normal(seed=2, fan_in=4, shape=[4, 5]), [0.01, 0.02, 0.03, 0.01, 0.02], type="i8")
    q = conv2d(x, w, padding=same, zero=100) |> dequantize(0.000213) |> relu |> quantize(0.0371, low=0, high=127, type="u8")
    output image = max_pool(q, kernel=2)
    m = reduce_sum(q, axes=[1, 2]) |> dequantize(0.00123667) |> quantize(0.0291, zero=3, type="u8")
    output s = dense(m, v, zero=3)
  }`;
  const { value: module } = elaborate(parse(text, "open.net").value!);
  const bytes = exported(module!, { nchw });
  const samples = [1, 2, 3].map((seed) => randomInputs(module!, seededRandom(seed)).get("x")!);
  const session = await ort.InferenceSession.create(bytes);
  const laid = (value: Tensor, isFirst: boolean): number[] => [...(isFirst ? toFirst(value) : value).data];
  const data = Uint8Array.from(samples.flatMap((one) => laid(one, nchw !== false)));
  const shape = nchw === false ? [3, 6, 5, 3] : [3, 3, 6, 5];
  const results = await session.run({ x: new ort.Tensor("uint8", data, shape) });
  await session.release();
  const references = samples.map((x) => interpret(module!, new Map([["x", x]])));
  for (const name of ["image", "s"]) {
    const wanted = references.flatMap((one) => laid(one.get(name)!, nchw === true));
    expect(Array.from(results[name]!.data as ArrayLike<number>, Number)).toEqual(wanted);
  }
  const again = importOnnx(bytes).value!;
  expect(again.graph.batch).toBe("N");
});
