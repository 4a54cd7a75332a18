// Small models in both formats of TensorFlow.js, for tests of the bench.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "#ops/random.js";
import type { ModelFiles } from "../tfjs/text-model.js";
import { graphModel, layersTopology } from "../tfjs/text-model.js";

/** One convolution and one product with two results, in both formats of TensorFlow.js. */
const models = {
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

/** Writes a model into a folder; the path of its model.json. */
export function writeTfjsModel(folder: string, kind: keyof typeof models): string {
  const { json, shards } = models[kind]();
  const file = join(folder, "model.json");
  writeFileSync(file, JSON.stringify(json));
  for (const [path, bytes] of shards) writeFileSync(join(folder, path), bytes);
  return file;
}
