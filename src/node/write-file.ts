// Writes one file atomically, and never over an input.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  realpathSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { expectArgument, expectList, expectText } from "#diagnostic/argument.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Interruptible } from "#diagnostic/interruptible.js";
import { fileBatch, makeFolder } from "./file-batch.js";
import { reason } from "./reason.js";

/** A file that was written. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Writes a temporary file and renames it, so that a reader sees the old text or the new one, never a part. A file of `inputs`
 * is never overwritten. Missing folders are created. A path that is not a regular file, such as a pipe or /dev/null, is written directly.
 */
export function writeFileAtomically(
  path: string,
  data: string | Uint8Array,
  inputs: readonly string[] = [],
): Result<true> {
  expectText("writeFileAtomically", "a path", path);
  const isData = typeof data === "string" || data instanceof Uint8Array;
  expectArgument("writeFileAtomically", "a text or bytes", data, isData);
  expectList("writeFileAtomically", "a list of paths", inputs);
  const clash = clashOf([path], inputs, "file");
  if (clash) return clash;
  const batch = fileBatch();
  try {
    // Writes the target of a link, so that the link stays, and keeps the permissions.
    const target = realPath(path);
    const old = statSync(target, { throwIfNoEntry: false });
    if (old?.isDirectory()) throw new Error("it is a folder");
    if (old && !old.isFile()) writeFileSync(target, data);
    else {
      makeFolder(dirname(target));
      writeFileSync(batch.begin(target), data, old ? { mode: old.mode } : {});
    }
    batch.commit();
    return { value: true, diagnostics: [] };
  } catch (cause) {
    return { diagnostics: [error("cannot-write", `cannot write ${path}: ${reason(cause)}`)] };
  } finally {
    batch.undo();
  }
}

/** Writes a file piece by piece and returns its length in bytes. `onPiece` is called with the number of pieces written so far. */
export function* writePieces(
  path: string,
  pieces: Iterable<Uint8Array>,
  onPiece?: (count: number) => void,
): Interruptible<number> {
  const descriptor = openSync(path, "w");
  let [bytes, count] = [0, 0];
  try {
    for (const piece of pieces) {
      for (let from = 0; from < piece.length;) from += writeSync(descriptor, piece, from);
      bytes += piece.length;
      count += 1;
      onPiece?.(count);
      yield;
    }
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}

/** The error if a path to be written is that of an input. */
export function clashOf(
  paths: readonly string[],
  inputs: readonly string[],
  another: "file" | "folder" = "folder",
): Result<never> | undefined {
  const inputPaths = new Set(inputs.map(realPath));
  const clash = paths.find((path) => inputPaths.has(realPath(path)));
  if (clash === undefined) return undefined;
  return {
    diagnostics: [
      error("output-is-input", `${clash} is an input of this command`, {
        help: [`give another ${another} with -o`],
      }),
    ],
  };
}

/** The error if a file cannot be written later, as far as this is known in advance, so that minutes of work are not lost. */
export function unwritable(path: string): Result<never> | undefined {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error("it is a folder");
    let folder = dirname(path);
    while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`);
    accessSync(folder, constants.W_OK);
    return undefined;
  } catch (cause) {
    return { diagnostics: [error("cannot-write", `cannot write ${path}: ${reason(cause)}`)] };
  }
}

/** The path with links resolved, or unchanged if it does not exist. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
