// Each quantized operator of ONNX and of onnxruntime's domain on random integers: the integers are onnxruntime's, or beside them where a
// result is next to the middle of two.

import * as ort from "onnxruntime-web";
import { expect, test } from "vitest";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import { verify } from "#ops/verify.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { seedsFor } from "../scale.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

type Type = "uint8" | "int8";

/** What a case draws with: each call adds a weight to the model and gives its name. */
interface Draw {
  readonly random: Random;
  readonly type: Type;
  /** Integers of a type; by default of the case's. */
  integers(shape: readonly number[], type?: Type): string;
  /** Scales; their names and zero points are joined by a comma. */
  steps(shape?: readonly number[], near?: number, type?: Type, zero?: number): string;
  weight(kind: string, shape: readonly number[], values: readonly number[]): string;
  /** A number of 0, 1 or more axes. */
  scale(shape?: readonly number[], near?: number): string;
  zeros(shape?: readonly number[], type?: Type): string;
}

/** Operands that are computed are quantized from inputs, so that nothing is folded. `x` is [2, 4, 6, 6], `m` is [3, 8]. */
interface Case {
  /** `xs` and `ms` are the scale and zero point of x and m. */
  readonly text: (draw: Draw, of: { readonly xs: string; readonly ms: string }) => string;
  readonly types?: readonly Type[];
  readonly opset?: number;
  /** The model that onnxruntime gets, made of the other one; the same by default. */
  readonly peer?: (text: string) => string;
  /** The share of results that must be onnxruntime's; the others are one step away. */
  readonly least?: number;
}

const both: readonly Type[] = ["uint8", "int8"];
const ms = "com.microsoft.";

