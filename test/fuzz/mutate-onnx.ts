// Seeded mutations of ONNX models: of their bytes, of protobuf's fields, and of what they say.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { NodeProto, TensorProto } from "#onnx/proto/onnx_pb.js";
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  ValueInfoProtoSchema,
} from "#onnx/proto/onnx_pb.js";
import type { Random } from "#ops/random.js";
import { mutateWire } from "./mutate-wire.js";

const numbers = [0n, -1n, 1n, 7n, 1n << 20n, 1n << 31n, 1n << 40n, (1n << 63n) - 1n, -(1n << 63n)];

/** A model with one to three changes. */
export function mutateModel(bytes: Uint8Array, random: Random): Uint8Array {
  let result = bytes;
  for (let change = random.int(1, 3); change > 0; change -= 1)
    result = random.pick([mutateBytes, mutateWire, mutateWire, mutateMessage, mutateMessage])(result, random);
  return result;
}

/** Bytes that are cut, changed, repeated or filled. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const result = bytes.slice();
  if (result.length === 0) return result;
  const at = random.int(0, result.length - 1);
  switch (random.int(0, 3)) {
    case 0:
      return result.subarray(0, at);
    case 1:
      for (let change = random.int(1, 5); change > 0; change -= 1)
        result[random.int(0, result.length - 1)] = random.int(0, 255);
      return result;
    case 2:
      return Uint8Array.from([...result.subarray(0, at), ...result.subarray(random.int(0, at))]);
    default:
      return result.fill(random.int(0, 255), at, at + random.int(1, 20));
  }
}

/** A model that still is one, but says something else; bytes that are none stay as they are. */
function mutateMessage(bytes: Uint8Array, random: Random): Uint8Array {
  let model;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch {
    return bytes;
  }
  const { graph } = model;
  if (!graph) return bytes;
  const { node: nodes, initializer: tensors, input: inputs } = graph;
  const names = [...nodes.flatMap(({ output }) => output), ...tensors.map(({ name }) => name), "", "nothing"];
  const change = random.int(0, 8);
  if (change <= 3 && nodes.length > 0) mutateNode(random.pick(nodes), nodes, names, random);
  else if (change <= 6 && tensors.length > 0) mutateTensor(random.pick(tensors), random);
  else if (change === 7 && inputs.length > 0) {
    const type = random.pick(inputs).type?.value;
    if (type?.case === "tensorType") {
      type.value.elemType = random.int(0, 24);
      for (const dim of type.value.shape?.dim ?? [])
        if (random.next() < 0.5) dim.value = { case: "dimValue", value: random.pick(numbers) };
    }
  } else {
    graph.output.push(create(ValueInfoProtoSchema, { name: random.pick(names) }));
    for (const opset of model.opsetImport) if (random.next() < 0.3) opset.version = BigInt(random.int(0, 30));
  }
  return toBinary(ModelProtoSchema, model);
}

const operators = [
  "Conv",
  "Reshape",
  "Gather",
  "Slice",
  "Pad",
  "Resize",
  "Expand",
  "Tile",
  "Range",
  "Concat",
  "Split",
  "Where",
  "If",
];

function mutateNode(
  node: NodeProto,
  nodes: readonly NodeProto[],
  names: readonly string[],
  random: Random,
): void {
  switch (random.int(0, 4)) {
    case 0:
      node.opType = random.pick([...operators, random.pick(nodes).opType]);
      break;
    case 1:
      node.input[random.int(0, 3)] = random.pick(names);
      for (let at = 0; at < node.input.length; at += 1) node.input[at] ??= "";
      break;
    case 2:
      node.output[0] = random.pick(names);
      break;
    case 3:
      node.attribute.pop();
      break;
    default:
      for (const attribute of node.attribute) {
        if (random.next() < 0.5) attribute.i = random.pick(numbers);
        attribute.ints = attribute.ints.map((one) => (random.next() < 0.5 ? random.pick(numbers) : one));
        if (random.next() < 0.2) attribute.ints.push(random.pick(numbers));
        attribute.f = random.pick([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e30, attribute.f]);
      }
  }
}

function mutateTensor(tensor: TensorProto, random: Random): void {
  switch (random.int(0, 4)) {
    case 0:
      tensor.dims = tensor.dims.map((extent) => (random.next() < 0.5 ? random.pick(numbers) : extent));
      break;
    case 1:
      tensor.dataType = random.int(0, 24);
      break;
    case 2:
      tensor.int64Data = tensor.int64Data.map(() => random.pick(numbers));
      break;
    case 3:
      tensor.rawData = tensor.rawData.subarray(0, random.int(0, tensor.rawData.length));
      break;
    default: {
      const fields: [string, string][] = [
        [
          "location",
          random.pick(["../../etc/passwd", "/etc/passwd", "weights.bin", "", "a\0b", "C:\\weights", "."]),
        ],
        ["offset", random.pick(["0", "-4", "99999999999999999999", "x"])],
        ["length", random.pick(["16", "-1", "1e9"])],
      ];
      tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
      tensor.externalData = fields.map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      );
    }
  }
}
