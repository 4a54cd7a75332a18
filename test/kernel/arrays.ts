// The typed array of each element of memory.

import type { Element } from "#ir/target.js";

export const arraysOf = {
  f32: Float32Array,
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  i32: Int32Array,
} as const satisfies Record<Element, unknown>;
