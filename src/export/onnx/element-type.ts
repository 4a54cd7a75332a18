// ONNX's element types, by their number in the file.

import type { DType } from "#ir/type.js";

/** The element types of values and initializers: those of graphs, halves of weights, and the integers of ONNX's shapes and axes. */
export type FileType = DType | "f16" | "i64";

/** The number of a type in `TensorProto.data_type`, and the bytes of an element. */
export const fileTypes: Readonly<Record<FileType, { readonly number: number; readonly bytes: number }>> = {
  f32: { number: 1, bytes: 4 },
  f16: { number: 10, bytes: 2 },
  u8: { number: 2, bytes: 1 },
  i8: { number: 3, bytes: 1 },
  i16: { number: 5, bytes: 2 },
  i32: { number: 6, bytes: 4 },
  i64: { number: 7, bytes: 8 },
};

/** Whether the file has values of a type as integers: other integers are floats there, since ONNX cannot quantize to 32 bits. */
export function isByte(dtype: DType): dtype is "i8" | "u8" {
  return dtype === "i8" || dtype === "u8";
}
