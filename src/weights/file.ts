// Weight files on disk, read lazily: opening reads the header alone, and each tensor is read when it is packed.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { decode, headerLength, isReadable, parseHeader } from "./safetensors.js";

/** An opened weight file; tensors of types that cannot be read are left out and listed in `unreadable`. */
export interface OpenedWeights {
  readonly file: string;
  readonly entries: ReadonlyMap<
    string,
    { readonly shape: readonly number[]; readonly read: () => Float32Array }
  >;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Opens a safetensors file; what is wrong with it is a diagnostic. Reading an entry later throws if the file was changed. */
export function openWeightFile(path: string): Result<OpenedWeights> {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === "ENOENT";
    return {
      diagnostics: [
        error(
          "cannot-read",
          `cannot read ${path}: ${missing ? "there is no such file" : (cause as Error).message}`,
        ),
      ],
    };
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return { diagnostics: [error("cannot-read", `cannot read ${path}: it is no file`)] };
    const length = headerLength(readAt(descriptor, 0, Math.min(8, stat.size)), stat.size, path);
    if (length.value === undefined) return { diagnostics: length.diagnostics };
    const header = parseHeader(readAt(descriptor, 8, length.value), stat.size, path);
    if (header.value === undefined) return { diagnostics: header.diagnostics };
    const entries = new Map(
      [...header.value.tensors]
        .filter(([, slice]) => isReadable(slice.dtype))
        .map(
          ([key, { dtype, shape, begin, end }]) =>
            [key, { shape, read: () => decode(dtype, readSlice(path, begin, end, key)) }] as const,
        ),
    );
    return { value: { file: path, entries, metadata: header.value.metadata }, diagnostics: [] };
  } finally {
    closeSync(descriptor);
  }
}

function readSlice(path: string, begin: number, end: number, key: string): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const bytes = readAt(descriptor, begin, end - begin);
    if (bytes.length < end - begin) throw new Error(`${path} was cut while it was in use: ${key} is gone`);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** Up to `length` bytes from a place; fewer at the file's end. A buffer of its own, so that it is aligned. */
function readAt(descriptor: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(descriptor, bytes, done, length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}
