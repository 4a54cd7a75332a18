// Writes a module as an ONNX file, computing weights as they are written: the whole file or none.

import { expectModule, expectText } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aFunction, aText, expectOptions, listOf } from "#diagnostic/options.js";
import { dirname } from "node:path";
import { version } from "#compile/version.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { ExportOptions } from "#export/onnx/export-onnx.js";
import { exportKinds, exportOnnx } from "#export/onnx/export-onnx.js";
import type { Module } from "#ir/weights.js";
import { isOnnx } from "./import-file.js";
import { fileBatch, makeFolder } from "./file-batch.js";
import { reason } from "./reason.js";
import type { Interruptible } from "#diagnostic/interruptible.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import type { WrittenFile } from "./write-file.js";
import { clashOf, writePieces } from "./write-file.js";

/** What `writeOnnx` takes. */
export interface WriteOnnxOptions extends Omit<ExportOptions, "version"> {
  /** Files that are never overwritten: those from which the module was read. */
  readonly inputs?: readonly string[];
  /** Called with the number of bytes written so far, and the number of all bytes. */
  readonly onWritten?: (done: number, all: number) => void;
}

const { version: _, ...exported } = exportKinds;

const writeKinds: OptionKinds<WriteOnnxOptions> = {
  ...exported,
  inputs: listOf("paths", aText),
  onWritten: aFunction,
};

/** An ONNX file that was written. */
export interface WrittenOnnx extends WrittenFile {
  /** The number of ONNX nodes. */
  readonly nodes: number;
}

/** Writes a module's graph and weights to `path`, which must end in `.onnx`. Weights are computed and written one by one. */
export function writeOnnx(module: Module, path: string, options: WriteOnnxOptions = {}): Result<WrittenOnnx> {
  expectModule("writeOnnx", module);
  expectText("writeOnnx", "a path", path);
  expectOptions("writeOnnx", options, writeKinds);
  return runToEnd(writeOnnxSteps(module, path, options));
}

/** `writeOnnx` as interruptible work: if it is ended between two yields, no incomplete file remains. */
export function* writeOnnxSteps(
  module: Module,
  path: string,
  { inputs = [], onWritten, ...options }: WriteOnnxOptions = {},
): Interruptible<Result<WrittenOnnx>> {
  if (!isOnnx(path)) return { diagnostics: [error("wrong-option", `${path} must end in .onnx`)] };
  const clash = clashOf([path], inputs, "file");
  if (clash) return clash;
  const { value: model, diagnostics } = exportOnnx(module, { ...options, version });
  if (!model) return { diagnostics };
  // The caller can end the work before a file exists.
  yield;
  const batch = fileBatch();
  try {
    makeFolder(dirname(path));
    const bytes = yield* writePieces(batch.begin(path), counted(model.pieces(), model.size, onWritten));
    batch.commit();
    return { value: { path, bytes, nodes: model.nodes }, diagnostics };
  } catch (cause) {
    return { diagnostics: [error("cannot-write", `cannot write ${path}: ${reason(cause)}`)] };
  } finally {
    batch.undo();
  }
}

function* counted(
  pieces: Iterable<Uint8Array>,
  all: number,
  onWritten: WriteOnnxOptions["onWritten"],
): Generator<Uint8Array> {
  let done = 0;
  for (const piece of pieces) {
    yield piece;
    done += piece.length;
    onWritten?.(done, all);
  }
}
