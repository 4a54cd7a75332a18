// One model, given as a text, on values that a test chooses: the emitted module against onnxruntime.

import * as ort from "onnxruntime-web";
import { expect } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { verify } from "#ops/verify.js";
import { expectClose, sizeOf } from "../close.js";
import { modelOf } from "./text-model.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

/** A value of an input; whole numbers of 64 bits become f32 in the module. */
export interface Given {
  readonly shape: readonly number[];
  readonly data: readonly number[];
  readonly type?: "float32" | "int64";
}

/** The values of all outputs are onnxruntime's, to 10⁻⁵ of the largest. */
export async function agree(text: string, inputs: Readonly<Record<string, Given>>): Promise<void> {
  const bytes = modelOf(text);
  const { value, diagnostics } = importOnnx(bytes, { file: "net.onnx" });
  if (!value) return expect.fail(`${diagnostics.map(({ message }) => message).join("\n")}\n${text}`);
  expect(verify(value)).toEqual([]);
  const session = await ort.InferenceSession.create(bytes);
  const entries = Object.entries(inputs);
  const feeds = entries.map(([name, { shape, data, type = "float32" }]) => {
    const values = type === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data);
    return [name, new ort.Tensor(type, values, shape)] as const;
  });
  const expected = await session.run(Object.fromEntries(feeds));
  await session.release();
  const net = await load(compile(value).value!);
  const used = new Set(Object.keys(net.inputs));
  const actual = net.runSync(
    Object.fromEntries(
      entries.flatMap(([name, { data }]) =>
        used.has(name) ? [[name, Float32Array.from(data)] as const] : [],
      ),
    ),
  );
  net.dispose();
  for (const { name } of value.graph.outputs) {
    const wanted = Float32Array.from(expected[name]!.data as ArrayLike<number>, Number);
    expectClose(actual[name], wanted, 1e-5 * sizeOf(wanted, 1), `${name} of\n${text}`);
  }
}
