// Attributes of ONNX nodes.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AttributeProtoSchema } from "#onnx/proto/onnx_pb.js";
import { AttributeProto_AttributeType as Kind } from "#onnx/proto/onnx_pb.js";

/** Attributes by name: numbers are integers unless they are marked as `float`. */
export type Attributes = Readonly<
  Record<string, number | string | readonly number[] | { readonly float: number }>
>;

/** Attributes as messages. */
export function attributeProtos(attributes: Attributes): MessageInitShape<typeof AttributeProtoSchema>[] {
  return Object.entries(attributes).map(([name, value]) => {
    if (typeof value === "number") return { name, type: Kind.INT, i: BigInt(value) };
    if (typeof value === "string") return { name, type: Kind.STRING, s: new TextEncoder().encode(value) };
    if ("float" in value) return { name, type: Kind.FLOAT, f: value.float };
    return { name, type: Kind.INTS, ints: value.map(BigInt) };
  });
}
