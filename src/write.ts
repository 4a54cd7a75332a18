// Writing modules to files: all of them or none, and the weights while they are packed.

import { expectArgument, expectList, expectModule, expectText, hasProperties } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aBoolean, aText, expectOptions, listOf } from "#diagnostic/options.js";
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
import { dirname, join } from "node:path";
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
import type { Steps } from "#diagnostic/steps.js";
import { allSteps } from "#diagnostic/steps.js";

/** A file that was written. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
}

export interface WriteModuleOptions extends Omit<EmitModuleOptions, "packedInto"> {
  /** Files that are never overwritten: those that the module was read from. */
  readonly inputs?: readonly string[];
  /** Whether the shaders of the target wgsl become files too, for people and tools to read. */
  readonly shaders?: boolean;
}

const { packedInto: _, ...emitted } = emitKinds;

const writeKinds: OptionKinds<WriteModuleOptions> = {
  ...emitted,
  inputs: listOf("paths", aText),
  shaders: aBoolean,
};

export interface WrittenModule {
  /** Without `weights`: they are in their file alone. */
  readonly artifact: Artifact;
  readonly files: readonly WrittenFile[];
}

/**
 * Emits a module's graph into a folder, which is made if need be: all files or none. Each weight is packed straight into
 * its file, so that a net needs the memory of its largest weight and not of all.
 */
export function writeModule(
  module: Module,
  folder: string,
  options: WriteModuleOptions = {},
): Result<WrittenModule> {
  expectModule("writeModule", module);
  expectText("writeModule", "the path of a folder", folder);
  expectOptions("writeModule", options, writeKinds);
  return allSteps(writeModuleSteps(module, folder, options));
}

/** `writeModule` in steps, between which nothing is left half-written if they are ended. */
export function* writeModuleSteps(
  module: Module,
  folder: string,
  { inputs = [], shaders = false, ...options }: WriteModuleOptions = {},
): Steps<Result<WrittenModule>> {
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
 * Writes an artifact's files into a folder, which is made if need be: all of them or none. A file of `inputs` is never
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

/**
 * Writes beside the file and renames, so that a reader sees the old text or the new one, never a part. A file of `inputs`
 * is never overwritten. Folders that are missing are made. A path that is not a regular file, such as a pipe or /dev/null, is written to directly.
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
    // What a link names is written, so that the link stays one, and keeps its permissions.
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
    // TypeScript looks for the types of an `.mjs` in a `.d.mts` alone.
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

/** What is wrong if a path to be written is that of an input. */
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

/** What is wrong with the place of a file that is to be written later, as far as can be told before: work of minutes would be lost. */
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

/** The path without links, or as it is given where nothing stands there. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** What `act` gives, or what went wrong as a diagnostic. */
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

/** Writes the rest of a batch and moves all of it into its place. */
function finish(batch: FileBatch, files: readonly File[]): WrittenFile[] {
  for (const [path, data] of files) writeFileSync(batch.begin(path), data);
  batch.commit();
  return files.map(([path, data]) => ({ path, bytes: Buffer.byteLength(data) }));
}

/** Writes a file piece by piece; gives its length in bytes. `onPiece` is called with the number of pieces written so far. */
export function* writePieces(
  path: string,
  pieces: Iterable<Uint8Array>,
  onPiece?: (count: number) => void,
): Steps<number> {
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

interface FileSink extends WeightSink {
  close(): void;
  /** How long the file is, in bytes. */
  bytes(): number;
  /** What opening or writing threw. */
  problem(): unknown;
}

/** A sink that writes to the file that `begin` names once there is something to write. */
function fileSink(begin: () => string): FileSink {
  let descriptor: number | undefined;
  let length = 0;
  let problem: unknown;
  /** What fails here is not a bug of the emitter. */
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
