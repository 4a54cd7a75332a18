// Imported models against TensorFlow.js, and what is refused.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { render } from "#diagnostic/render.js";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { interpret, interpretBatch } from "#interpret/interpret.js";
import type { Module } from "#ir/weights.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import { elements } from "#ir/type.js";
import { seededRandom } from "#ops/random.js";
import { verify } from "#ops/verify.js";
import { printGraph } from "#inspect/lift.js";
import { cases, parseCases } from "../cases.js";
import { expectClose, sizeOf } from "../close.js";
import { keras3 } from "./keras3.js";
import { peerResults, withWeights } from "./peer.js";
import type { ModelFiles } from "./text-model.js";
import { graphModel, layersTopology, openShards } from "./text-model.js";

// The expectation counts the ops after the passes; the option `sequential` makes a Sequential model.
cases(import.meta.dirname, "layers.txt", async (input, { options }) => {
  const files = await withWeights(layersTopology(input, options["sequential"] === true));
  return compared(files);
});

for (const file of ["graph.txt", "control.txt"])
  cases(import.meta.dirname, file, (input) => compared(graphModel(input)));

// The option `graph` makes a graph model, `dims` bind symbols; `json` takes the input as the file itself.
cases(import.meta.dirname, "refused.txt", (input, { options }) => {
  const files = filesOf(input, options);
  const text = options["json"] ? input : JSON.stringify(files.json);
  const dims = new Map(Object.entries((options["dims"] ?? {}) as Record<string, number>));
  const { value, diagnostics } = importTfjs(text, { openData: openShards(files), dims });
  expect(value).toBeUndefined();
  return render(diagnostics, new Map(), { color: false });
});

function filesOf(input: string, options: Readonly<Record<string, unknown>>): ModelFiles {
  if (options["graph"]) return graphModel(input);
  const json = options["json"] ? {} : { modelTopology: layersTopology(input), weightsManifest: [] };
  return { json, shards: new Map() };
}

/**
 * Compares the interpreter and the emitted JavaScript and WebAssembly with TensorFlow.js, on three samples if the batch is open; returns
 * the ops after the passes.
 */
