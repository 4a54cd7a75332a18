// What the bench hands to a runtime: the file of the runtime's own format as it is, and else what Cleave writes.

import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize } from "node:v8";
import { afterAll, expect, test, vi } from "vitest";
import { judge, largestOf, publishedTolerance } from "../../bench/judge.js";
import type { BenchModel } from "../../bench/models.js";
import { dimsOf, findModel, formatOf, models } from "../../bench/models.js";
import { openModel, optimized } from "../../bench/open.js";
import type { PeerName } from "../../bench/peers.js";
import { peers } from "../../bench/peers.js";
import { prepare } from "../../bench/prepare.js";
import type { Setup, Values } from "../../bench/running.js";
import { parsePeer } from "../../bench/running.js";
import { seededRandom } from "../../src/ops/random.js";
import type { ModelFiles } from "../tfjs/text-model.js";
import { graphModel, layersTopology } from "../tfjs/text-model.js";

// Runtimes are loaded and compiled.
vi.setConfig({ testTimeout: 300_000 });

const root = mkdtempSync(join(tmpdir(), "cleave-bench-test-"));
afterAll(() => rmSync(root, { recursive: true }));

/** The outputs of peers for all samples, and what was written for them. */
async function runAll(model: BenchModel, names: readonly PeerName[]) {
  const folder = mkdtempSync(join(root, "peers-"));
  const module = openModel(model, []);
  const format = formatOf(model.file());
  prepare(
    folder,
    {
      model: module,
      folded: optimized(module, { without: ["fuse"] }),
      ...(format === undefined ? {} : { original: model.file() }),
    },
    new Set(names.map((name) => peers[name].needs)),
    (part, why) => expect.fail(`${part}: ${why}`),
  );
  const setup = deserialize(readFileSync(join(folder, "setup.bin"))) as Setup;
  const outputs = new Map<PeerName, Values[]>();
  for (const name of names) {
    const running = await peers[name].make({ folder, threads: 1, inMemory: true }, setup)();
    const own: Values[] = [];
    for (const sample of setup.samples) {
      const values = Object.entries(await running.run(sample));
      own.push(Object.fromEntries(values.map(([output, data]) => [output, data.slice()])));
    }
    await running.dispose();
    outputs.set(name, own);
  }
  return { setup, outputs, written: readdirSync(folder) };
}

function expectAgreement(outputs: ReadonlyMap<PeerName, readonly Values[]>): void {
  const times = { threads: 1, loadMs: 1, firstRunMs: 1, medianMs: 1, leastMs: 1, runs: 1, peakBytes: 1 };
  const all = [...outputs].map(([peer, own]) => ({ peer, outputs: own, ...times }));
  const judged = judge(
    all,
    () => ({}),
    (_, reference) => publishedTolerance * largestOf(reference),
  );
  expect(judged.map(({ peer, agrees }) => [peer, agrees])).toEqual(all.map(({ peer }) => [peer, true]));
}

test("onnxruntime gets the .onnx file itself, in its own layout, and all outputs come back by name", async () => {
  const model = findModel("blazeface_front")!;
  const { setup, outputs, written } = await runAll(model, ["onnxruntime-web", "cleave-simd"]);
  expect(setup.onnx).toEqual({ file: model.file(), channelsFirst: false });
  expect(written).not.toContain("model.onnx");
  expect(setup.samples).toHaveLength(3);
  expect(setup.outputs).toHaveLength(4);
  for (const own of outputs.values())
    for (const values of own) expect(Object.keys(values).toSorted()).toEqual([...setup.outputs].toSorted());
  expectAgreement(outputs);
});