const cases: Readonly<Record<string, Case>> = {
  QuantizeLinear: { text: (d) => `y = QuantizeLinear(f, ${d.steps()})` },
  "QuantizeLinear along an axis": { text: (d) => `y = QuantizeLinear(f, ${d.steps([4])}) axis=1` },
  "QuantizeLinear along the last axis": { text: (d) => `y = QuantizeLinear(f, ${d.steps([6])}) axis=-1` },
  "QuantizeLinear in blocks": {
    opset: 21,
    text: (d) => `y = QuantizeLinear(f, ${d.steps([2, 2, 6, 6])}) axis=1 block_size=2`,
  },
  "com.microsoft.QuantizeLinear": { text: (d) => `y = ${ms}QuantizeLinear(f, ${d.steps()})` },
  DequantizeLinear: { text: (d) => `y = DequantizeLinear(x, ${d.steps()})` },
  "DequantizeLinear along an axis": { text: (d) => `y = DequantizeLinear(x, ${d.steps([4])}) axis=1` },
  "DequantizeLinear with a zero point for each channel": {
    text: (d) => `y = DequantizeLinear(x, ${d.scale([4])}, ${d.zeros([4])}) axis=1`,
  },
  "DequantizeLinear in blocks": {
    opset: 21,
    text: (d) => `y = DequantizeLinear(x, ${d.steps([2, 4, 6, 3])}) axis=3 block_size=2`,
  },
  "com.microsoft.DequantizeLinear": { text: (d) => `y = ${ms}DequantizeLinear(x, ${d.steps()})` },
  DynamicQuantizeLinear: { types: ["uint8"], text: () => "y, s, p = DynamicQuantizeLinear(f)" },
  QLinearConv: {
    text: (d, { xs }) =>
      `y = QLinearConv(x, ${xs}, ${d.integers([6, 4, 3, 3], "int8")}, ${d.steps([6], 0.01, "int8", 0)}, ${d.steps()}, ${d.weight("int32", [6], [100, -300, 5, 0, 77, 900])}) pads=[1, 1, 1, 1]`,
  },
  "QLinearConv of two groups, asymmetric": {
    text: (d, { xs }) =>
      `y = QLinearConv(x, ${xs}, ${d.integers([4, 2, 3, 3])}, ${d.steps([], 0.01)}, ${d.steps()}) group=2 strides=[2, 2] dilations=[1, 2]`,
  },
  "com.microsoft.QLinearConv with the channels last": {
    text: (d, { xs }) =>
      `t = Transpose(x) perm=[0, 2, 3, 1]\ny = ${ms}QLinearConv(t, ${xs}, ${d.integers([6, 4, 3, 3], "int8")}, ${d.steps([], 0.01, "int8", 0)}, ${d.steps()}) channels_last=1`,
  },
  QLinearMatMul: {
    text: (d, { ms: own }) =>
      `y = QLinearMatMul(m, ${own}, ${d.integers([8, 5])}, ${d.steps([], 0.01)}, ${d.steps()})`,
  },
  ConvInteger: {
    types: ["uint8"],
    text: (d) => `y = ConvInteger(x, ${d.integers([3, 4, 3, 3])}, ${d.zeros()}, ${d.zeros()})`,
  },
  MatMulInteger: {
    text: (d) => `y = MatMulInteger(m, ${d.integers([8, 5])}, ${d.zeros()}, ${d.zeros()})`,
    types: ["uint8"],
  },
  "MatMulInteger with a zero point for each column": {
    types: ["uint8"],
    text: (d) => `y = MatMulInteger(m, ${d.integers([8, 5], "int8")}, ${d.zeros()}, ${d.zeros([5], "int8")})`,
  },
  QLinearAdd: {
    text: (d, { xs }) =>
      `y = ${ms}QLinearAdd(x, ${xs}, ${d.integers([4, 1, 1])}, ${d.steps()}, ${d.steps()})`,
  },
  QLinearMul: { text: (d, { xs }) => `y = ${ms}QLinearMul(x, ${xs}, x, ${xs}, ${d.steps([], 0.4)})` },
  QLinearConcat: {
    text: (d, { xs }) =>
      `y = ${ms}QLinearConcat(${d.steps()}, x, ${xs}, ${d.integers([2, 3, 6, 6])}, ${d.steps()}) axis=1`,
  },
  QLinearWhere: {
    text: (d, { xs }) =>
      `weight zero float[] = 0\nc = Less(f, zero)\ny = ${ms}QLinearWhere(c, x, ${xs}, ${d.integers([4, 1, 1])}, ${d.steps()}, ${d.steps()})`,
  },
  QLinearGlobalAveragePool: {
    text: (d, { xs }) => `y = ${ms}QLinearGlobalAveragePool(x, ${xs}, ${d.steps()})`,
  },
  QLinearAveragePool: {
    text: (d, { xs }) =>
      `y = ${ms}QLinearAveragePool(x, ${xs}, ${d.steps()}) kernel_shape=[2, 3] strides=[2, 1] pads=[0, 1, 0, 1]`,
  },
  QLinearReduceMean: {
    text: (d, { xs }) => `y = ${ms}QLinearReduceMean(x, ${xs}, ${d.steps()}) axes=[2, 3] keepdims=1`,
    // onnxruntime-web has no kernel of it.
    peer: (text) =>
      text.replace(
        /y = com\.microsoft\.QLinearReduceMean\(x, (\w+, \w+), (\w+, \w+)\)(.*)/,
        "r = DequantizeLinear(x, $1)\nt = ReduceMean(r)$3\ny = QuantizeLinear(t, $2)",
      ),
  },
  QLinearSigmoid: { text: (d, { xs }) => `y = ${ms}QLinearSigmoid(x, ${xs}, ${d.steps([], 0.004)})` },
  QLinearLeakyRelu: { text: (d, { xs }) => `y = ${ms}QLinearLeakyRelu(x, ${xs}, ${d.steps()}) alpha=0.25` },
  QLinearSoftmax: {
    text: (d, { ms: own }) => `y = ${ms}QLinearSoftmax(m, ${own}, ${d.steps([], 0.004)}) axis=-1 opset=13`,
    // onnxruntime takes exponentials from a table of integers.
    least: 0.95,
  },
  QGemm: {
    text: (d, { ms: own }) =>
      `y = ${ms}QGemm(m, ${own}, ${d.integers([5, 8], "int8")}, ${d.steps([5], 0.01, "int8", 0)}, ${d.weight("int32", [5], [40, -90, 300, 0, -1000])}, ${d.steps()}) transB=1`,
  },
  "QGemm that gives floats": {
    text: (d, { ms: own }) =>
      `y = ${ms}QGemm(m, ${own}, ${d.integers([8, 5], "int8")}, ${d.steps([], 0.01, "int8", 0)})`,
  },
  MatMulIntegerToFloat: {
    text: (d, { ms: own }) => {
      const [scale, zero] = own.split(", ");
      return `y = ${ms}MatMulIntegerToFloat(m, ${d.integers([8, 5])}, ${scale}, ${d.scale([5], 0.01)}, ${zero}, ${d.zeros()})`;
    },
  },
  DynamicQuantizeMatMul: {
    types: ["uint8"],
    text: (d) =>
      `y = ${ms}DynamicQuantizeMatMul(g, ${d.integers([8, 5], "int8")}, ${d.scale([5], 0.01)}, ${d.zeros([5], "int8")}, ${d.weight("float", [5], [1, -2, 0.5, 0, 3])})`,
  },
};

