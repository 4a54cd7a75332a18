// Files next to a model that hold its weights.

import { expectArgument } from "#diagnostic/argument.js";

/** An open file with external data. */
export interface DataFile {
  /** The size in bytes. */
  readonly size: number;
  /** Reads `length` bytes from `offset`, into `into` if it is given. Throws an `Error` that names the file if the file is gone. */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array;
}

/** Opens a file with external data by its location relative to the model. Throws an `Error` that says why it cannot. */
export type OpenData = (location: string) => DataFile;

/** Why a location does not name a file next to the model; undefined if it does. */
export function wrongLocation(location: string): string | undefined {
  if (location === "") return "names no file";
  if (/^[/\\]|^[A-Za-z]:|\0/.test(location)) return "is not a path relative to the model";
  return location.split(/[/\\]/).includes("..") ? "leads out of the model's folder" : undefined;
}

/** Bytes in memory as such a file. */
export function dataFileOf(bytes: Uint8Array): DataFile {
  expectArgument("dataFileOf", "the bytes of a file", bytes, bytes instanceof Uint8Array);
  return {
    size: bytes.length,
    read: (offset, length, into) => {
      const part = bytes.subarray(offset, offset + length);
      if (!into) return part;
      into.set(part);
      return into;
    },
  };
}
