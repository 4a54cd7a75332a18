// Writes an ONNX model of about 100 MB into a folder, in a separate process: `large-models KIND FOLDER`. Kinds are f32, int8 with a scale
// for each channel, and external, f32 in a separate file.

import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { NodeProtoSchema, TensorProtoSchema } from "../src/onnx/proto/onnx_pb.js";
import {
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  TensorProto_DataLocation,
} from "../src/onnx/proto/onnx_pb.js";
import { seededRandom } from "../src/ops/random.js";

const [kind = "", folder = ""] = process.argv.slice(2);
const isInt8 = kind === "int8";
const random = seededRandom(1);

/** Convolutions of 3×3; each has about 9.4 MB of weights. */
const layers = 11;
const channels = isInt8 ? 1024 : 512;
const count = channels * channels * 9;

const float = 1;
const int8 = 3;
const nodes: MessageInitShape<typeof NodeProtoSchema>[] = [];
const initializers: MessageInitShape<typeof TensorProtoSchema>[] = [];
const dataName = "weights.bin";
const external = kind === "external" ? openSync(join(folder, dataName), "w") : undefined;

for (let layer = 0; layer < layers; layer += 1) {
  const weight = `conv${layer}.weight`;
  const dims = [channels, channels, 3, 3].map(BigInt);
  const data = weightBytes();
  if (external === undefined)
    initializers.push({ name: weight, dims, dataType: isInt8 ? int8 : float, rawData: data });
  else {
    writeSync(external, data);
    const place = { location: dataName, offset: `${layer * data.length}`, length: `${data.length}` };
    initializers.push({
      name: weight,
      dims,
      dataType: float,
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: Object.entries(place).map(([key, value]) => ({ key, value })),
    });
  }
  if (isInt8) dequantize(weight);
  nodes.push({
    opType: "Conv",
    name: `/conv${layer}/Conv`,
    input: [layer === 0 ? "x" : `relu${layer - 1}`, isInt8 ? `${weight}.float` : weight],
    output: [`conv${layer}`],
    attribute: [{ name: "pads", type: Kind.INTS, ints: [1n, 1n, 1n, 1n] }],
  });
  nodes.push({ opType: "Relu", name: `/relu${layer}`, input: [`conv${layer}`], output: [`relu${layer}`] });
}
if (external !== undefined) closeSync(external);

const dim = [1, channels, 14, 14].map((extent) => ({
  value: { case: "dimValue" as const, value: BigInt(extent) },
}));
const type = { value: { case: "tensorType" as const, value: { elemType: float, shape: { dim } } } };
const model = create(ModelProtoSchema, {
  irVersion: 8n,
  producerName: "cleave-bench",
  opsetImport: [{ domain: "", version: 17n }],
  graph: {
    name: "main_graph",
    node: nodes,
    initializer: initializers,
    input: [{ name: "x", type }],
    output: [{ name: `relu${layers - 1}` }],
  },
});
writeFileSync(join(folder, `${kind}.onnx`), toBinary(ModelProtoSchema, model));

/** Values of a size that keeps activations about as large as the input. */
function weightBytes(): Uint8Array {
  if (isInt8) return Uint8Array.from({ length: count }, () => random.int(0, 255));
  const spread = 2 / Math.sqrt(channels * 9);
  const values = Float32Array.from({ length: count }, () => (random.next() - 0.5) * spread);
  return new Uint8Array(values.buffer);
}

/** DequantizeLinear with a scale and a zero point for each output channel. */
function dequantize(weight: string): void {
  const scales = Float32Array.from({ length: channels }, () => 0.0001 + random.next() / 10_000);
  const [scale, zero] = [`${weight}.scale`, `${weight}.zero`];
  const dims = [BigInt(channels)];
  initializers.push({ name: scale, dims, dataType: float, rawData: new Uint8Array(scales.buffer) });
  initializers.push({ name: zero, dims, dataType: int8, rawData: new Uint8Array(channels) });
  nodes.push({
    opType: "DequantizeLinear",
    name: `/${weight}/DequantizeLinear`,
    input: [weight, scale, zero],
    output: [`${weight}.float`],
    attribute: [{ name: "axis", type: Kind.INT, i: 0n }],
  });
}
