// Reads whole files as text or bytes, within limits; errors are diagnostics.

import { readSync } from "node:fs";
import { expectText } from "#diagnostic/argument.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { bytesText } from "#ir/units.js";
import { openDataFile } from "#weights/file.js";
import { reason } from "./reason.js";

/** Largest `.net` file that is read, in bytes. */
const largestText = 64 * 2 ** 20;

/** Largest file that is read as a whole, in bytes; weights and ONNX models are read part by part and may be larger. */
const largestFile = 2 ** 30;

/** The text of a file (UTF-8), or a diagnostic. */
export function readText(path: string): Result<string> {
  expectText("readText", "a path", path);
  const bytes = readBytes(path, largestText);
  return bytes.value === undefined ? { diagnostics: bytes.diagnostics } : decodeText(bytes.value, path);
}

/** The text on stdin, or a diagnostic; input above the limit is not read to its end. */
export function readStdin(): Result<string> {
  const bytes = new Uint8Array(largestText + 1);
  let length = 0;
  try {
    for (let count = 1; count > 0 && length < bytes.length; length += count)
      count = readSync(0, bytes, length, bytes.length - length, null);
  } catch (cause) {
    return { diagnostics: [error("cannot-read", `cannot read stdin: ${reason(cause)}`)] };
  }
  if (length > largestText) return tooLarge("stdin", largestText);
  return decodeText(bytes.subarray(0, length), "stdin");
}

function decodeText(bytes: Uint8Array, name: string): Result<string> {
  try {
    return { value: new TextDecoder("utf-8", { fatal: true }).decode(bytes), diagnostics: [] };
  } catch {
    return {
      diagnostics: [
        error("not-text", `${name} is not UTF-8 text`, {
          help: ["a .net file is plain text; is this a model in another format?"],
        }),
      ],
    };
  }
}

/** The bytes of a file of at most `most` bytes, or a diagnostic. Pipes and devices are errors, since they may have no end. */
export function readBytes(path: string, most: number = largestFile): Result<Uint8Array> {
  expectText("readBytes", "a path", path);
  try {
    const file = openDataFile(path);
    if (file.size > most) return tooLarge(path, most);
    return { value: file.read(0, file.size), diagnostics: [] };
  } catch (cause) {
    return { diagnostics: [error("cannot-read", `cannot read ${path}: ${reason(cause)}`)] };
  }
}

function tooLarge(name: string, most: number): Result<never> {
  const help =
    most === largestText ? ["put large constants into a weight file, which a net names with `weights`"] : [];
  const message = `${name} is larger than ${bytesText(most)}, the limit for such a file`;
  return { diagnostics: [error("too-large", message, { help })] };
}
