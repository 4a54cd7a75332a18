// Models from files: a trained network from PyTorch's exporter against the same network in the language, external data,
// and what `cleave import` writes.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, describe, expect, test } from "vitest";
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
} from "#onnx/proto/onnx_pb.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { optimize } from "#compile/optimize.js";
import { seededRandom } from "#ops/random.js";
import { printGraph } from "#inspect/lift.js";
import { readModel, writeNet } from "../../src/node/index.js";
import { modelOf } from "./text-model.js";

const example = "examples/fm_resnet16.onnx";
const folder = mkdtempSync(join(tmpdir(), "cleave-onnx-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The result of a net with one input and one output for seeded numbers. */
function resultOf(module: Module): Float64Array {
  const random = seededRandom(3);
  const inputs = inputNodes(module.graph).map(
    ({ name, type }) => [name, tensor(type.shape, () => random.next())] as const,
  );
  return [...interpret(module, new Map(inputs)).values()][0]!.data;
}

function modelAt(path: string): Module {
  const { value, diagnostics } = readModel(path);
  expect(diagnostics).toEqual([]);
  return value!;
}

test("the trained network is that of the .net file, and nothing is left to fold", () => {
  const [imported, written] = [modelAt(example), modelAt("examples/fm_resnet16.net")];
  expect(firstDifference(resultOf(imported), resultOf(written), longestReduction(written))).toBe(-1);
  const ops = [...optimize(imported).value!.module.graph.nodes.values()].map(({ op }) => op);
  for (const op of ["batch_norm", "pad", "transpose"]) expect(ops).not.toContain(op);
});

test.each([undefined, "fold-batch-norm", "all"])(
  "a dump, after %s, names the model as its weights, and is that model when it is read again",
  (after) => {
    copyFileSync(example, join(folder, "trained.onnx"));
    const model = modelAt(join(folder, "trained.onnx"));
    const stopAfter = after === "all" ? {} : { stopAfter: after! };
    const module = after === undefined ? model : optimize(model, stopAfter).value!.module;
    const path = join(folder, `dump-${after}.net`);
    const text = printGraph(module, { weightsPath: () => "trained.onnx" });
    expect(text).toContain('weights "trained.onnx"');
    writeFileSync(path, text);
    expect(resultOf(modelAt(path))).toEqual(resultOf(module));
  },
);

test("what an ONNX model holds besides floats is said where it is asked for", () => {
  const path = join(folder, "kinds.onnx");
  writeFileSync(
    path,
    modelOf(
      "opset 13\ninput x float[1, 2]\nweight w float[2]\nweight k int64[1] = 3\ny = Mul(x, w)\noutput y\n",
    ),
  );
  const net = (key: string, shape: string): string =>
    `net n {\n  weights "kinds.onnx"\n  input x: f32[1, 2]\n  param w: f32[${shape}] = weight("${key}")\n  output y = x * w\n}\n`;
  writeFileSync(join(folder, "kinds.net"), net("w", "2"));
  // The net does not read `k`.
  expect(readModel(join(folder, "kinds.net")).diagnostics).toMatchObject([{ code: "unread-weights" }]);
  writeFileSync(join(folder, "kinds.net"), net("v", "2"));
  expect(readModel(join(folder, "kinds.net")).diagnostics).toMatchObject([{ code: "missing-weight" }]);
  writeFileSync(join(folder, "kinds.net"), net("w", "3"));
  expect(readModel(join(folder, "kinds.net")).diagnostics).toEqual(
    expect.arrayContaining([expect.objectContaining({ code: "shape-mismatch" })]),
  );
  writeFileSync(path, "no model");
  expect(readModel(join(folder, "kinds.net")).diagnostics).toMatchObject([{ code: "bad-model" }]);
});

test("import writes a net with its weights, which computes the same", () => {
  const path = join(folder, "written", "net.net");
  expect(writeNet(modelAt(example), path).diagnostics).toEqual([]);
  expect([...resultOf(modelAt(path))]).toEqual([...resultOf(modelAt(example))]);
  expect(readFileSync(path, "utf8")).toContain('weights "net.safetensors"');
});

test("import never writes over its input", () => {
  const path = join(folder, "own.net");
  copyFileSync("examples/fm_mobile.net", path);
  expect(writeNet(modelAt(example), path, { inputs: [path] }).diagnostics[0]?.code).toBe("output-is-input");
  expect(readFileSync(path, "utf8")).toBe(readFileSync("examples/fm_mobile.net", "utf8"));
});

describe("external data", () => {
  /** The example with its first weights in a file; `entries` change what the model says of one. */
  function external(name: string, entries: Record<string, string>, file = "weights.bin"): string {
    const path = join(folder, name, "model.onnx");
    mkdirSync(join(folder, name), { recursive: true });
    const model = fromBinary(ModelProtoSchema, readFileSync(example));
    const data: Uint8Array[] = [];
    let offset = 0;
    for (const [at, tensor] of model.graph!.initializer.slice(0, 3).entries()) {
      const fields = {
        location: file,
        offset: `${offset}`,
        length: `${tensor.rawData.length}`,
        ...(at === 1 ? entries : {}),
      };
      data.push(tensor.rawData);
      offset += tensor.rawData.length;
      tensor.rawData = new Uint8Array();
      tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
      tensor.externalData = Object.entries(fields).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      );
    }
    writeFileSync(path, toBinary(ModelProtoSchema, model));
    if (file === "weights.bin") writeFileSync(join(folder, name, file), Buffer.concat(data));
    return path;
  }

  test("is read where it lies", () => {
    const { value } = readModel(external("good", {}));
    expect([...resultOf(value!)]).toEqual([...resultOf(modelAt(example))]);
    expect(value!.files).toContain(join(folder, "good", "weights.bin"));
  });

  test.each([
    ["leads out", { location: "../good/weights.bin" }, "leads out of the model's folder"],
    ["absolute", { location: "/etc/hostname" }, "is not a path relative to the model"],
    ["missing", { location: "nothing.bin" }, "cannot read `nothing.bin`"],
    ["behind the end", { offset: "100000000" }, "which has"],
    ["negative", { offset: "-4" }, "is stored at offset -4"],
    ["too short", { length: "4" }, "with length 4"],
    ["overlapping", { offset: "4" }, "overlap in `weights.bin`"],
  ])("%s is refused", (name, entries, message) => {
    const { value, diagnostics } = readModel(external(name, entries));
    expect(value).toBeUndefined();
    expect(diagnostics.map((one) => one.message).join("\n")).toContain(message);
  });

  test("a link that leads out is refused", () => {
    const path = external("link", {}, "linked.bin");
    if (!existsSync(join(folder, "secret.bin")))
      writeFileSync(join(folder, "secret.bin"), new Uint8Array(1_000_000));
    symlinkSync(join(folder, "secret.bin"), join(folder, "link", "linked.bin"));
    const { value, diagnostics } = readModel(path);
    expect(value).toBeUndefined();
    expect(diagnostics[0]?.message).toContain("the path leads out of the model's folder");
  });
});

test("options of .net files are refused", () => {
  const { value, diagnostics } = readModel(example, { weights: "x.safetensors" });
  expect(value).toBeUndefined();
  expect(diagnostics[0]?.code).toBe("wrong-option");
});
