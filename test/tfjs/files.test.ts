// Weights in shards: cut anywhere, quantized, and manifests that do not fit their files.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { interpret } from "#interpret/interpret.js";
import { inputNodes } from "#ir/graph.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { floatToHalf } from "#weights/half.js";
import { printGraph } from "#inspect/lift.js";
import { readModel, writeNet } from "../../src/node/index.js";
import { expectClose, sizeOf } from "../close.js";
import { peerResults } from "./peer.js";
import type { ModelFiles } from "./text-model.js";
import { graphModel, openShards } from "./text-model.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-tfjs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plain = graphModel(`x = Placeholder [-1, 4, 4, 3]
w = weight [3, 3, 3, 5]
b = weight [5]
a = Conv2D(x, w) {"strides": [1, 1, 1, 1], "padding": "SAME", "dilations": [1, 1, 1, 1], "data_format": "NHWC"}
y = BiasAdd(a, b)
output y`);
const bytes = plain.shards.get("weights.bin")!;
const random = seededRandom(3);
const image = Float32Array.from({ length: 48 }, () => random.normal());

function resultOf(module: Module): Float64Array {
  const [input] = inputNodes(module.graph);
  const values = new Map([[input!.name, tensor(input!.type.shape, (at) => image[at]!)]]);
  return [...interpret(module, values).values()][0]!.data;
}

interface Group {
  paths: string[];
  weights: Record<string, unknown>[];
}

/** The model with another manifest. */
function changed(
  change: (group: Group) => void,
  shards: ReadonlyMap<string, Uint8Array> = plain.shards,
): ModelFiles {
  const json = structuredClone(plain.json);
  change((json["weightsManifest"] as Group[])[0]!);
  return { json, shards };
}

function imported(files: ModelFiles): Module {
  const { value, diagnostics } = importTfjs(JSON.stringify(files.json), { openData: openShards(files) });
  expect(diagnostics).toEqual([]);
  return value!;
}

/** Writes a model into a new folder and returns the path of its model.json. */
function written(name: string, { json, shards }: ModelFiles): string {
  mkdirSync(join(folder, name), { recursive: true });
  for (const [path, data] of shards) writeFileSync(join(folder, name, path), data);
  const path = join(folder, name, "model.json");
  writeFileSync(path, JSON.stringify(json));
  return path;
}

test("weights may lie across shards", () => {
  const shards = new Map([
    ["a", bytes.slice(0, 7)],
    ["b", bytes.slice(7, 300)],
    ["c", bytes.slice(300)],
  ]);
  const files = changed((group) => (group.paths = ["a", "b", "c"]), shards);
  const { value, diagnostics } = readModel(written("shards", files));
  expect(diagnostics).toEqual([]);
  expect([...resultOf(value!)]).toEqual([...resultOf(imported(plain))]);
  expect(value!.files.map((path) => path.slice(-2))).toEqual(["on", "/a", "/b", "/c"]);
  expect(value!.name).toBe("shards");
});

test("a dump names the model as its weights, and is that model when it is read again", () => {
  const { value } = readModel(written("dumped", plain));
  const path = join(folder, "dumped", "dump.net");
  writeFileSync(path, printGraph(value!, { weightsPath: () => "model.json" }));
  const { value: again, diagnostics } = readModel(path);
  expect(diagnostics).toEqual([]);
  expect([...resultOf(again!)]).toEqual([...resultOf(value!)]);
});

test("import writes a net with its weights, which computes the same", () => {
  const { value } = readModel(written("whole", plain));
  const path = join(folder, "whole.net");
  expect(writeNet(value!, path).diagnostics).toEqual([]);
  expect([...resultOf(readModel(path).value!)]).toEqual([...resultOf(value!)]);
  expect(readFileSync(path, "utf8")).toContain("net whole");
});

test.each(["uint8", "uint16", "float16"])(
  "weights of %s are those that TensorFlow.js makes of them",
  async (dtype) => {
    const count = bytes.length / 4;
    const [scale, min] = [dtype === "uint8" ? 0.011 : 0.000_043, -1.4];
    const stored =
      dtype === "uint8"
        ? Uint8Array.from({ length: count }, () => random.int(0, 255))
        : Uint16Array.from({ length: count }, () =>
            dtype === "uint16" ? random.int(0, 65_535) : floatToHalf(random.normal()),
          );
    const quantization = dtype === "float16" ? { dtype } : { dtype, scale, min };
    const files = changed(
      ({ weights }) => {
        for (const weight of weights) weight["quantization"] = quantization;
      },
      new Map([["weights.bin", new Uint8Array(stored.buffer)]]),
    );
    const [expected] = await peerResults(files, new Map([["x", { data: image, shape: [1, 4, 4, 3] }]]));
    const actual = resultOf(imported(files));
    expectClose(actual, expected!, 1e-5 * sizeOf(expected!, 0));
  },
);

test("import writes halves as halves", () => {
  const halves = Uint16Array.from({ length: bytes.length / 4 }, () => floatToHalf(random.normal()));
  const files = changed(
    ({ weights }) => {
      for (const weight of weights) weight["quantization"] = { dtype: "float16" };
    },
    new Map([["weights.bin", new Uint8Array(halves.buffer)]]),
  );
  const { value } = readModel(written("halves", files));
  const path = join(folder, "halves.net");
  const { value: made } = writeNet(value!, path);
  expect(made!.find((one) => one.path.endsWith(".safetensors"))!.bytes).toBeLessThan(halves.byteLength + 300);
  const again = readModel(path).value!;
  expect([...resultOf(again)]).toEqual([...resultOf(value!)]);
});

describe("refused", () => {
  const [first, second] = (plain.json["weightsManifest"] as Group[])[0]!.weights;
  test.each<[string, (group: Group) => void, string]>([
    [
      "a path that leads out",
      (group) => (group.paths = ["../weights.bin"]),
      "leads out of the model's folder",
    ],
    [
      "a path from the root",
      (group) => (group.paths = ["/etc/hostname"]),
      "is not a path relative to the model",
    ],
    ["a file that is not there", (group) => (group.paths = ["nothing.bin"]), "cannot read `nothing.bin`"],
    [
      "the same shard twice",
      (group) => (group.paths = ["weights.bin", "weights.bin"]),
      "the manifest of the weights has `weights.bin` twice",
    ],
    ["two weights of one name", (group) => (group.weights = [first!, first!]), "two weights are called `w`"],
    [
      "a weight that is too large",
      (group) => (group.weights = [{ ...first, shape: [3, 3, 3, 6] }, second!]),
      "weight `w` is stored in bytes 0 to 648 of `weights.bin`, which has 560 bytes",
    ],
    [
      "a weight that is too small",
      (group) => (group.weights = [first!, { ...second, shape: [4] }]),
      "the weights take 556 bytes of `weights.bin`, which has 560 bytes",
    ],
    [
      "a negative extent",
      (group) => (group.weights = [{ ...first, shape: [-3, 3, -3, 5] }]),
      "has the impossible shape [-3, 3, -3, 5]",
    ],
    [
      "a huge extent",
      (group) => (group.weights = [{ ...first, shape: [2 ** 40, 2 ** 40] }]),
      "has more than 2^31 elements",
    ],
    [
      "a type that is not read",
      (group) => (group.weights = [{ ...first, dtype: "string" }]),
      "holds `string`",
    ],
  ])("%s", (name, change, message) => {
    const { value, diagnostics } = readModel(written(name.replaceAll(" ", "-"), changed(change)));
    expect(value).toBeUndefined();
    expect(diagnostics.map((one) => one.message).join("\n")).toContain(message);
  });

  test("a link that leads out", () => {
    const path = written(
      "link",
      changed((group) => (group.paths = ["linked.bin"]), new Map()),
    );
    writeFileSync(join(folder, "secret.bin"), bytes);
    symlinkSync(join(folder, "secret.bin"), join(folder, "link", "linked.bin"));
    const { value, diagnostics } = readModel(path);
    expect(value).toBeUndefined();
    expect(diagnostics[0]?.message).toContain("the path leads out of the model's folder");
  });
});

test("batch norms over another axis than the last are those over the last of the turned value", () => {
  const weights = ["gamma", "beta", "moving_mean", "moving_variance"];
  const model = (layers: (at: string) => object[], last: string, own: string): Module => {
    const data = Float32Array.from({ length: 16 }, (_, at) => 0.3 + ((at * 7) % 5));
    const specs = weights.map((name) => ({ name: `${own}/${name}`, shape: [4], dtype: "float32" }));
    return imported({
      json: {
        modelTopology: {
          class_name: "Model",
          config: {
            layers: [
              { class_name: "InputLayer", config: { name: "x", batch_input_shape: [null, 4, 4, 3] } },
              ...layers("x"),
            ],
            input_layers: [["x", 0, 0]],
            output_layers: [[last, 0, 0]],
          },
        },
        weightsManifest: [{ paths: ["w"], weights: specs }],
      },
      shards: new Map([["w", new Uint8Array(data.buffer)]]),
    });
  };
  const layer = (class_name: string, name: string, from: string, config: object): object => ({
    class_name,
    name,
    config: { name, ...config },
    inbound_nodes: [[[from, 0, 0, {}]]],
  });
  const direct = model((x) => [layer("BatchNormalization", "n", x, { axis: 1 })], "n", "n");
  const turned = model(
    (x) => [
      layer("Permute", "p", x, { dims: [2, 3, 1] }),
      layer("BatchNormalization", "n", "p", { axis: -1 }),
      layer("Permute", "q", "n", { dims: [3, 1, 2] }),
    ],
    "q",
    "n",
  );
  expect([...resultOf(direct)]).toEqual([...resultOf(turned)]);
});
