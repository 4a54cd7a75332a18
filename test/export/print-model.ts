// ONNX models as text, for cases: inputs, a line for each node with its attributes, outputs.

import { elementTypes } from "#import/onnx/element-type.js";
import type { AttributeProto, ModelProto, NodeProto, ValueInfoProto } from "#onnx/proto/onnx_pb.js";

export function printModel({ graph }: ModelProto): string {
  const used = (name: string): string => (name === "" ? "_" : name);
  return [
    ...graph!.input.map((info) => `input ${info.name} ${typeOf(info)}`),
    ...graph!.initializer.map(
      ({ name, dims, dataType }) => `weight ${name} [${dims.join(", ")}]${nameOf(dataType)}`,
    ),
    ...graph!.node.map(
      (node: NodeProto) =>
        `${node.output.join(", ")} = ${node.opType}(${node.input.map(used).join(", ")})${node.attribute.map(printAttribute).join("")}${node.docString === "" ? "" : `  # ${node.docString}`}`,
    ),
    ...graph!.output.map((info) => `output ${info.name} ${typeOf(info)}`),
  ].join("\n");
}

/** The name of an element type behind a space; nothing for float. */
function nameOf(dataType: number): string {
  return dataType === 1 ? "" : ` ${elementTypes.get(dataType)!.name}`;
}

function typeOf({ type, ...info }: ValueInfoProto): string {
  const element = type?.value.case === "tensorType" ? type.value.value.elemType : 0;
  return `${shapeOf({ type, ...info } as ValueInfoProto)}${nameOf(element)}`;
}

function shapeOf({ type }: ValueInfoProto): string {
  const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
  return `[${tensor?.shape?.dim.map(({ value }) => String(value.value)).join(", ")}]`;
}

function printAttribute({ name, f, i, s, ints }: AttributeProto): string {
  const value =
    ints.length > 0
      ? `[${ints.join(", ")}]`
      : s.length > 0
        ? new TextDecoder().decode(s)
        : f !== 0
          ? Number(f.toPrecision(6))
          : i;
  return ` ${name}=${value}`;
}
