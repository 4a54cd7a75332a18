// Files as the commands read and write them: errors become diagnostics, and nothing is left half-written.

import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";

/** The text of a file (UTF-8), or a diagnostic that says why there is none. */
export function readText(path: string): Result<string> {
  const bytes = readBytes(path);
  if (bytes.value === undefined) return { diagnostics: bytes.diagnostics };
  try {
    return { value: new TextDecoder("utf-8", { fatal: true }).decode(bytes.value), diagnostics: [] };
  } catch {
    return {
      diagnostics: [
        error("not-text", `${path} is not UTF-8 text`, {
          help: ["a .net file is plain text; is this a model in another format?"],
        }),
      ],
    };
  }
}

/** The bytes of a file, or a diagnostic. */
export function readBytes(path: string): Result<Uint8Array> {
  try {
    return { value: readFileSync(path), diagnostics: [] };
  } catch (cause) {
    return { diagnostics: [error("cannot-read", `cannot read ${path}: ${reason(cause)}`)] };
  }
}

/** Writes beside the file and renames, so that a reader sees the old text or the new one, never a part. */
export function writeFileAtomically(path: string, data: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, data);
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause;
  }
}

/** What the system says of a failed call, in words. */
export function reason(cause: unknown): string {
  const code = (cause as { code?: unknown } | null)?.code;
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EISDIR":
      return "it is a folder";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "ENOSPC":
      return "the disk is full";
    case "ENOTDIR":
      return "a part of its path is not a folder";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