function modelFor({ text, opset = 17 }: Case, type: Type, random: Random): string {
  const lines: string[] = [];
  let names = 0;
  const weight = (kind: string, shape: readonly number[], values: readonly number[]): string => {
    const name = `w${(names += 1)}`;
    lines.push(`weight ${name} ${kind}[${shape.join(", ")}] = ${values.join(", ")}`);
    return name;
  };
  const count = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);
  const drawn = (shape: readonly number[], make: () => number): number[] =>
    Array.from({ length: count(shape) }, make);
  const middle = (of: Type): number => (of === "uint8" ? 128 : 0);
  const zeros: Draw["zeros"] = (shape = [], of = type) =>
    weight(
      of,
      shape,
      drawn(shape, () => middle(of) + random.int(-20, 20)),
    );
  const scale: Draw["scale"] = (shape = [], near = 0.05) =>
    weight(
      "float",
      shape,
      drawn(shape, () => Math.fround(near * (0.6 + 0.8 * random.next()))),
    );
  const steps: Draw["steps"] = (
    shape = [],
    near = 0.05,
    of = type,
    zero = middle(of) + random.int(-20, 20),
  ) =>
    `${scale(shape, near)}, ${weight(
      of,
      shape,
      drawn(shape, () => zero),
    )}`;
  const integers: Draw["integers"] = (shape, of = type) =>
    weight(
      of,
      shape,
      drawn(shape, () => middle(of) + random.int(-127, 127)),
    );
  const draw: Draw = { random, type, integers, steps, weight, scale, zeros };
  const [xs, own] = [steps(), steps()];
  const body = text(draw, { xs, ms: own });
  return [
    `opset ${opset}`,
    "input f float[2, 4, 6, 6]",
    "input g float[3, 8]",
    ...lines,
    `x = QuantizeLinear(f, ${xs})`,
    `m = QuantizeLinear(g, ${own})`,
    body,
    "output y",
    ...(body.startsWith("y, s, p") ? ["output s", "output p"] : []),
  ].join("\n");
}

const all = Object.entries(cases).flatMap(([name, one]) =>
  (one.types ?? both).map((type) => [name, type, one] as const),
);

test.each(all)("%s of %s", async (_, type, one) => {
  let [same, count] = [0, 0];
  for (const seed of seedsFor(8)) {
    const random = seededRandom(seed);
    const text = modelFor(one, type, random);
    const bytes = modelOf(text);
    const { value, diagnostics } = importOnnx(bytes, { file: "net.onnx" });
    expect(diagnostics, text).toEqual([]);
    expect(verify(value!), text).toEqual([]);
    const values = { f: [2, 4, 6, 6], g: [3, 8] };
    const inputs = new Map(
      Object.entries(values).map(([name, shape]) => {
        const length = shape.reduce((product, extent) => product * extent, 1);
        return [name, { shape, data: Float64Array.from({ length }, () => Math.fround(2 * random.normal())) }];
      }),
    );
    const session = await ort.InferenceSession.create(modelOf(one.peer?.(text) ?? text), {
      logSeverityLevel: 3,
    });
    const feeds = [...inputs].map(
      ([name, { shape, data }]) => [name, new ort.Tensor("float32", Float32Array.from(data), shape)] as const,
    );
    const expected = await session.run(
      Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name))),
    );
    await session.release();
    for (const [name, { data }] of interpret(value!, inputs)) {
      const { data: wanted, type: kind } = expected[name]!;
      const peer = Array.from(wanted as ArrayLike<number>, Number);
      expect(data.length, text).toBe(peer.length);
      const most = Math.max(...peer.map(Math.abs));
      // Floats are sums of a few roundings; integers are the same or one step away.
      const [near, step] = kind === "float32" ? [2e-6 * most, 2e-6 * most] : [0, kind === "int32" ? 0 : 1];
      for (const [at, actual] of data.entries()) {
        const off = Math.abs(actual - peer[at]!);
        expect(off, `${name}[${at}]: ${actual}, not ${peer[at]}, of\n${text}`).toBeLessThanOrEqual(step);
        count += 1;
        if (off <= near) same += 1;
      }
    }
  }
  expect(same / count).toBeGreaterThanOrEqual(one.least ?? 0.995);
});
