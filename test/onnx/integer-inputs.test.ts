// Inputs of ONNX models keep the type of their integers: what reads them as floats, as integers or moves them gives what the model says.

import * as ort from "onnxruntime-web";
import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { inputNodes } from "#ir/graph.js";
import { verify } from "#ops/verify.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const shape = [2, 3, 2, 2];

const types = {
  uint8: ["u8", Uint8Array, 0, 255],
  int8: ["i8", Int8Array, -128, 127],
  int16: ["i16", Int16Array, -32_768, 32_767],
  uint16: ["i32", Uint16Array, 0, 65_535],
  int32: ["i32", Int32Array, -(2 ** 24), 2 ** 24],
  int64: ["f32", BigInt64Array, -(2 ** 24), 2 ** 24],
  float: ["f32", Float32Array, -3, 3],
} as const;

/** What a model does with its input, with the types for which onnxruntime can do it. */
const uses: Readonly<Record<string, readonly [text: string, types: readonly string[]]>> = {
  "a cast": ["y = Cast(x) to=1\noutput y", Object.keys(types)],
  "a move and a cast": ["m = Transpose(x) perm=[0, 2, 3, 1]\ny = Cast(m) to=1\noutput y", Object.keys(types)],
  "a picture": [
    "f = Cast(x) to=1\nweight c float[] = 127.5\nweight w float[4, 3, 1, 1]\nd = Div(f, c)\ny = Conv(d, w)\noutput y",
    Object.keys(types),
  ],
  "a mean": ["f = Cast(x) to=1\ny = GlobalAveragePool(f)\noutput y", Object.keys(types)],
  "integers of the model": [
    "weight s float[] = 0.25\nweight z TYPE[] = 0\ny = DequantizeLinear(x, s, z)\noutput y",
    ["uint8", "int8", "int32"],
  ],
  "moved integers": [
    "weight s float[] = 0.25\nweight z TYPE[] = 3\nweight i int64[2] = 2, 12\nm = Reshape(x, i)\ny = DequantizeLinear(m, s, z)\noutput y",
    ["uint8", "int8"],
  ],
  "a product": [
    "weight z TYPE[] = 3\nweight w TYPE[4, 3, 1, 1] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12\nc = ConvInteger(x, w, z)\ny = Cast(c) to=1\noutput y",
    ["uint8"],
  ],
};

const cases = Object.entries(uses).flatMap(([what, [text, of]]) =>
  of.map((type) => [what, type as keyof typeof types, text.replaceAll("TYPE", type)] as const),
);

test.each(cases)("%s of %s", async (_, type, rest) => {
  const [dtype, array, low, high] = types[type];
  const text = `opset 21\ninput x ${type}[${shape.join(", ")}]\n${rest}`;
  const bytes = modelOf(text);
  const { value: module, diagnostics } = importOnnx(bytes, { file: "net.onnx" });
  expect(diagnostics).toEqual([]);
  expect(verify(module!)).toEqual([]);
  expect(inputNodes(module!.graph)[0]!.type).toEqual({ dtype, shape });
  // Integers are never quantized again.
  expect([...module!.graph.nodes.values()].filter(({ op }) => op === "quantize")).toEqual([]);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const numbers = Float32Array.from({ length: count }, (__, at) =>
    Math.round(low + ((high - low) * at) / (count - 1)),
  );
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const data =
    type === "int64" ? BigInt64Array.from(numbers, BigInt) : new (array as Float32ArrayConstructor)(numbers);
  const name = type === "float" ? "float32" : type;
  const { y } = await session.run({ x: new ort.Tensor(name, data as never, shape) });
  await session.release();
  const wanted = Float32Array.from(y!.data as Float32Array);
  const most = wanted.reduce((all, one) => Math.max(all, Math.abs(one)), 0);
  for (const target of ["js", "wasm"] as const) {
    const net = await load(compile(module!, { target }).value!, { poison: true });
    const actual = (await net.run({ x: numbers }))["y"]!;
    net.dispose();
    expect(actual.length).toBe(wanted.length);
    for (const [at, value] of wanted.entries())
      expect(Math.abs(actual[at]! - value), `${target}, ${at}`).toBeLessThanOrEqual(1e-6 * most);
  }
});
