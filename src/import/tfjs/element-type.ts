// TensorFlow's element types as TensorFlow.js has them: integers of all sizes are int32, floats of all sizes float32.

import type { ElementType } from "#import/element-type.js";
import { bool, float32, int32 } from "#import/element-type.js";

/** Element types by TensorFlow's name, such as `DT_FLOAT`. */
export const elementTypes: ReadonlyMap<string, ElementType> = new Map([
  ...["DT_FLOAT", "DT_HALF", "DT_DOUBLE"].map((name) => [name, float32] as const),
  ...["DT_UINT8", "DT_INT8", "DT_UINT16", "DT_INT16", "DT_UINT32", "DT_INT32", "DT_UINT64", "DT_INT64"].map(
    (name) => [name, int32] as const,
  ),
  ["DT_BOOL", bool] as const,
]);
