// Writes a module as a `.net` file and a weight file: both files or none.

import { expectModule, expectText } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aFunction, aText, expectOptions, listOf } from "#diagnostic/options.js";
import { writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { printGraph } from "#inspect/lift.js";
import type { Module } from "#ir/weights.js";
import { ownFile } from "#weights/own-file.js";
import type { TensorToWrite } from "#weights/write-safetensors.js";
import { writeSafetensors } from "#weights/write-safetensors.js";
import { fileBatch, makeFolder } from "./file-batch.js";
import { reason } from "./reason.js";
import type { Interruptible } from "#diagnostic/interruptible.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import type { WrittenFile } from "./write-file.js";
import { clashOf, writePieces } from "./write-file.js";

export interface WriteNetOptions {
  /** Files that are never overwritten: those from which the module was read. */
  readonly inputs?: readonly string[];
  /** Called with the number of weights written so far, and the number of all weights. */
  readonly onWeight?: (done: number, all: number) => void;
}

const writeKinds: OptionKinds<WriteNetOptions> = { inputs: listOf("paths", aText), onWeight: aFunction };

/**
 * Writes a module's graph as text to `path`, which must end in `.net`, and its weights as safetensors into the same folder. Weights are
 * computed and written one by one.
 */
export function writeNet(
  module: Module,
  path: string,
  options: WriteNetOptions = {},
): Result<readonly WrittenFile[]> {
  expectModule("writeNet", module);
  expectText("writeNet", "a path", path);
  expectOptions("writeNet", options, writeKinds);
  return runToEnd(writeNetSteps(module, path, options));
}

/** `writeNet` as interruptible work: if it is ended between two yields, no incomplete files remain. */
export function* writeNetSteps(
  module: Module,
  path: string,
  options: WriteNetOptions = {},
): Interruptible<Result<readonly WrittenFile[]>> {
  if (!path.endsWith(".net"))
    return {
      diagnostics: [error("wrong-option", `${path} must end in .net`)],
    };
  const { module: own, tensors } = ownFile(module, basename(weightsBeside(path)));
  return yield* netFiles({ path, text: printGraph(own), tensors }, options);
}

/** The path of the weight file beside a `.net` file. */
export function weightsBeside(path: string): string {
  return `${path.slice(0, -".net".length)}.safetensors`;
}

/** A text and where it goes. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** A net as text, the tensors of the weight file beside it, and other files that belong to it. */
export interface NetFiles extends TextFile {
  readonly tensors: readonly TensorToWrite[];
  readonly others?: readonly TextFile[];
}

/** Writes the text, the weight file if there are tensors, and the other files: all or none. */
export function* netFiles(
  { path, text, tensors, others = [] }: NetFiles,
  { inputs = [], onWeight }: WriteNetOptions,
): Interruptible<Result<readonly WrittenFile[]>> {
  const weightsPath = weightsBeside(path);
  const texts = [{ path, text }, ...others];
  const paths = [...texts.map((file) => file.path), ...(tensors.length > 0 ? [weightsPath] : [])];
  const clash = clashOf(paths, inputs, "file");
  if (clash) return clash;
  // The caller can end the work before a file exists.
  yield;
  const batch = fileBatch();
  try {
    makeFolder(dirname(path));
    for (const file of texts) writeFileSync(batch.begin(file.path), file.text);
    // The first piece is the header.
    const report = (pieces: number): void => onWeight?.(pieces - 1, tensors.length);
    const bytes =
      tensors.length > 0
        ? yield* writePieces(batch.begin(weightsPath), writeSafetensors(tensors), report)
        : 0;
    batch.commit();
    const files = texts.map((file) => ({ path: file.path, bytes: Buffer.byteLength(file.text) }));
    return { value: tensors.length > 0 ? [...files, { path: weightsPath, bytes }] : files, diagnostics: [] };
  } catch (cause) {
    return { diagnostics: [error("cannot-write", `cannot write ${path}: ${reason(cause)}`)] };
  } finally {
    batch.undo();
  }
}
