// Published models, imported, put through all passes and exported: onnxruntime gives the same for the old file and the new one.

import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import * as ort from "onnxruntime-web";
import { expect } from "vitest";
import { optimize } from "#compile/optimize.js";
import { exportOnnx } from "#export/onnx/export-onnx.js";
import { inputNodes } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { ModelProtoSchema } from "#onnx/proto/onnx_pb.js";
import { seededRandom } from "#ops/random.js";
import { cases } from "../cases.js";
import { countsOf, largestDifference, readPublished } from "./published.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

/** What outputs may differ by, as a part of the largest value: these nets are up to 150 layers of f32 on both sides. */
const tolerance = 1e-3;

// A case names a file in node_modules, and its open sizes; the expectation counts the operators before and after.
cases(
  import.meta.dirname,
  "exported.txt",
  async (input) => {
    const { path, model } = readPublished(input);
    const bytes = readFileSync(path);
    const { value, diagnostics } = exportOnnx(optimize(model).value!.module);
    expect(diagnostics).toEqual([]);
    const again = Buffer.concat([...value!.pieces()]);
    const random = seededRandom(1);
    const feeds = inputNodes(model.graph).map(({ type }) => {
      const data = Float32Array.from({ length: elements(type.shape) }, () => random.normal());
      return [data, type.shape] as const;
    });
    const [wanted, actual] = [await resultsOf(bytes, feeds), await resultsOf(again, feeds)];
    expect(Object.keys(actual)).toEqual(Object.keys(wanted));
    for (const [name, { data, dims: shape }] of Object.entries(wanted)) {
      expect(actual[name]!.dims, name).toEqual(shape);
      const difference = largestDifference(actual[name]!.data as Float32Array, data as Float32Array);
      expect(difference, name).toBeLessThan(tolerance);
    }
    return `before: ${operatorsOf(bytes)}\nafter: ${operatorsOf(again)}`;
  },
  120_000,
);

async function resultsOf(
  bytes: Uint8Array,
  feeds: readonly (readonly [data: Float32Array, shape: readonly number[]])[],
): Promise<ort.InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(bytes);
  // The names of inputs may be others in our language; their order is the same.
  const tensors = feeds.map(
    ([data, shape], at) => [session.inputNames[at]!, new ort.Tensor("float32", data, shape)] as const,
  );
  return session.run(Object.fromEntries(tensors));
}

function operatorsOf(bytes: Uint8Array): string {
  return countsOf(fromBinary(ModelProtoSchema, bytes).graph!.node.map(({ opType }) => opType));
}
