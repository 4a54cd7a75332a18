// ONNX models as text, for cases: inputs, a line for each node with its attributes, outputs.

import type { AttributeProto, ModelProto, NodeProto, ValueInfoProto } from "#onnx/proto/onnx_pb.js";

export function printModel({ graph }: ModelProto): string {
  const shapes = new Map(
    [...graph!.input, ...graph!.output, ...graph!.valueInfo].map((info) => [info.name, shapeOf(info)]),
  );
  for (const { name, dims } of graph!.initializer) shapes.set(name, dims.join("×"));
  const used = (name: string): string => (name === "" ? "_" : name);
  return [
    ...graph!.input.map((info) => `input ${info.name} ${shapeOf(info)}`),
    ...graph!.initializer.map(
      ({ name, dims, dataType }) => `weight ${name} [${dims.join(", ")}]${dataType === 7 ? " int64" : ""}`,
    ),
    ...graph!.node.map(
      (node: NodeProto) =>
        `${node.output.join(", ")} = ${node.opType}(${node.input.map(used).join(", ")})${node.attribute.map(printAttribute).join("")}${node.docString === "" ? "" : `  # ${node.docString}`}`,
    ),
    ...graph!.output.map((info) => `output ${info.name} ${shapeOf(info)}`),
  ].join("\n");
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
