// Tensors of a file, read when they are asked for.

import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { ReadF32 } from "#ir/weights.js";
import type { Builder } from "./builder.js";
import { smallLimit } from "./builder.js";
import type { ElementType } from "./element-type.js";
import { valueOf } from "./lowering.js";
import { cleanName } from "./names.js";
import { quote, refuse } from "./refusal.js";
import type { Value } from "./value.js";

/** Most elements of a tensor; it is what a graph can address. */
const largest = 2 ** 31;

/** A tensor of the file, whose values have not been read. */
export interface FileTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  /** All values, in reading order. Integers above 2⁵³ are rounded. */
  numbers(): Float64Array;
  readonly readF32: ReadF32;
}

/** The number of elements of a tensor of a file. Refuses extents that no tensor has. */
export function countOf(name: string, shape: Shape): number {
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0))
    refuse("bad-model", `tensor ${quote(name)} has the shape [${shape.join(", ")}]`);
  // The product of huge extents is inexact or ∞, and then larger than any file.
  const count = shape.includes(0) ? 0 : elements(shape);
  if (count > largest)
    refuse("bad-model", `tensor ${quote(name)} [${shape.join(", ")}] has more than 2^31 elements`);
  return count;
}

/** A tensor as a value: integers and small ones are at hand, others are entries that read the file. */
export function fileConstant(build: Builder, tensor: FileTensor, file: string, key: string): Value {
  const { type, shape } = tensor;
  const name = cleanName(key) ?? "weight";
  const count = elements(shape);
  if (count === 0 || (type.kind !== "float" && count <= smallLimit))
    return valueOf(build.literal(tensor.numbers(), shape), type);
  const source = { kind: "file", file, key, read: tensor.readF32 } as const;
  const id = build.store.add(name, { dtype: "f32", shape }, source);
  return valueOf(build.stored(id, shape, id), type);
}

/** Readers of little-endian elements. */
export function rawReaders(
  bytes: () => Uint8Array,
  count: number,
  type: ElementType,
): Pick<FileTensor, "numbers" | "readF32"> {
  const fill = (out: Float32Array | Float64Array): void => {
    const raw = bytes();
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    for (let at = 0; at < count; at += 1) out[at] = type.get(view, at * type.size);
  };
  return {
    numbers: () => {
      const out = new Float64Array(count);
      fill(out);
      return out;
    },
    readF32: (into) => {
      if (type.name !== "float32") {
        const out = room(count, into);
        fill(out);
        return out;
      }
      const raw = bytes();
      if (!into && raw.byteOffset % 4 === 0) return new Float32Array(raw.buffer, raw.byteOffset, count);
      const out = room(count, into);
      new Uint8Array(out.buffer, out.byteOffset, count * 4).set(raw);
      return out;
    },
  };
}

/** Room for so many elements, in what was given if it is long enough. */
export function room(count: number, into: Float32Array | undefined): Float32Array {
  return into && into.length >= count ? into.subarray(0, count) : new Float32Array(count);
}
