// Encodes a model piece by piece, so that not all weights have to be in memory at once. The fields of a message may be in any order, so a
// graph is written as its small parts followed by its initializers.

import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { elements } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import type { GraphProto, ModelProto } from "#onnx/proto/onnx_pb.js";
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from "#onnx/proto/onnx_pb.js";
import type { Initializer } from "./builder.js";
import type { FileType } from "./element-type.js";
import { fileTypes } from "./element-type.js";

/** Field numbers of onnx.proto. */
const field = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const;

/** A model whose bytes are made when they are requested. */
export interface Encoded {
  /** The size in bytes. */
  readonly size: number;
  /** The file, in order. */
  pieces(): Iterable<Uint8Array>;
}

/** `model` has no graph, and `graph` has no initializers: these follow. */
export function encode(
  model: ModelProto,
  graph: GraphProto,
  initializers: readonly Initializer[],
  weights: WeightStore,
): Encoded {
  const small = toBinary(GraphProtoSchema, graph);
  const tensors = initializers.map((one) => ({ one, ...headOf(one) }));
  const graphSize = tensors.reduce((sum, { head, bytes }) => sum + head.length + bytes, small.length);
  const start = concat(toBinary(ModelProtoSchema, model), lengthOf(field.modelGraph, graphSize), small);
  return {
    size: start.length + graphSize - small.length,
    *pieces() {
      yield start;
      for (const { one, head } of tensors) {
        yield head;
        yield dataOf(one, weights);
      }
    },
  };
}

/** All bytes of an initializer before its values, and the number of bytes of the values. */
function headOf({ name, shape, element }: Initializer): { head: Uint8Array; bytes: number } {
  const type = fileTypes[element];
  const bytes = elements(shape) * type.bytes;
  const tensor = create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: type.number });
  const fields = toBinary(TensorProtoSchema, tensor);
  const raw = lengthOf(field.tensorRawData, bytes);
  const whole = fields.length + raw.length + bytes;
  return { head: concat(lengthOf(field.graphInitializer, whole), fields, raw), bytes };
}

/** The array of the elements of a type; raw data are little-endian, as is every machine that runs JavaScript today. */
const arrays: Readonly<Record<FileType, (values: ArrayLike<number>) => ArrayBufferView>> = {
  f32: (values) => (values instanceof Float32Array ? values : Float32Array.from(values)),
  // The values are codes: the 16 bits of each half.
  f16: (values) => Uint16Array.from(values),
  u8: (values) => Uint8Array.from(values),
  i8: (values) => Int8Array.from(values),
  i16: (values) => Int16Array.from(values),
  i32: (values) => Int32Array.from(values),
  i64: (values) => BigInt64Array.from(Array.from(values), BigInt),
};

function dataOf({ values, element }: Initializer, weights: WeightStore): Uint8Array {
  const data = arrays[element]("weight" in values ? weights.readF32(values.weight) : values.data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The tag and the length of a field of bytes. */
function lengthOf(number: number, bytes: number): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(bytes).finish();
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
