// Weight files on disk, read lazily: opening reads only the header, and each tensor is read when it is packed.

import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { WeightFile } from "#ir/weights.js";
import type { TensorSlice } from "./safetensors.js";
import { headerLength, parseHeader, weightFile } from "./safetensors.js";

/**
 * Opens a safetensors file; problems with it are diagnostics. The file does not stay open: each read opens it
 * again, and throws an `Error` that names it if it has changed since.
 */
export function openWeightFile(path: string): Result<WeightFile> {
  const failed = (why: string): Result<WeightFile> => ({
    diagnostics: [error("cannot-read", `cannot read ${path}: ${why}`)],
  });
  try {
    // Checked before opening, since opening a pipe would wait for a writer.
    const kind = wrongKind(statSync(path));
    if (kind !== undefined) return failed(kind);
    return withFile(path, (descriptor, opened) => {
      const length = headerLength(readAt(descriptor, 0, Math.min(8, opened.size)), opened.size, path);
      if (length.value === undefined) return { diagnostics: length.diagnostics };
      const header = parseHeader(readAt(descriptor, 8, length.value), opened.size, path);
      if (!header.value) return { diagnostics: header.diagnostics };
      const read = (slice: TensorSlice, key: string, into?: Uint8Array): Uint8Array =>
        readSlice(path, opened, slice, key, into);
      return { value: weightFile(header.value, path, read), diagnostics: [] };
    });
  } catch (cause) {
    return failed(reason(cause));
  }
}

/** A file whose parts are read on demand; opening only reads its size. Throws an `Error` with the reason if that fails. */
export function openDataFile(path: string): {
  readonly size: number;
  readonly read: (offset: number, length: number, into?: Uint8Array) => Uint8Array;
} {
  let opened: Stats;
  try {
    opened = statSync(path);
  } catch (cause) {
    throw new Error(reason(cause), { cause });
  }
  const kind = wrongKind(opened);
  if (kind !== undefined) throw new Error(kind);
  return {
    size: opened.size,
    read: (offset, length, into) => {
      const slice = { dtype: "U8", shape: [length], begin: offset, end: offset + length };
      return readSlice(path, opened, slice, `bytes ${offset} to ${offset + length}`, into);
    },
  };
}

/** Why a path is not a regular file, or undefined if it is: a device or a pipe may have no end. */
function wrongKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return "it is a folder";
  return `it is not a file but a ${stats.isFIFO() ? "pipe" : stats.isSocket() ? "socket" : "device"}; write its contents to a file first`;
}

function readSlice(
  path: string,
  opened: Stats,
  { begin, end }: TensorSlice,
  key: string,
  into?: Uint8Array,
): Uint8Array {
  return withFile(path, (descriptor, now) => {
    const bytes = readAt(descriptor, begin, end - begin, into);
    if (now.size !== opened.size || now.mtimeMs !== opened.mtimeMs || bytes.length < end - begin)
      throw new Error(`${path} changed while it was in use, before \`${key}\` was read`);
    return bytes;
  });
}

function withFile<T>(path: string, use: (descriptor: number, stats: Stats) => T): T {
  const descriptor = openSync(path, "r");
  try {
    return use(descriptor, fstatSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/** Up to `length` bytes from an offset; fewer at the end of the file. Without `bytes`, the result is a new buffer, so it is aligned. */
function readAt(
  descriptor: number,
  position: number,
  length: number,
  bytes: Uint8Array = new Uint8Array(length),
): Uint8Array {
  let done = 0;
  while (done < length) {
    // One call can read at most 2 GiB.
    const wanted = Math.min(length - done, 2 ** 30);
    const count = readSync(descriptor, bytes, done, wanted, position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** The reason why a system call failed, in words. */
function reason(cause: unknown): string {
  switch ((cause as { code?: unknown } | null)?.code) {
    case "ENOENT":
    case "ENOTDIR":
      return "the file does not exist";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
