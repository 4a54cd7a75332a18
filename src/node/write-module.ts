// Writes emitted modules to files: all files or none, and weights as they are packed.

import { expectArgument, expectList, expectModule, expectText, hasProperties } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aBoolean, aText, expectOptions, listOf } from "#diagnostic/options.js";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Artifact, WeightSink } from "#backend/artifact.js";
import { fileNameOf } from "#backend/artifact.js";
import type { EmitModuleOptions } from "#compile/emit.js";
import { emitKinds, emitWithinLimits } from "#compile/emit.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import type { FileBatch } from "./file-batch.js";
import { fileBatch, makeFolder } from "./file-batch.js";
import { reason } from "./reason.js";
import type { WrittenFile } from "./write-file.js";
import { clashOf } from "./write-file.js";
import type { Interruptible } from "#diagnostic/interruptible.js";
import { runToEnd } from "#diagnostic/interruptible.js";

export interface WriteModuleOptions extends Omit<EmitModuleOptions, "packedInto"> {
  /** Files that are never overwritten: those from which the module was read. */
  readonly inputs?: readonly string[];
  /** Whether to write the shaders of the target wgsl as files too, for people and tools to read. */
  readonly shaders?: boolean;
}

const { packedInto: _, ...emitted } = emitKinds;

const writeKinds: OptionKinds<WriteModuleOptions> = {
  ...emitted,
  inputs: listOf("paths", aText),
  shaders: aBoolean,
};

export interface WrittenModule {
  /** Without `weights`, which are only in their file. */
  readonly artifact: Artifact;
  readonly files: readonly WrittenFile[];
}

/**
 * Emits a module's graph into a folder, which is created if needed: all files or none. Each weight is packed directly into
 * the file, so the memory is that of the largest weight, not of all.
 */
export function writeModule(
  module: Module,
  folder: string,
  options: WriteModuleOptions = {},
): Result<WrittenModule> {
  expectModule("writeModule", module);
  expectText("writeModule", "the path of a folder", folder);
  expectOptions("writeModule", options, writeKinds);
  return runToEnd(writeModuleSteps(module, folder, options));
}

/** `writeModule` as interruptible work: if it is ended between two yields, no incomplete files remain. */
export function* writeModuleSteps(
  module: Module,
  folder: string,
  { inputs = [], shaders = false, ...options }: WriteModuleOptions = {},
): Interruptible<Result<WrittenModule>> {
  const paths = pathsOf(folder, fileNameOf(module.graph.name));
  const clash = clashOf(Object.values(paths), inputs);
  if (clash) return clash;
  const batch = fileBatch();
  const sink = fileSink(() => batch.begin(paths.weights));
  try {
    const made = tryWriting(folder, () => makeFolder(folder));
    if (made.diagnostics.length > 0) return { diagnostics: made.diagnostics };
    let emitted: Result<Artifact>;
    try {
      emitted = yield* emitWithinLimits(module, { ...options, packedInto: sink });
    } catch (cause) {
      if (cause === sink.problem()) return cannotWrite(folder, cause);
      throw cause;
    }
    sink.close();
    const { value: artifact, diagnostics } = emitted;
    if (!artifact) return { diagnostics };
    const weights = sink.bytes() > 0 ? [{ path: paths.weights, bytes: sink.bytes() }] : [];
    const texts = [...textsOf(paths, artifact), ...(shaders ? shadersOf(folder, artifact) : [])];
    const written = tryWriting(folder, () => finish(batch, texts));
    if (!written.value) return { diagnostics: written.diagnostics };
    return { value: { artifact, files: [...written.value, ...weights] }, diagnostics: [] };
  } finally {
    sink.close();
    batch.undo();
  }
}

/**
 * Writes an artifact's files into a folder, which is created if needed: all files or none. A file of `inputs` is never
 * overwritten.
 */
export function writeArtifact(
  artifact: Artifact,
  folder: string,
  inputs: readonly string[] = [],
): Result<WrittenFile[]> {
  const isArtifact = hasProperties(artifact, "name", "module", "types");
  expectArgument("writeArtifact", "an artifact, as `compile` gives it", artifact, isArtifact);
  expectText("writeArtifact", "the path of a folder", folder);
  expectList("writeArtifact", "a list of paths", inputs);
  const paths = pathsOf(folder, artifact.name);
  const files: File[] = [
    ...textsOf(paths, artifact),
    ...(artifact.weights ? [[paths.weights, artifact.weights] as const] : []),
  ];
  const clash = clashOf(
    files.map(([path]) => path),
    inputs,
  );
  if (clash) return clash;
  const batch = fileBatch();
  try {
    return tryWriting(folder, () => {
      makeFolder(folder);
      return finish(batch, files);
    });
  } finally {
    batch.undo();
  }
}

type File = readonly [path: string, data: string | Uint8Array];

interface Paths {
  readonly module: string;
  readonly types: string;
  readonly moduleTypes: string;
  readonly weights: string;
}

function pathsOf(folder: string, name: string): Paths {
  return {
    module: join(folder, `${name}.mjs`),
    types: join(folder, `${name}.d.ts`),
    // TypeScript looks for the types of an `.mjs` only in a `.d.mts`.
    moduleTypes: join(folder, `${name}.d.mts`),
    weights: join(folder, `${name}.packed.safetensors`),
  };
}

function textsOf(paths: Paths, artifact: Artifact): File[] {
  return [
    [paths.module, artifact.module],
    [paths.types, artifact.types],
    [paths.moduleTypes, `export * from "./${artifact.name}.js";\n`],
  ];
}

function shadersOf(folder: string, { name: net, shaders = [] }: Artifact): File[] {
  return shaders.map(({ name, text }) => [join(folder, `${net}.${name}.wgsl`), text]);
}

/** The result of `act`, or its error as a diagnostic. */
function tryWriting<T>(folder: string, act: () => T): Result<T> {
  try {
    return { value: act(), diagnostics: [] };
  } catch (cause) {
    return cannotWrite(folder, cause);
  }
}

function cannotWrite(folder: string, cause: unknown): Result<never> {
  return { diagnostics: [error("cannot-write", `cannot write into ${folder}: ${reason(cause)}`)] };
}

/** Writes the other files of a batch and moves all files into place. */
function finish(batch: FileBatch, files: readonly File[]): WrittenFile[] {
  for (const [path, data] of files) writeFileSync(batch.begin(path), data);
  batch.commit();
  return files.map(([path, data]) => ({ path, bytes: Buffer.byteLength(data) }));
}

interface FileSink extends WeightSink {
  close(): void;
  /** The length of the file in bytes. */
  bytes(): number;
  /** The exception of opening or writing, if any. */
  problem(): unknown;
}

/** A sink that opens the file `begin()` at the first write. */
function fileSink(begin: () => string): FileSink {
  let descriptor: number | undefined;
  let length = 0;
  let problem: unknown;
  /** Records an error of `act`, which is not a bug of the emitter. */
  const noting = (act: () => void): void => {
    try {
      act();
    } catch (cause) {
      problem = cause;
      throw cause;
    }
  };
  return {
    open: (bytes) =>
      noting(() => {
        descriptor = openSync(begin(), "w");
        length = bytes;
      }),
    write: (at, bytes) =>
      noting(() => {
        for (let from = 0; from < bytes.length;)
          from += writeSync(descriptor ?? -1, bytes, from, bytes.length - from, at + from);
      }),
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
    bytes: () => length,
    problem: () => problem,
  };
}
