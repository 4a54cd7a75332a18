// Weights that a TensorFlow.js model stores in 8 or 16 bits keep them in the packed file, and the net computes the same to the last bit.

import { expect, test } from "vitest";
import { emit } from "#compile/emit.js";
import { load } from "#compile/load.js";
import { optimize } from "#compile/optimize.js";
import { importTfjs } from "#import/tfjs/import-tfjs.js";
import { targets } from "#compile/targets.js";
import type { Module } from "#ir/weights.js";
import { seededRandom } from "#ops/random.js";
import { floatToHalf } from "#weights/half.js";
import type { ModelFiles } from "./text-model.js";
import { graphModel, openShards } from "./text-model.js";

// A layer alone, with a batch norm before and after, with a transpose, transposed, scaled by a number, and twice as an operand.
const plain = graphModel(`x = Placeholder [1, 8, 8, 8]
w = weight [3, 3, 8, 12]
s = positive [12]
o = weight [12]
m = weight [12]
v = positive [12]
k = weight [5, 5, 12, 2]
p = weight [1, 1, 24, 18]
s2 = positive [18]
o2 = weight [18]
m2 = weight [18]
v2 = positive [18]
t = weight [2, 2, 10, 18]
s3 = positive [10]
o3 = weight [10]
m3 = weight [10]
v3 = positive [10]
size = int [4] 1, 14, 14, 10
flat = int [2] -1, 1960
d = weight [7, 1960]
c = Conv2D(x, w) {"strides": [1, 1, 1, 1], "padding": "SAME", "dilations": [1, 1, 1, 1], "data_format": "NHWC"}
b = FusedBatchNormV3(c, s, o, m, v) {"epsilon": {"f": 0.001}, "is_training": false, "data_format": "NHWC"}
r = Relu(b)
e = DepthwiseConv2dNative(r, k) {"strides": [1, 1, 1, 1], "padding": "SAME", "dilations": [1, 1, 1, 1], "data_format": "NHWC"}
f = Conv2D(e, p) {"strides": [1, 1, 1, 1], "padding": "SAME", "dilations": [1, 1, 1, 1], "data_format": "NHWC"}
g = FusedBatchNormV3(f, s2, o2, m2, v2) {"epsilon": {"f": 0.001}, "is_training": false, "data_format": "NHWC"}
h = MaxPool(g) {"ksize": [1, 2, 2, 1], "strides": [1, 1, 1, 1], "padding": "VALID"}
u = Conv2DBackpropInput(size, t, h) {"strides": [1, 2, 2, 1], "padding": "SAME", "dilations": [1, 1, 1, 1], "data_format": "NHWC"}
n = FusedBatchNormV3(u, s3, o3, m3, v3) {"epsilon": {"f": 0.001}, "is_training": false, "data_format": "NHWC"}
q = Reshape(n, flat)
y = MatMul(q, d) {"transpose_a": false, "transpose_b": true}
output y`);

const random = seededRandom(3);

/** The model with its floats stored in fewer bits. */
function stored(dtype: string): ModelFiles {
  const json = structuredClone(plain.json);
  const [group] = json["weightsManifest"] as { weights: Record<string, unknown>[] }[];
  const bytes = plain.shards.get("weights.bin")!;
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const weight of group!.weights) {
    const count = (weight["shape"] as number[]).reduce((product, extent) => product * extent, 1);
    const raw = bytes.slice(from, from + 4 * count);
    from += 4 * count;
    if (weight["dtype"] !== "float32") {
      parts.push(raw);
      continue;
    }
    const values = new Float32Array(raw.buffer);
    const least = Math.min(...values);
    const scale = (Math.max(...values) - least) / (dtype === "uint8" ? 255 : 65_535);
    const code = dtype === "float16" ? floatToHalf : (value: number) => Math.round((value - least) / scale);
    const codes = dtype === "uint8" ? Uint8Array.from(values, code) : Uint16Array.from(values, code);
    parts.push(new Uint8Array(codes.buffer));
    weight["quantization"] = dtype === "float16" ? { dtype } : { dtype, scale, min: least };
  }
  return { json, shards: new Map([["weights.bin", new Uint8Array(Buffer.concat(parts))]]) };
}

function imported(files: ModelFiles): Module {
  const { value, diagnostics } = importTfjs(JSON.stringify(files.json), { openData: openShards(files) });
  expect(diagnostics).toEqual([]);
  return value!;
}

const image = Float32Array.from({ length: 512 }, () => random.normal());

async function bitsOf(module: Module, target: "js" | "wasm"): Promise<number[]> {
  const net = await load(emit(module, { target }), { poison: true });
  const { y } = await net.run({ x: image });
  net.dispose();
  return [...new Int32Array(y!.buffer)];
}

test.each(
  (["js", "wasm"] as const).flatMap((target) =>
    ["uint8", "uint16", "float16"].map((dtype) => [target, dtype]),
  ),
)("target %s, weights of %s", async (target, dtype) => {
  const name = target as "js" | "wasm";
  const { target: described } = targets[name];
  const model = imported(stored(dtype!));
  const kept = optimize(model, { target: described, verify: true }).value!;
  const wide = optimize(model, { target: described, weightType: "f32" }).value!;
  expect(await bitsOf(kept.module, name)).toEqual(await bitsOf(wide.module, name));
  expect(kept.approximations).toEqual([]);
  const large = kept.compact!.weights.filter(({ stored }) => stored !== "float32");
  expect(large.map(({ readers, stored, why }) => [readers[0], stored, why])).toEqual(
    ["b", "e", "g", "n", "y"].map((layer) => [expect.stringContaining(layer), dtype, undefined]),
  );
  expect(kept.compact!.weights.every(({ error }) => error === undefined)).toBe(true);
  expect(wide.compact).toBeUndefined();
  // Small weights are f32.
  const all =
    { uint8: 0.28, uint16: 0.53, float16: 0.53 }[dtype!]! * emit(wide.module, { target: name }).weightBytes;
  expect(emit(kept.module, { target: name }).weightBytes).toBeLessThan(all);
});

test("8 bits are kept where 16 are asked for, and 16 bits become 8 where 8 are", () => {
  const typesOf = (dtype: string, weightType: "f16" | "int8"): string[] => {
    const { compact } = optimize(imported(stored(dtype)), { weightType }).value!;
    return [...new Set(compact!.weights.filter(({ why }) => why === undefined).map(({ stored }) => stored))];
  };
  expect(typesOf("uint8", "f16")).toEqual(["uint8"]);
  expect(typesOf("uint8", "int8")).toEqual(["uint8"]);
  expect(typesOf("uint16", "f16")).toEqual(["uint16"]);
  expect(typesOf("float16", "int8")).toEqual(["int8"]);
});
