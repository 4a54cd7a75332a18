// The extents of a model's inputs as its file has them.

import type { Extent } from "#import/options/dimensions.js";
import { namelessSymbol, rankLimit } from "#import/options/dimensions.js";
import { symbolName } from "#import/names.js";
import type { TypeProto, ValueInfoProto } from "#onnx/proto/onnx_pb.js";

/**
 * The extents of an input's type; extents without a name get the symbols `N` at axis 0 and `input_axis` elsewhere. A string says what is
 * wrong.
 */
export function extentsOf(input: ValueInfoProto): readonly Extent[] | string {
  const tensor = tensorType(input.type);
  if (!tensor) return "is not a tensor";
  if (!tensor.shape) return "has no shape, not even a number of axes";
  if (tensor.shape.dim.length > rankLimit) return `has ${tensor.shape.dim.length} axes`;
  const extents: Extent[] = [];
  for (const [axis, { value }] of tensor.shape.dim.entries()) {
    const number = value.case === "dimValue" ? Number(value.value) : 0;
    const given = value.case === "dimParam" ? symbolName(value.value) : undefined;
    if (number > 0) extents.push({ value: number });
    else if (number < -1) return `has an extent of ${number}`;
    else extents.push({ symbol: given ?? namelessSymbol(input.name, axis) });
  }
  return extents;
}

/** The tensor type of a value, if it is a tensor. */
export function tensorType(
  type: TypeProto | undefined,
): Extract<NonNullable<TypeProto["value"]>, { case: "tensorType" }>["value"] | undefined {
  return type?.value.case === "tensorType" ? type.value.value : undefined;
}
