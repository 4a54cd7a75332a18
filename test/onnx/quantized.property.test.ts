// Random quantized networks: the same integers as onnxruntime, and the same bits in the interpreter and in all targets on a CPU.

import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { parse } from "#grammar/reading/parse.js";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import { exportOnnx } from "#export/onnx/export-onnx.js";
import { printGraph } from "#inspect/lift.js";
import { interpret } from "#interpret/interpret.js";
import { ownFile } from "#weights/own-file.js";
import { openWeightBytes } from "#weights/safetensors.js";
import { writeSafetensors } from "#weights/write-safetensors.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { verify } from "#ops/verify.js";
import { seededRandom } from "#ops/random.js";
import { seedsFor } from "../scale.js";
import type { Form } from "./random-quantized.js";
import { randomQuantized } from "./random-quantized.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const forms: readonly Form[] = ["QDQ", "QLinear"];

function drawn(form: Form, seed: number) {
  const random = seededRandom(seed);
  const { text, shape } = randomQuantized(random, form);
  const bytes = modelOf(text);
  const { value, diagnostics } = importOnnx(bytes, { file: "net.onnx" });
  if (!value) throw new Error(`${diagnostics.map(({ message }) => message).join("\n")}\n${text}`);
  const data = Float32Array.from({ length: shape.reduce((product, extent) => product * extent, 1) }, () =>
    random.normal(),
  );
  return { text, shape, bytes, module: value, data };
}

/** Whether a net has a function whose results onnxruntime computes in f32. */
function hasFunction(text: string): boolean {
  return /LeakyRelu|Sigmoid/.test(text);
}

function interpreted(module: Module, shape: readonly number[], data: Float32Array) {
  return interpret(module, new Map([["x", { shape, data: Float64Array.from(data) }]]));
}

describe.each(forms)("%s", (form) => {
  test("nearly all integers are those of onnxruntime, and the others beside them", async () => {
    const count = { all: 0, same: 0, beside: 0 };
    for (const seed of seedsFor(240)) {
      const { text, shape, bytes, module, data } = drawn(form, seed);
      // onnxruntime rounds the slope to f32, and many results of a function are in the middle of two integers.
      if (hasFunction(text)) continue;
      const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
      const expected = await session.run({ x: new ort.Tensor("float32", data, shape) });
      await session.release();
      for (const [name, { data: own }] of interpreted(module, shape, data)) {
        const wanted = Array.from(expected[name]!.data as ArrayLike<number>, Number);
        expect(own.length).toBe(wanted.length);
        const steps = wanted.map((value, at) => Math.abs(value - own[at]!));
        expect(Math.max(...steps), `${name} of\n${text}`).toBeLessThanOrEqual(2);
        count.all += steps.length;
        count.same += steps.filter((step) => step === 0).length;
        count.beside += steps.filter((step) => step === 1).length;
      }
    }
    // Both compute exact sums, and round where the model says so. Where a result is in the middle of two integers, onnxruntime may give the
    // other one: its sums of two values and its means multiply in another order. A few of these may add up in the next layer.
    expect(count.same / count.all).toBeGreaterThan(0.985);
    expect((count.same + count.beside) / count.all).toBeGreaterThan(0.9998);
  }, 120_000);

  test("all sums of quantized values are integers", () => {
    for (const seed of seedsFor(100)) {
      const { text, module } = drawn(form, seed);
      expect(verify(module), text).toEqual([]);
      const sums = [...module.graph.nodes.values()].filter(({ op }) =>
        ["conv2d", "depthwise_conv2d", "dense", "matmul", "reduce_sum", "global_avg_pool"].includes(op),
      );
      expect(
        sums.filter(({ type }) => type.dtype !== "i32").map(({ op }) => op),
        text,
      ).toEqual([]);
      // All biases are whole numbers of steps, so none is added as f32.
      const added = [...module.graph.nodes.values()].flatMap(({ op, inputs }) =>
        op === "add" ? inputs : [],
      );
      expect(
        added.filter((id) => nodeOf(module.graph, id).op === "constant"),
        text,
      ).toEqual([]);
    }
  });

  test("the text, the weight file and the ONNX file of a net have its integers", () => {
    for (const seed of seedsFor(20)) {
      const { text, shape, module, data } = drawn(form, seed + 2000);
      const expected = interpreted(module, shape, data);
      const holds = (again: Module, what: string): void => {
        expect(verify(again), `${what} of\n${text}`).toEqual([]);
        expect([...interpreted(again, shape, data)], `${what} of\n${text}`).toEqual([...expected]);
      };
      const dump = printGraph(module);
      const read = elaborate(parse(dump, "dump.net").value!, { store: module.weights });
      expect(read.diagnostics, dump).toEqual([]);
      holds(read.value!, "the text");
      const { module: own, tensors } = ownFile(module, "net.safetensors");
      // A piece is valid until the next one is made.
      const pieces = Array.from(writeSafetensors(tensors), (piece) => Uint8Array.from(piece));
      const file = openWeightBytes(Buffer.concat(pieces), "net.safetensors");
      const files = { open: () => file };
      const net = elaborate(parse(printGraph(own), "net.net").value!, { weights: files });
      expect(net.diagnostics, text).toEqual([]);
      holds(net.value!, "the weight file");
      const exported = importOnnx(Buffer.concat([...exportOnnx(module).value!.pieces()]), {
        file: "net.onnx",
      });
      holds(exported.value!, "the ONNX file");
      const { value } = optimize(module);
      holds(value!.module, "the optimized net");
    }
  });

  test.each(["js", "wasm"] as const)(
    "%s has the bits of the interpreter",
    async (target) => {
      for (const seed of seedsFor(30)) {
        const { text, shape, module, data } = drawn(form, seed + 1000);
        const expected = interpreted(module, shape, data);
        for (const threads of target === "wasm" ? [1, 3] : [1]) {
          const net = await load(compile(module, { target }).value!, { poison: true, threads });
          const actual = await net.run({ x: data });
          net.dispose();
          for (const [name, { data: wanted }] of expected)
            expect(actual[name], `${name} with ${threads} threads of\n${text}`).toEqual(
              Float32Array.from(wanted),
            );
        }
      }
    },
    120_000,
  );
});
