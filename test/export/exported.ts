// Exported models for tests: checked against what ONNX says of every model, and run by onnxruntime.

import { fromBinary } from "@bufbuild/protobuf";
import * as ort from "onnxruntime-web";
import { expect } from "vitest";
import type { ExportOptions } from "#export/onnx/export-onnx.js";
import { exportOnnx } from "#export/onnx/export-onnx.js";
import { exportOpsets } from "#export/onnx/opsets.js";
import { elementTypes } from "#import/onnx/element-type.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { DType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { ModelProto } from "#onnx/proto/onnx_pb.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

/** In opset 21, onnxruntime 1.30 may put a QuantizeLinear of another type than its zero point around a move of dequantized values. */
export const integerOpsets = exportOpsets.filter((opset) => opset < 21);

/** The bytes of a model, checked against what ONNX says of every model. */
export function exported(module: Module, options: ExportOptions = {}): Uint8Array {
  const { value, diagnostics } = exportOnnx(module, options);
  const outside = new Set(
    [...module.graph.nodes.values()].flatMap(({ op, name }) => (op === "input" ? name : [])),
  );
  const renamed = diagnostics.filter(({ code }) => code === "renamed-output");
  expect(diagnostics).toEqual(renamed);
  for (const { message } of renamed) expect(outside).toContain(/`(.*?)`/.exec(message)![1]);
  const bytes = Buffer.concat([...value!.pieces()]);
  expect(bytes.length).toBe(value!.size);
  checkModel(fromBinary(ModelProtoSchema, bytes), options);
  return bytes;
}

/** Values have one name each and are made before they are used; all that is there is used. */
function checkModel({ graph, opsetImport, irVersion }: ModelProto, { opset = 20 }: ExportOptions): void {
  expect(opsetImport).toMatchObject([{ domain: "", version: BigInt(opset) }]);
  expect(irVersion).toBeGreaterThanOrEqual(8n);
  const known = new Set<string>();
  const define = (name: string): void => {
    expect(name).not.toBe("");
    expect(known, `a second ${name}`).not.toContain(name);
    known.add(name);
  };
  for (const { name } of graph!.input) define(name);
  for (const { name, dims, rawData, dataType } of graph!.initializer) {
    define(name);
    const count = dims.reduce((product, extent) => product * Number(extent), 1);
    expect(rawData.length).toBe(count * elementTypes.get(dataType)!.size);
  }
  const names = graph!.node.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { input, output } of graph!.node) {
    for (const name of input) if (name !== "") expect(known).toContain(name);
    for (const name of output) define(name);
  }
  for (const { name } of graph!.output) expect(known).toContain(name);
  const used = new Set([
    ...graph!.node.flatMap(({ input }) => input),
    ...graph!.output.map(({ name }) => name),
  ]);
  for (const { name } of graph!.initializer) expect(used, `${name} is not used`).toContain(name);
  for (const { name } of graph!.valueInfo) expect(known).toContain(name);
}

/** onnxruntime's results for the inputs of a module, in its order: shapes, and values as numbers. */
export async function runByPeer(
  module: Module,
  bytes: Uint8Array,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<ReadonlyMap<string, { shape: readonly number[]; type: string; data: Float64Array }>> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const types = new Map([...module.graph.nodes.values()].map(({ name, type }) => [name, type.dtype]));
  const feeds = [...inputs].map(([name, { shape, data }]) => {
    const [type, array] = peerTypes[types.get(name)!];
    return [name, new ort.Tensor(type, array.from(data) as never, shape)] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return new Map(
    Object.entries(results).map(([name, { dims, type, data }]) => [
      name,
      { shape: dims, type, data: Float64Array.from(data as ArrayLike<number>, Number) },
    ]),
  );
}

/** The type of a value in onnxruntime, and its array. */
export const peerTypes = {
  f32: ["float32", Float32Array],
  u8: ["uint8", Uint8Array],
  i8: ["int8", Int8Array],
  i16: ["int16", Int16Array],
  i32: ["int32", Int32Array],
} as const satisfies Readonly<Record<DType, readonly [string, { from: unknown }]>>;

/** An image with its channels first; other values as they are. */
export function toFirst(value: Tensor): Tensor {
  const [n = 1, h = 1, w = 1, c = 1] = value.shape;
  if (value.shape.length !== 4) return value;
  const shape = [n, c, h, w];
  return tensor(shape, (flat) => {
    const [x, y] = [flat % w, Math.floor(flat / w) % h];
    const [channel, image] = [Math.floor(flat / (w * h)) % c, Math.floor(flat / (w * h * c))];
    return value.data[((image * h + y) * w + x) * c + channel]!;
  });
}