/** One convolution and one product with two results, in both formats of TensorFlow.js. */
const tfjsModels = {
  layers: () => {
    const topology = layersTopology(`x = InputLayer {"batch_input_shape": [null, 8, 8, 3], "dtype": "float32"}
a = Conv2D(x) {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}
b = GlobalAveragePooling2D(a) {}
c = Dense(b) {"units": 5, "activation": "softmax"}
output a c`);
    const weights = [
      { name: "a/kernel", shape: [3, 3, 3, 4], dtype: "float32" },
      { name: "a/bias", shape: [4], dtype: "float32" },
      { name: "c/kernel", shape: [4, 5], dtype: "float32" },
      { name: "c/bias", shape: [5], dtype: "float32" },
    ];
    const random = seededRandom(3);
    const values = Float32Array.from({ length: 108 + 4 + 20 + 5 }, () => random.normal());
    return {
      json: {
        format: "layers-model",
        modelTopology: topology,
        weightsManifest: [{ paths: ["weights.bin"], weights }],
      },
      shards: new Map([["weights.bin", new Uint8Array(values.buffer)]]),
    };
  },
  graph: () =>
    graphModel(`x = Placeholder [-1, 8, 8, 3]
w = weight [3, 3, 3, 4]
m = weight [4, 5]
s = int [2] 1, 2
a = Conv2D(x, w) {"strides": [1, 2, 2, 1], "padding": "SAME", "dilations": [1, 1, 1, 1]}
b = Mean(a, s) {"keep_dims": false}
c = MatMul(b, m) {"transpose_a": false, "transpose_b": false}
output a c`),
} as const satisfies Record<string, () => ModelFiles>;

test.each(["layers", "graph"] as const)(
  "TensorFlow.js gets the model.json of a %s model itself, and onnxruntime what Cleave writes of it",
  async (kind) => {
    const { json, shards } = tfjsModels[kind]();
    const file = join(mkdtempSync(join(root, `${kind}-`)), "model.json");
    writeFileSync(file, JSON.stringify(json));
    for (const [path, bytes] of shards) writeFileSync(join(file, "..", path), bytes);
    const { setup, outputs, written } = await runAll(findModel(file)!, [
      "tfjs-cpu",
      "onnxruntime-web",
      "cleave-simd",
    ]);
    expect(setup.tfjs).toEqual({ file });
    expect(written).not.toContain("graph.bin");
    expect(written).toContain("model.onnx");
    expect(setup.outputs).toEqual(["a", "c"]);
    expectAgreement(outputs);
  },
);

test("of a .net file all get what Cleave writes", async () => {
  const { setup, outputs, written } = await runAll(findModel("fm_mobile")!, [
    "onnxruntime-web",
    "tfjs-cpu",
    "cleave-simd",
  ]);
  expect(setup.tfjs).toBeUndefined();
  expect(setup.onnx?.channelsFirst).toBe(true);
  expect(written).toEqual(expect.arrayContaining(["model.onnx", "graph.bin", "constants.bin"]));
  expectAgreement(outputs);
});

test("a file is named by what says something, and goes to the runtimes of its format", () => {
  expect(findModel("a/face/model.json")).toMatchObject({ name: "face" });
  expect(findModel("a/line.onnx")).toMatchObject({ name: "line" });
  expect(findModel("a/b.net")).toMatchObject({ name: "b" });
  expect(findModel("a/line.onnx")!.peers).not.toContain("tfjs-wasm");
  expect(findModel("a/model.json")!.peers).not.toContain("onnxruntime-web");
  expect(findModel("nothing")).toBeUndefined();
});

test("--dim goes to the models that have the dimension", () => {
  const dims = ["H=64", "p2o_DynamicDimension_1=32", "p2o_DynamicDimension_2=64"];
  expect(dimsOf(findModel("ppocr_det")!, dims)).toEqual(dims.slice(1));
  expect(dimsOf(findModel("ppocr_rec")!, dims)).toEqual(dims.slice(1, 2));
  expect(dimsOf(findModel("mobilenet_v1")!, dims)).toEqual(["H=64"]);
});

test("all peers of the models are some", () => {
  expect(models.flatMap(({ peers: names }) => names).filter((name) => !parsePeer(name, peers))).toEqual([]);
});

// nsfwjs is installed in bench/ alone.
const published = models.filter(({ name, file }) => !name.startsWith("nsfw_") && formatOf(file()) === "onnx");
test.each(published)("$name can be opened", (model) => {
  expect(existsSync(model.file())).toBe(true);
  expect(openModel(model, []).graph.outputs.length).toBeGreaterThan(0);
});
