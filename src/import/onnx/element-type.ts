// ONNX's element types: their names, sizes and how their bytes become numbers.

import { floatToHalf, halfToFloat } from "#weights/half.js";
import type { ElementType } from "#import/element-type.js";
import { bool, float, float16, float32, int, int32, int64 } from "#import/element-type.js";

const bits = new DataView(new ArrayBuffer(4));
/** A bfloat16 is the upper half of an f32. */
function bfloat16(value: number): number {
  bits.setUint32(0, (value & 0xffff) << 16);
  return bits.getFloat32(0);
}

/** The nearest bfloat16, ties to even: half of the lower bits is added, and the carry rounds up. */
function toBfloat16(value: number): number {
  bits.setFloat32(0, value);
  const all = bits.getUint32(0);
  if (Number.isNaN(value)) return value;
  return bfloat16((all + 0x7fff + ((all >>> 16) & 1)) >>> 16);
}

const toHalf = (value: number): number => halfToFloat(floatToHalf(value));

/** Element types by their number in `TensorProto.data_type`. Strings, complex numbers and types below 8 bits are not supported. */
export const elementTypes: ReadonlyMap<number, ElementType> = new Map([
  [1, float32],
  [2, int("uint8", 1, 0, 255, (view, at) => view.getUint8(at))],
  [3, int("int8", 1, -128, 127, (view, at) => view.getInt8(at))],
  [4, int("uint16", 2, 0, 65_535, (view, at) => view.getUint16(at, true))],
  [5, int("int16", 2, -32_768, 32_767, (view, at) => view.getInt16(at, true))],
  [6, int32],
  [7, int64],
  [9, bool],
  [10, { ...float16, round: toHalf }],
  [
    11,
    float(
      "float64",
      8,
      (view, at) => view.getFloat64(at, true),
      (value) => value,
    ),
  ],
  [12, int("uint32", 4, 0, 2 ** 32 - 1, (view, at) => view.getUint32(at, true))],
  [13, int("uint64", 8, 0, 2 ** 64, (view, at) => Number(view.getBigUint64(at, true)))],
  [16, float("bfloat16", 2, (view, at) => bfloat16(view.getUint16(at, true)), toBfloat16, bfloat16)],
]);

/** The name of a data type that is not in the table, for messages. */
export function typeName(dataType: number): string {
  const names: Readonly<Record<number, string>> = {
    0: "undefined",
    8: "string",
    14: "complex64",
    15: "complex128",
    17: "float8e4m3fn",
    18: "float8e4m3fnuz",
    19: "float8e5m2",
    20: "float8e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4e2m1",
  };
  return elementTypes.get(dataType)?.name ?? names[dataType] ?? `type ${dataType}`;
}
