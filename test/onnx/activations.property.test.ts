// Activations between quantized convolutions: within a step of onnxruntime, and the bits of the interpreter on the targets of a CPU.

import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { wasmTarget } from "#backend/wasm/target.js";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { schedule } from "#schedule/schedule-graph.js";
import { seedsFor } from "../scale.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

/** What stands between two quantized values x and y, by name; `s` and `z` are the scale and the zero point of a gate from 0 to 1. */
const activations: Readonly<Record<string, readonly string[]>> = {
  Sigmoid: ["y = Sigmoid(x)"],
  Tanh: ["y = Tanh(x)"],
  HardSwish: ["y = HardSwish(x)"],
  HardSigmoid: ["y = HardSigmoid(x) alpha=0.2 beta=0.5"],
  LeakyRelu: ["y = LeakyRelu(x) alpha=0.1"],
  Elu: ["y = Elu(x) alpha=0.7"],
  Softplus: ["y = Softplus(x)"],
  Mish: ["y = Mish(x)"],
  Erf: ["y = Erf(x)"],
  Sqrt: ["a = Abs(x)", "y = Sqrt(a)"],
  Selu: ["y = Selu(x)"],
  Scaled: ["y = Mul(x, f)"],
  SiLU: ["g = Sigmoid(x)", "y = Mul(x, g)"],
  "SiLU of two roundings": [
    "g = Sigmoid(x)",
    "gq = QuantizeLinear(g, s, z)",
    "gr = DequantizeLinear(gq, s, z)",
    "y = Mul(x, gr)",
  ],
  Gelu: ["a = Div(x, r)", "b = Erf(a)", "c = Add(b, o)", "d = Mul(x, c)", "y = Mul(d, h)"],
};

/** A convolution, an activation and another convolution, with QuantizeLinear and DequantizeLinear between them. */
function network(random: Random, lines: readonly string[]): { text: string; shape: readonly number[] } {
  const type = random.pick(["uint8", "int8"] as const);
  const [middle, least] = type === "uint8" ? [128, 0] : [0, -128];
  const [c, filters, size] = [random.int(3, 6), random.pick([5, 8, 12]), random.int(4, 9)];
  const shape = [1, c, size, size];
  const scale = (near: number): number => Math.fround(near * (0.8 + 0.4 * random.next()));
  const integers = (count: number): string =>
    Array.from({ length: count }, () => Math.max(-127, Math.min(127, Math.round(40 * random.normal())))).join(
      ", ",
    );
  const quantity = (name: string, near: number, zero: number): string[] => [
    `weight ${name}_s float[] = ${scale(near)}`,
    `weight ${name}_z ${type}[] = ${zero}`,
  ];
  const both = (from: string, to: string, of: string): string[] => [
    `${to}_q = QuantizeLinear(${from}, ${of}_s, ${of}_z)`,
    `${to}_r = DequantizeLinear(${to}_q, ${of}_s, ${of}_z)`,
  ];
  const weights = (name: string, outputs: number, inputs: number): string[] => [
    `weight ${name} int8[${outputs}, ${inputs}, 1, 1] = ${integers(outputs * inputs)}`,
    `weight ${name}_s float[] = ${scale(0.02 / Math.sqrt(inputs))}`,
    `weight ${name}_z int8[] = 0`,
    `${name}_r = DequantizeLinear(${name}, ${name}_s, ${name}_z)`,
  ];
  const text = [
    "opset 18",
    `input image float[${shape.join(", ")}]`,
    ...quantity("i", 0.03, middle),
    ...quantity("p", 0.05, middle + random.int(-9, 9)),
    ...quantity("a", 0.03, random.pick([least, middle])),
    ...quantity("e", 0.05, middle),
    `weight s float[] = ${1 / 256}`,
    `weight z ${type}[] = ${least}`,
    "weight f float[] = 0.75",
    `weight r float[] = ${Math.SQRT2}`,
    "weight o float[] = 1",
    "weight h float[] = 0.5",
    ...both("image", "i", "i"),
    ...weights("v", filters, c),
    "v_c = Conv(i_r, v_r)",
    ...both("v_c", "p", "p"),
    ...lines.map((line) => line.replace(/\bx\b/g, "p_r")),
    ...both("y", "a", "a"),
    ...weights("w", 4, filters),
    "w_c = Conv(a_r, w_r)",
    "e_q = QuantizeLinear(w_c, e_s, e_z)",
    `output a_q ${type}[1, ${filters}, ${size}, ${size}]`,
    `output e_q ${type}[1, 4, ${size}, ${size}]`,
  ].join("\n");
  return { text, shape };
}

describe.each(Object.entries(activations))("%s", (name, lines) => {
  test("between two convolutions", async () => {
    const count = { all: 0, same: 0 };
    for (const seed of seedsFor(6)) {
      const random = seededRandom(seed);
      const { text, shape } = network(random, lines);
      const bytes = modelOf(text);
      const { value: module, diagnostics } = importOnnx(bytes, { file: "net.onnx" });
      if (!module) throw new Error(`${diagnostics.map(({ message }) => message).join("\n")}\n${text}`);
      const data = Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        () => 1.5 * random.normal(),
      );
      const expected = interpret(module, new Map([["image", { shape, data: Float64Array.from(data) }]]));

      const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
      const peer = await session.run({ image: new ort.Tensor("float32", data, shape) });
      await session.release();
      for (const [output, { data: own }] of expected) {
        const wanted = Array.from(peer[output]!.data as ArrayLike<number>, Number);
        const steps = wanted.map((integer, at) => Math.abs(integer - own[at]!));
        expect(Math.max(...steps), `${output} of\n${text}`).toBeLessThanOrEqual(1);
        count.all += steps.length;
        count.same += steps.filter((step) => step === 0).length;
      }

      for (const target of ["js", "wasm"] as const) {
        const net = await load(compile(module, { target }).value!, { poison: true });
        const actual = await net.run({ image: data });
        net.dispose();
        for (const [output, { data: own }] of expected)
          expect(actual[output], `${output} of ${target}`).toEqual(Float32Array.from(own));
      }
    }
    expect(count.same / count.all, name).toBeGreaterThan(0.995);
  });

  test("is a table in the kernel of the first one", () => {
    const { text } = network(seededRandom(1), lines);
    const { module } = optimize(importOnnx(modelOf(text), { file: "net.onnx" }).value!).value!;
    const { groups } = schedule(module, wasmTarget);
    const tables = groups.flatMap(({ stages }) =>
      stages.map(({ epilogue }) => epilogue.filter(({ table }) => table).length),
    );
    expect(tables.filter((one) => one > 0)).toEqual([1]);
  });
});
