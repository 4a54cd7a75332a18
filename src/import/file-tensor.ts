// Tensors of a file, which are read when they are needed.

import type { CompactForm } from "#ir/compact.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { given } from "#diagnostic/given.js";
import type { ReadF32 } from "#ir/weights.js";
import type { ImportBuilder } from "./builder.js";
import { smallLimit } from "./builder.js";
import { rankLimit } from "./options/dimensions.js";
import type { ElementType } from "./element-type.js";
import { valueOf } from "./lowering.js";
import { cleanName } from "./names.js";
import { quote, refuse } from "./refusal.js";
import type { Value } from "./value.js";

/** The most elements of a tensor; a graph cannot address more. */
const largest = 2 ** 31;

/** A tensor of the file, whose values have not been read yet. */
export interface FileTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  /** All values, in reading order. Integers above 2⁵³ are rounded. */
  numbers(): Float64Array;
  readonly readF32: ReadF32;
  /** How the file stores the values, if it stores floats in fewer bits than f32. */
  readonly form?: CompactForm;
}

/** How the values of a tensor are read. */
export type Readers = Pick<FileTensor, "numbers" | "readF32" | "form">;

/** The number of elements of a tensor of a file. Refuses impossible extents. */
export function countOf(name: string, shape: Shape): number {
  if (shape.length > rankLimit) refuse("bad-model", `tensor ${quote(name)} has ${shape.length} axes`);
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0))
    refuse("bad-model", `tensor ${quote(name)} has the impossible shape [${shape.join(", ")}]`);
  // The product of huge extents is inexact or ∞, and in both cases larger than any file.
  const count = shape.includes(0) ? 0 : elements(shape);
  if (count > largest)
    refuse("bad-model", `tensor ${quote(name)} [${shape.join(", ")}] has more than 2^31 elements`);
  return count;
}

/**
 * The most integers whose values are kept in memory, such as shapes, places and sizes. Larger tensors are weights of few bits, which would
 * take eight times their size in memory.
 */
const intsAtHand = 1024;

/** A tensor as a value. A few integers are read immediately; other tensors become entries of the store that read the file later. */
export function fileConstant(build: ImportBuilder, tensor: FileTensor, file: string, key: string): Value {
  const { type, shape } = tensor;
  const name = cleanName(key) ?? "weight";
  const count = elements(shape);
  if (count === 0 || (type.kind !== "float" && count <= intsAtHand))
    return valueOf(build.literal(tensor.numbers(), shape), type);
  const source = { kind: "file", file, key, read: tensor.readF32, ...given({ form: tensor.form }) } as const;
  const id = build.store.add(name, { dtype: "f32", shape }, source);
  // The store holds doubles with less precision than the file.
  const isDouble = type.name === "float64" && count <= smallLimit;
  return valueOf(build.stored(id, shape, id, isDouble ? () => tensor.numbers() : undefined), type);
}

/** Reads `length` bytes of a tensor's data from `offset`, into `into` if it is given. */
export type ReadBytes = (offset: number, length: number, into?: Uint8Array) => Uint8Array;

/** How many bytes are read at a time where elements have to be converted. */
const pieceBytes = 2 ** 20;

/** Readers of little-endian elements. */
export function rawReaders(read: ReadBytes, count: number, type: ElementType): Readers {
  const fill = (out: Float32Array | Float64Array, get = type.get): void => {
    const step = pieceBytes / type.size;
    for (let from = 0; from < count; from += step) {
      const size = Math.min(step, count - from);
      const raw = read(from * type.size, size * type.size);
      const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
      for (let at = 0; at < size; at += 1) out[from + at] = get(view, at * type.size);
    }
  };
  return {
    numbers: () => {
      const out = new Float64Array(count);
      fill(out);
      return out;
    },
    readF32: (into) => {
      if (type.name === "float32" && !into) {
        const raw = read(0, count * 4);
        if (raw.byteOffset % 4 === 0) return new Float32Array(raw.buffer, raw.byteOffset, count);
      }
      const out = room(count, into);
      if (type.name === "float32") read(0, count * 4, new Uint8Array(out.buffer, out.byteOffset, count * 4));
      else fill(out);
      return out;
    },
    ...given({ form: formOf(type, count, (out, code) => fill(out, code)) }),
  };
}

/** The form of a tensor whose codes `fill` reads. */
export function formOf(
  { kind, stored }: ElementType,
  count: number,
  fill: (out: Float32Array, code: ElementType["get"]) => void,
): CompactForm | undefined {
  if (kind !== "float" || !stored) return undefined;
  const { code, ...numbers } = stored;
  const read: ReadF32 = (into) => {
    const out = room(count, into);
    fill(out, code);
    return out;
  };
  return { ...numbers, read };
}

/** An array for `count` elements: the given memory if it is large enough, else a new one. */
export function room(count: number, into: Float32Array | undefined): Float32Array {
  return into && into.length >= count ? into.subarray(0, count) : new Float32Array(count);
}
