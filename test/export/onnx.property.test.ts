// Exported models: what our importer and onnxruntime read from the file computes the same as the graph, for every op, for random
// graphs and for the examples, as written and after all passes.

import { fromBinary } from "@bufbuild/protobuf";
import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { parse } from "#grammar/reading/parse.js";
import { optimize } from "#compile/optimize.js";
import { elaborate } from "#elaborate/elaborate.js";
import type { ExportOptions } from "#export/onnx/export-onnx.js";
import { exportOnnx } from "#export/onnx/export-onnx.js";
import { exportOpsets } from "#export/onnx/opsets.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { interpret } from "#interpret/interpret.js";
import { firstDifference, longestReduction } from "#interpret/tolerance.js";
import type { Node } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import { inferType, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import type { Random } from "#ops/random.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { readModel } from "../../src/node/index.js";
import { cases } from "../cases.js";
import { computingOps, opModule, randomInputs } from "../op-module.js";
import { randomModule } from "../random-graph.js";
import { scaled, seedsFor } from "../scale.js";
import { exported, runByPeer, toFirst } from "./exported.js";
import { printModel } from "./print-model.js";

/** Nets of one op that are tried for each op. */
const samples = scaled(12);

describe.each(computingOps)("%s", (op) => {
  test("computes the same in onnxruntime and when it is imported again", async () => {
    const random = seededRandom(op.length);
    for (let sample = 0; sample < samples; sample += 1) {
      const { inputs, attributes } = opOf(op).sample(random);
      const type = inferType(op, inputs, attributes);
      if (isProblem(type)) continue;
      const module = opModule(op, inputs, attributes, type, random);
      await compare(module, randomInputs(module, random), { opset: random.pick(exportOpsets) });
    }
  });
});

// Without the logarithm: that of a value near 1 has few right digits after a rounding before it.
describe("random graphs", () => {
  test.each(seedsFor(60))("%i", async (seed) => {
    const module = randomModule(seededRandom(seed), { without: ["log"] });
    const inputs = randomInputs(module, seededRandom(seed + 1000));
    await compare(module, inputs, { nchw: seed % 3 === 0 });
    await compare(optimize(module).value!.module, inputs);
  });
});

describe("random graphs with names that clash", () => {
  test.each(seedsFor(40))("%i", async (seed) => {
    const random = seededRandom(seed);
    const module = clashing(randomModule(random, { without: ["log"], size: 6 }), random);
    const inputs = randomInputs(module, seededRandom(seed + 1000));
    for (const nchw of [false, true, "inputs"] as const) await compare(module, inputs, { nchw });
    await compare(optimize(module).value!.module, inputs, { nchw: random.pick([false, true, "inputs"]) });
  });
});

/** The module with nodes and outputs that are called as inputs are, or as the exporter calls what it makes itself; some inputs are outputs. */
function clashing({ graph, weights }: Module, random: Random): Module {
  const inputs = [...graph.nodes.values()].filter(({ op }) => op === "input");
  const names = ["x", "x.2", "x.transpose", "x.reshape", "x.shape", "x.2.2", "x.relu", "model.shape"];
  const called = new Map(inputs.map(({ id }, at) => [id, names[at]!]));
  const nodes = new Map(
    [...graph.nodes].map(([id, node]) => [
      id,
      { ...node, name: called.get(id) ?? random.pick(names) } as Node,
    ]),
  );
  const own = names.toSorted(() => random.next() - 0.5);
  const given = inputs.filter(() => random.next() < 0.7).map(({ id }) => id);
  const ends = [...new Set([...graph.outputs.map(({ node }) => node), ...given])].slice(0, names.length);
  // An input that is an output keeps its name as often as not.
  const kept = ends.map((id) => (random.next() < 0.5 ? called.get(id) : undefined));
  const free = own.filter((name) => !kept.includes(name));
  const outputs = ends.map((node, at) => ({ name: kept[at] ?? free.pop()!, node }));
  return { graph: { ...graph, nodes, outputs }, weights };
}

/** Examples that are small enough for the interpreter, at their own size or a smaller one. */
describe.each([
  ["fm_resnet16.net", {}],
  ["fm_resnet16.onnx", {}],
  ["fm_mobile.net", {}],
  ["seed.net", {}],
] as const)("%s", (file, dims) => {
  const { value: model } = readModel(`examples/${file}`, { dims: new Map(Object.entries(dims)) });
  const inputs = randomInputs(model!, seededRandom(1));

  test("as written", async () => compare(model!, inputs));
  test("after all passes", async () => compare(optimize(model!).value!.module, inputs));
  test("with the channels first outside", async () =>
    compare(optimize(model!).value!.module, inputs, { nchw: true }));
});

// Images of one channel need no Transpose: a Reshape puts the axis elsewhere. VGG's flattening takes rows and columns before channels.
test.each([
  ["fm_resnet16.net", 0, 0],
  ["fm_mobile.net", 0, 0],
  ["mobilenet_v1.net", 1, 0],
  ["mobilenet_v2.net", 1, 0],
  ["resnet18.net", 1, 0],
  ["xception.net", 1, 0],
  ["vgg16.net", 2, 1],
  ["seed.net", 2, 0],
])("%s has transposes at its border alone", (file, outside, inside) => {
  const { value: model } = readModel(`examples/${file}`);
  const transposes = (module: Module, options: ExportOptions): number => {
    const { value } = exportOnnx(module, options);
    const [start] = value!.pieces();
    // The first piece holds everything but the initializers, and VGG's are large: the fields `op_type: "Transpose"` are counted.
    return Buffer.from(start!).toString("latin1").split('"\tTranspose').length - 1;
  };
  expect(transposes(model!, {})).toBe(outside);
  expect(transposes(model!, { nchw: true })).toBe(inside);
  expect(transposes(optimize(model!).value!.module, {})).toBe(outside);
});

test("an open batch stays open", async () => {
  const text = `net open {
    input x: f32[N, 6, 7, 2]
    y = conv2d(x, filters=4, kernel=3x3, padding=same) |> hard_swish |> resize(size=9x9, method=bilinear)
    z = y |> pad(before=[0, 1, 0, 0], after=[0, 0, 2, 0]) |> slice(begin=[0, 2, 0, 1], size=[-1, 5, -1, 3])
    output flat = z |> reshape(shape=[1, -1]) |> dense(units=5) |> softmax
    output kept = y * global_avg_pool(y, keepdims=true)
    output rows = reshape(y, shape=[1, 81, 4])
  }`;
  const { value: module, diagnostics } = elaborate(parse(text, "open.net").value!);
  expect(diagnostics).toEqual([]);
  for (const options of [{}, { nchw: true }]) {
    const session = await ort.InferenceSession.create(exported(module!, options));
    const inputs = [1, 2, 3].map((seed) => randomInputs(module!, seededRandom(seed)).get("x")!);
    const references = inputs.map((x) => interpret(module!, new Map([["x", x]])));
    const pack = (values: readonly Tensor[]) => {
      const laid = values.map((value) => (options.nchw ? toFirst(value) : value));
      const data = Float32Array.from(laid.flatMap((value) => [...value.data]));
      return { data, shape: [values.length, ...laid[0]!.shape.slice(1)] };
    };
    const { data, shape } = pack(inputs);
    const peer = await session.run({ x: new ort.Tensor("float32", data, shape) });
    for (const name of ["flat", "kept", "rows"]) {
      const wanted = pack(references.map((reference) => reference.get(name)!));
      expect(peer[name]!.dims).toEqual(wanted.shape);
      expect(
        firstDifference(peer[name]!.data as Float32Array, wanted.data, longestReduction(module!)),
        name,
      ).toBe(-1);
    }
    const again = importOnnx(exported(module!, options));
    expect(again.diagnostics).toEqual([]);
    expect(again.value!.graph.batch).toBe("N");
  }
});

test("a model that protobuf cannot hold is refused", () => {
  const text = "net wide {\n  input x: f32[1, 30000]\n  output y = dense(x, units=30000)\n}\n";
  const { value: module } = elaborate(parse(text, "wide.net").value!);
  const { value, diagnostics } = exportOnnx(module!);
  expect(value).toBeUndefined();
  expect(diagnostics).toMatchObject([{ code: "too-large" }]);
  expect(diagnostics[0]!.message).toContain("3.35 GiB");
});

test("an opset that is not written is refused", () => {
  const { value: model } = readModel("examples/seed.net");
  expect(exportOnnx(model!, { opset: 17 }).diagnostics).toMatchObject([{ code: "wrong-option" }]);
});

// The model as text: a line for each node.
cases(import.meta.dirname, "onnx.txt", async (input, { options }) => {
  const { value, diagnostics } = elaborate(parse(input, "net.net").value!);
  expect(diagnostics).toEqual([]);
  const { passes, weightType, ...rest } = options as {
    passes?: boolean;
    weightType?: "int8";
  } & ExportOptions;
  const module = passes ? optimize(value!, { ...(weightType && { weightType }) }).value!.module : value!;
  await compare(module, randomInputs(module, seededRandom(1)), rest);
  return printModel(fromBinary(ModelProtoSchema, exported(module, rest)));
});

/** Holds the file's results, imported again and in onnxruntime, against the graph's. */
async function compare(
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  options: ExportOptions = {},
): Promise<void> {
  const bytes = exported(module, options);
  const reference = interpret(module, inputs);
  const { value: again, diagnostics } = importOnnx(bytes);
  expect(diagnostics).toEqual([]);
  expect(verify(again!)).toEqual([]);
  // The names of inputs may be others in our language.
  const names = [...again!.graph.nodes.values()].filter(({ op }) => op === "input").map(({ name }) => name);
  const values = [...inputs.values()].map((value) => (options.nchw ? toFirst(value) : value));
  const imported = interpret(again!, new Map(names.map((name, at) => [name, values[at]!])));
  const peer = await runByPeer(
    module,
    bytes,
    new Map([...inputs.keys()].map((name, at) => [name, values[at]!])),
  );
  const longest = longestReduction(module);
  const written = fromBinary(ModelProtoSchema, bytes).graph!.output.map((output) => output.name);
  expect(again!.graph.outputs.map((output) => output.name)).toEqual(written);
  for (const [at, { name: own }] of module.graph.outputs.entries()) {
    const name = written[at]!;
    const value = reference.get(own)!;
    const { shape, data } = options.nchw === true ? toFirst(value) : value;
    const what = `${name} of ${[...module.graph.nodes.values()].map(({ op, attributes, type }) => `${op} ${type.shape.join("×")} ${JSON.stringify(attributes)}`).join(", ")}`;
    expect(imported.get(name)!.shape, what).toEqual(shape);
    expect(firstDifference(imported.get(name)!.data, data, longest), `imported: ${what}`).toBe(-1);
    expect(peer.get(name)!.shape, what).toEqual(shape);
    expect(firstDifference(peer.get(name)!.data, data, longest), `onnxruntime: ${what}`).toBe(-1);
  }
}
