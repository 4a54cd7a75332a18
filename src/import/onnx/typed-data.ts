// Reads the data of tensors from several parts of a file, and integers that are written as varints.

import { given } from "#diagnostic/given.js";
import type { DataFile } from "#import/data-file.js";
import type { ElementType } from "#import/element-type.js";
import type { ReadBytes, Readers } from "#import/file-tensor.js";
import { formOf, room } from "#import/file-tensor.js";
import type { Part } from "./split-model.js";

/** Reads the bytes of parts as if they were one after another. */
export function partReader(
  parts: readonly Part[],
  file: DataFile,
): { readonly size: number; readonly read: ReadBytes } {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const read: ReadBytes = (offset, length, into) => {
    const [only] = parts;
    if (only && parts.length === 1 && !only.bytes) return file.read(only.begin + offset, length, into);
    const out = into ?? new Uint8Array(length);
    let start = 0;
    for (const part of parts) {
      const [from, to] = [Math.max(offset - start, 0), Math.min(offset + length - start, part.length)];
      if (from < to)
        out.set(
          part.bytes ? part.bytes.slice(from, to) : file.read(part.begin + from, to - from),
          start + from - offset,
        );
      start += part.length;
    }
    return out;
  };
  return { size, read };
}

const pieceBytes = 2 ** 20;

/** Readers of varints, and the number of varints. */
export function varintReaders(
  read: ReadBytes,
  size: number,
  count: number,
  type: ElementType,
): Readers & { readonly found: number } {
  /** Calls `each` with the bytes of each piece. */
  const pieces = (each: (bytes: Uint8Array) => void): void => {
    for (let from = 0; from < size; from += pieceBytes) each(read(from, Math.min(pieceBytes, size - from)));
  };
  let found = 0;
  pieces((bytes) => {
    // A varint ends with a byte below 128.
    for (const byte of bytes) if (byte < 128) found += 1;
  });
  const fill = (out: Float32Array | Float64Array, typed = type.typed): void => {
    // The number read so far, as its lower and upper 32 bits; `shift` is the number of bits read.
    let [at, low, high, shift] = [0, 0, 0, 0];
    pieces((bytes) => {
      for (const byte of bytes) {
        const bits = byte & 127;
        if (shift < 32) low |= bits << shift;
        if (shift === 28) high |= bits >> 4;
        else if (shift > 28) high |= bits << (shift - 32);
        shift += 7;
        if (byte >= 128) continue;
        if (at < count) out[at] = typed(numberOf(low, high, type));
        at += 1;
        [low, high, shift] = [0, 0, 0];
      }
    });
  };
  return {
    found,
    numbers: () => {
      const out = new Float64Array(count);
      fill(out);
      return out;
    },
    readF32: (into) => {
      const out = room(count, into);
      fill(out);
      return out;
    },
    // Codes are written as they are; their upper bits do not count.
    ...given({ form: formOf(type, count, (out) => fill(out, (code) => code & 0xffff)) }),
  };
}

/** The value of a varint in an integer type. Types of at most 32 bits use the lower half; negative numbers are written with 64 bits. */
function numberOf(low: number, high: number, type: ElementType): number {
  if (type.name === "int64") return high * 2 ** 32 + (low >>> 0);
  return type.name === "uint64" || type.name === "uint32" ? (high >>> 0) * 2 ** 32 + (low >>> 0) : low;
}
