// Files beside a model that its weights lie in.

import { expectArgument } from "#diagnostic/argument.js";

/** A file with external data, open to be read. */
export interface DataFile {
  /** In bytes. */
  readonly size: number;
  /** `length` bytes from `offset` on, in `into` if it is given; throws an `Error` that names the file if they are gone. */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array;
}

/** Opens files with external data by their location, which is relative to the model; throws an `Error` that says why not. */
export type OpenData = (location: string) => DataFile;

/** Why a location is not a file beside the model. */
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
