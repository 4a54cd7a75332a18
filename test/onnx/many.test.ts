// Operators with many operands and results: trees with few roundings, and a limit with an error.

import { describe, expect, test } from "vitest";
import { render } from "#diagnostic/render.js";
import { importOnnx } from "#import/onnx/import-onnx.js";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { interpret } from "#interpret/interpret.js";
import type { Graph } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import { tensor } from "#ir/tensor.js";
import { operandLimit } from "#ops/index.js";
import type { ModelFiles } from "../tfjs/text-model.js";
import { graphModel, layersTopology, openShards } from "../tfjs/text-model.js";
import { modelOf } from "./text-model.js";

const list = (count: number, make: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => make(at)).join(", ");

type Result = { readonly value?: Module | undefined; readonly text: string };

function onnx(text: string): Result {
  const { value, diagnostics } = importOnnx(modelOf(`opset 18\n${text}`));
  return { value, text: render(diagnostics, new Map(), { color: false }) };
}

function tfjs(files: ModelFiles): Result {
  const { value, diagnostics } = importTfjs(JSON.stringify(files.json), { openData: openShards(files) });
  return { value, text: render(diagnostics, new Map(), { color: false }) };
}

const layers = (text: string): Result =>
  tfjs({ json: { modelTopology: layersTopology(text), weightsManifest: [] }, shards: new Map() });

/** The most nodes of some ops on one path through a graph. */
function depthOf(graph: Graph, ops: ReadonlySet<string>): number {
  const depths = new Map<number, number>();
  for (const { id, op, inputs } of topological(graph))
    depths.set(id, Number(ops.has(op)) + Math.max(0, ...inputs.map((input) => depths.get(input) ?? 0)));
  return Math.max(...graph.outputs.map(({ node }) => depths.get(node) ?? 0));
}

/** The result of each operator for k · x, with k from 1 on, and the op that it becomes. */
const sum = (count: number): number => (count * (count + 1)) / 2;
const folds: readonly (readonly [string, string, (count: number) => number])[] = [
  ["Sum", "add", sum],
  ["Max", "max", (count) => count],
  ["Min", "min", () => 1],
  ["Mean", "add", (count) => sum(count) / count],
];

describe.each(folds)("%s", (operator, op, wanted) => {
  test.each([1, 2, 3, 4, 5, 17, 64, 1000])("of %i operands is a tree", (count) => {
    const products = Array.from({ length: count }, (_, at) => `weight k${at} float[1] = ${at + 1}`).join(
      "\n",
    );
    const nodes = Array.from({ length: count }, (_, at) => `a${at} = Mul(x, k${at})`).join("\n");
    const text = `input x float[1, 2]\n${products}\n${nodes}\ny = ${operator}(${list(count, (at) => `a${at}`)})\noutput y`;
    const { value } = onnx(text);
    expect(depthOf(value!.graph, new Set([op]))).toBe(Math.ceil(Math.log2(count)));
    const result = interpret(value!, new Map([["x", tensor([1, 2], (at) => at + 1)]])).get("y")!;
    const first = wanted(count);
    for (const [at, one] of [...result.data].entries()) expect(one).toBeCloseTo(first * (at + 1), 6);
  });
});

test("AddN and layers that merge are trees", () => {
  const graph = tfjs(
    graphModel(`x = Placeholder [-1, 2]\ny = AddN(${list(100, () => "x")})\noutput y`),
  ).value!;
  expect(depthOf(graph.graph, new Set(["add"]))).toBe(7);
  for (const [kind, op] of [
    ["Add", "add"],
    ["Average", "add"],
    ["Maximum", "max"],
    ["Minimum", "min"],
    ["Multiply", "mul"],
  ] as const) {
    const text = `x = InputLayer {"batch_input_shape": [null, 2]}\n${Array.from({ length: 100 }, (_, at) => `a${at} = Activation(x) {"activation": "relu"}`).join("\n")}\ny = ${kind}(${list(100, (at) => `a${at}`)})\noutput y`;
    const { value } = layers(text);
    // The mean takes one product more.
    expect(depthOf(value!.graph, new Set([op])), kind).toBe(7);
  }
});

describe("more operands or results than a node may have are refused", () => {
  const many = operandLimit + 1;
  const x = list(many, () => "x");
  const results = list(many, (at) => `r${at}`);
  test.each(["Sum", "Max", "Min", "Mean", "Concat", "Einsum", "Add", "com.microsoft.QLinearConcat"])(
    "%s",
    (op) => {
      const { value, text } = onnx(`input x float[1, 2]\ny = ${op}(${x}) axis=0 equation="a"\noutput y`);
      expect(value).toBeUndefined();
      expect(text).toContain(`it has ${many} operands; up to ${operandLimit} are supported`);
      expect(text.length).toBeLessThan(1000);
    },
  );
  test("Split", () => {
    const text = `input x float[1, ${many}]\n${results} = Split(x) axis=1 num_outputs=${many}\noutput r0`;
    expect(onnx(text).text).toContain(`it has ${many} results; up to ${operandLimit} are supported`);
  });
  test.each([
    ["AddN", `AddN(${x})`],
    ["ConcatV2", `ConcatV2(${x}, c)`],
    ["Pack", `Pack(${x})`],
    ["IdentityN", `IdentityN(${x})`],
    ["Unpack", 'Unpack(z) {"axis": 1}'],
    ["Split", `Split(c, z) {"num_split": ${many}}`],
  ])("%s of TensorFlow", (_, node) => {
    const { value, text } = tfjs(
      graphModel(`x = Placeholder [1, 2]\nz = Placeholder [1, ${many}]\nc = int [] 1\ny = ${node}\noutput y`),
    );
    expect(value).toBeUndefined();
    expect(text).toMatch(
      new RegExp(`it has ${many + (node.includes("c)") ? 1 : 0)} (operands|results); up to`),
    );
    expect(text.length).toBeLessThan(1000);
  });
  test("a layer", () => {
    const text = `x = InputLayer {"batch_input_shape": [null, 2]}\ny = Add(${x})\noutput y`;
    expect(layers(text).text).toContain(
      `layer \`y\`, \`Add\`: it has ${many} operands; up to ${operandLimit} are supported`,
    );
  });
});
