// What the bench hands to a runtime: the file of the runtime's own format as it is, and else what Cleave writes.

import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
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
import { writeTfjsModel } from "./tfjs-models.js";

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
  expect(setup.onnx?.onnx).toEqual({ file: model.file(), channelsFirst: false });
  expect(written).not.toContain("model.onnx");
  expect(setup.samples).toHaveLength(3);
  expect(setup.outputs).toHaveLength(4);
  for (const own of outputs.values())
    for (const values of own) expect(Object.keys(values).toSorted()).toEqual([...setup.outputs].toSorted());
  expectAgreement(outputs);
});

test.each(["layers", "graph"] as const)(
  "TensorFlow.js gets the model.json of a %s model itself, and onnxruntime what Cleave writes of it",
  async (kind) => {
    const file = writeTfjsModel(mkdtempSync(join(root, `${kind}-`)), kind);
    const { setup, outputs, written } = await runAll(findModel(file)!, [
      "tfjs-cpu",
      "onnxruntime-web",
      "cleave-simd",
    ]);
    expect(setup.tfjs).toEqual({ file, isGraph: kind === "graph" });
    expect(written).not.toContain("graph.json");
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
  expect(setup.onnx?.onnx.channelsFirst).toBe(true);
  expect(written).toEqual(expect.arrayContaining(["model.onnx", "graph.json", "constants.bin"]));
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