async function compared(files: ModelFiles): Promise<string> {
  const { value, diagnostics } = importTfjs(JSON.stringify(files.json), { openData: openShards(files) });
  if (!value) return expect.fail(render(diagnostics, new Map(), { color: false }));
  expect(verify(value)).toEqual([]);
  const random = seededRandom(7);
  const samples = value.graph.batch === undefined ? 1 : 3;
  const inputs = inputNodes(value.graph).map(({ name, type }) => {
    const shape = samples === 1 ? type.shape : type.shape.with(0, samples);
    const data = Float32Array.from({ length: elements(shape) }, () => random.normal());
    return [name, { data, shape }] as const;
  });
  const expected = await peerResults(files, new Map(inputs));
  const given = new Map(inputs.map(([name, { data, shape }]) => [name, tensor(shape, (at) => data[at]!)]));
  const interpreted = samples === 1 ? interpret(value, given) : interpretBatch(value, given, samples);
  near(value, expected, (name) => interpreted.get(name)!.data);
  for (const target of ["js", "wasm"] as const) {
    const { value: artifact } = compile(value, { target });
    const net = await load(artifact!);
    const actual = net.runSync(Object.fromEntries(inputs.map(([name, { data }]) => [name, data])));
    net.dispose();
    near(value, expected, (name) => actual[name]!);
  }
  const counts = new Map<string, number>();
  for (const { op } of optimize(value, { without: ["fuse"] }).value!.module.graph.nodes.values())
    if (op !== "constant" && op !== "input") counts.set(op, (counts.get(op) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([op, count]) => `${count} ${op}`)
    .join(", ");
}

// Keras 3 writes the same models in another form.
test("Keras 3", async () => {
  const text = readFileSync(join(import.meta.dirname, "layers.txt"), "utf8");
  for (const { input, options, name } of parseCases(text, "layers.txt")) {
    const files = await withWeights(layersTopology(input, options["sequential"] === true));
    const imported = (topology: unknown): string => {
      const json = { ...files.json, modelTopology: topology };
      const { value, diagnostics } = importTfjs(JSON.stringify(json), { openData: openShards(files) });
      return value ? printGraph(value) : render(diagnostics, new Map(), { color: false });
    };
    expect(imported(keras3(files.json["modelTopology"])), name).toBe(imported(files.json["modelTopology"]));
  }
});

// TensorFlow.js has no such padding: zeros before the first step do the same.
test("a causal convolution sees what came before", async () => {
  const layer = '{"filters": 2, "kernel_size": 3, "dilation_rate": 2, "padding": "causal"}';
  const net = (padding: string, steps: number): object =>
    layersTopology(
      `x = InputLayer {"batch_input_shape": [null, ${steps}, 3]}\na = Conv1D(x) ${layer.replace("causal", padding)}\noutput a`,
    );
  const files = await withWeights(net("valid", 10));
  const result = (topology: object, steps: number, from: number): number[] => {
    const json = JSON.stringify({ ...files.json, modelTopology: topology });
    const { value } = importTfjs(json, { openData: openShards(files) });
    const x = tensor([1, steps, 3], (at) => (at < from ? 0 : Math.sin(at - from)));
    return [...interpret(value!, new Map([["x", x]])).get("a")!.data];
  };
  expect(result(net("causal", 6), 6, 0)).toEqual(result(net("valid", 10), 10, 12));
});

// TensorFlow.js has no such layers; far from zero, a variance by differences of squares would be noise.
test("GroupNormalization and UnitNormalization are those of Keras", () => {
  const text = `x = InputLayer {"batch_input_shape": [null, 3, 4, 6]}
a = GroupNormalization(x) {"groups": 2, "epsilon": 0.01, "scale": false, "center": false}
b = GroupNormalization(x) {"groups": -1, "axis": 3, "epsilon": 0.01, "scale": false, "center": false}
c = UnitNormalization(x) {}
output a b c`;
  const json = JSON.stringify({ modelTopology: layersTopology(text), weightsManifest: [] });
  const { value } = importTfjs(json);
  const x = tensor([1, 3, 4, 6], (at) => 1000 + Math.sin(at));
  const results = interpret(value!, new Map([["x", x]]));
  const standard = (same: (at: number, other: number) => boolean): number[] =>
    [...x.data].map((one, at) => {
      const group = [...x.data].filter((_, other) => same(at, other));
      const mean = group.reduce((sum, value) => sum + value, 0) / group.length;
      const variance = group.reduce((sum, value) => sum + (value - mean) ** 2, 0) / group.length;
      return (one - mean) / Math.sqrt(variance + 0.01);
    });
  const close = (name: string, wanted: readonly number[]): void => {
    for (const [at, one] of wanted.entries()) expect(results.get(name)!.data[at]).toBeCloseTo(one, 8);
  };
  close(
    "a",
    standard((at, other) => Math.floor((at % 6) / 3) === Math.floor((other % 6) / 3)),
  );
  close(
    "b",
    standard((at, other) => at % 6 === other % 6),
  );
  const lengths = [...x.data].map((_, at) => Math.hypot(...x.data.slice(at - (at % 6), at - (at % 6) + 6)));
  close(
    "c",
    lengths.map((length, at) => x.data[at]! / length),
  );
});

// TensorFlow.js cannot run this layer; a ramp of 2 pixels becomes one of 4 with half pixels.
test("Resizing is that of Keras", () => {
  const topology = layersTopology(
    'x = InputLayer {"batch_input_shape": [null, 1, 2, 1]}\na = Resizing(x) {"height": 1, "width": 4}\noutput a',
  );
  const { value } = importTfjs(JSON.stringify({ modelTopology: topology, weightsManifest: [] }));
  const result = interpret(value!, new Map([["x", tensor([1, 1, 2, 1], (at) => at)]])).get("a")!;
  expect([...result.data]).toEqual([0, 0.25, 0.75, 1]);
});

test("outputs that are named cut a model", () => {
  const topology = layersTopology(
    'x = InputLayer {"batch_input_shape": [null, 4]}\na = Activation(x) {"activation": "relu"}\nb = Lambda(a) {}\noutput b',
  );
  const text = JSON.stringify({ modelTopology: topology, weightsManifest: [] });
  expect(importTfjs(text).value).toBeUndefined();
  expect(importTfjs(text, { outputs: ["a"] }).value?.graph.outputs.map(({ name }) => name)).toEqual(["a"]);
  const [misnamed] = importTfjs(text, { outputs: ["aa"] }).diagnostics;
  expect(misnamed?.code).toBe("unknown-output");
  const graph = graphModel("x = Placeholder [-1, 4]\na = Relu(x)\nb = Unique(a)\noutput b");
  const { value, diagnostics } = importTfjs(JSON.stringify(graph.json), { openData: openShards(graph) });
  expect(value).toBeUndefined();
  expect(diagnostics[0]?.help?.join(" ")).toContain("--outputs a");
  const cut = importTfjs(JSON.stringify(graph.json), { outputs: ["a"], openData: openShards(graph) });
  expect(cut.value?.graph.outputs.map(({ name }) => name)).toEqual(["a"]);
});

/** To 10⁻⁵ of the largest result; of what has counted rows, the first so many. */
function near(
  { graph }: Module,
  expected: readonly Float32Array[],
  actual: (name: string) => ArrayLike<number>,
): void {
  const names = graph.outputs.map(({ name }) => name);
  const own = names.filter((name) => !name.endsWith("_count"));
  expect(expected.length).toBe(own.length);
  for (const [at, name] of own.entries()) {
    const wanted = expected[at]!;
    const { shape } = graph.nodes.get(graph.outputs[at]!.node)!.type;
    const isCounted = names.includes(`${name}_count`);
    const rows = isCounted ? actual(`${name}_count`)[0]! : 1;
    const size = isCounted ? elements(shape.slice(1)) * rows : undefined;
    const got = Array.from(actual(name)).slice(0, size);
    expectClose(got, wanted, 1e-5 * sizeOf(wanted, 1e-30), name);
  }
}
