// Corrupted ONNX files: they are refused before much is decoded. Typed and raw data mean the same.

import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ownForm } from "#weights/compact.js";
import { widen } from "#weights/widen.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import { modelOf } from "./text-model.js";

/** A field of bytes. */
function field(number: number, body: Uint8Array): Uint8Array {
  const head: number[] = [];
  for (let rest of [number * 8 + 2, body.length]) {
    for (; rest >= 128; rest = Math.floor(rest / 128)) head.push((rest % 128) + 128);
    head.push(rest);
  }
  return Buffer.concat([Uint8Array.from(head), body]);
}

const many = (count: number, bytes: number[]): Uint8Array =>
  new Uint8Array(count * bytes.length).map((_, at) => bytes[at % bytes.length]!);

function messageOf(bytes: Uint8Array): string {
  const { value, diagnostics } = importOnnx(bytes);
  expect(value).toBeUndefined();
  return diagnostics.map(({ message }) => message).join("\n");
}

describe("what is decoded is counted first", () => {
  test.each([
    ["nodes", field(7, many(2_000_000, [0x0a, 0]))],
    ["tensors", field(7, many(2_000_000, [0x2a, 0]))],
    ["inputs", field(7, many(2_000_000, [0x5a, 0]))],
    ["opsets", many(2_000_000, [0x42, 0])],
    ["an attribute's integers", field(7, field(1, field(5, field(8, new Uint8Array(20_000_000)))))],
  ])("%s", (_, bytes) => expect(messageOf(bytes)).toContain("takes more than 384 MiB of memory"));

  test("messages inside of each other", () => {
    let bytes: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 1000; depth += 1) bytes = field(1, field(5, field(6, bytes)));
    expect(messageOf(field(7, bytes))).toContain("more than 64 messages are nested");
  });
});

test("names are short: of long ones V8's hashes are their lengths", () => {
  const names = Array.from({ length: 500 }, (_, at) => `${"n".repeat(100_000)}${at}`);
  const bytes = modelOf(
    `input x float[1, 3]\n${names.map((name, at) => `${name} = Relu(${names[at - 1] ?? "x"})`).join("\n")}\noutput ${names.at(-1)}`,
  );
  expect(messageOf(bytes)).toMatch(/the name at byte \d+ has 10000\d bytes; at most 4096 are supported/);
});

test("a model that is cut off anywhere is refused", () => {
  const bytes = modelOf("input x float[1, 3]\nweight w float[1, 3]\ny = Add(x, w)\noutput y");
  for (let length = 0; length < bytes.length; length += 1)
    expect(importOnnx(bytes.subarray(0, length)).value, `${length} bytes`).toBeUndefined();
});

test.each([
  ["int8", 3, { int32Data: [-1, 127, -128] }, [-1, 127, -128]],
  ["float16", 10, { int32Data: [0x3c00, 0xc000, 0] }, [1, -2, 0]],
  ["int64", 7, { int64Data: [-1n, 1n << 40n, -(1n << 40n)] }, [-1, 2 ** 40, -(2 ** 40)]],
  ["uint64", 13, { uint64Data: [0n, 1n << 63n, 5n] }, [0, 2 ** 63, 5]],
  ["float64", 11, { doubleData: [0.5, -1, 2] }, [0.5, -1, 2]],
] as const)("typed data of %s", (_, dataType, data, values) => {
  const graph = {
    node: [{ opType: "Cast", input: ["w"], output: ["y"], attribute: [{ name: "to", i: 1n }] }],
    output: [{ name: "y" }],
    initializer: [{ name: "w", dims: [3n], dataType, ...data } as never],
  };
  const model = create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport: [{ version: 17n }] });
  const { value } = importOnnx(toBinary(ModelProtoSchema, model));
  const [node] = [...value!.graph.nodes.values()];
  expect(node!.op).toBe("constant");
  const { weight } = node!.attributes as { weight: string };
  expect([...value!.weights.readF32(weight)]).toEqual(values.map(Math.fround));
});

test.each([
  ["typed data", { int32Data: [0x3c00, 0xc000, 0, 0xfc00] }],
  ["raw data", { rawData: new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0, 0xfc00).buffer) }],
] as const)("halves in %s can be stored as halves", (_, data) => {
  const graph = {
    node: [{ opType: "Cast", input: ["w"], output: ["y"], attribute: [{ name: "to", i: 1n }] }],
    output: [{ name: "y" }],
    initializer: [{ name: "w", dims: [4n], dataType: 10, ...data } as never],
  };
  const model = create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport: [{ version: 17n }] });
  const { value } = importOnnx(toBinary(ModelProtoSchema, model));
  const [node] = [...value!.graph.nodes.values()];
  const { weight } = node!.attributes as { weight: string };
  const form = ownForm(value!.weights, weight);
  if (!form || "why" in form) expect.fail("no form");
  expect(form.codes).toBe("float16");
  expect([...form.read()]).toEqual([0x3c00, 0xc000, 0, 0xfc00]);
  expect([...widen(form, new Float32Array(4))]).toEqual([1, -2, 0, -Infinity]);
});
