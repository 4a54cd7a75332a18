// Writing modules to files: all of them or none, and the weights while they are packed.

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Artifact, WeightSink } from "#backend/artifact.js";
import { fileNameOf } from "#backend/artifact.js";
import type { EmitModuleOptions } from "#compile/emit.js";
import { checkArtifact, emit } from "#compile/emit.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import { reason } from "./reason.js";

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
  { inputs = [], shaders = false, ...options }: WriteModuleOptions = {},
): Result<WrittenModule> {
  const paths = pathsOf(folder, fileNameOf(module.graph.name));
  const clash = clashOf(Object.values(paths), inputs);
  if (clash) return clash;
  const batch = fileBatch();
  const sink = fileSink(() => batch.begin(paths.weights));
  try {
    makeFolder(folder);
  } catch (cause) {
    return cannotWrite(folder, cause);
  }
  let artifact: Artifact;
  try {
    artifact = emit(module, { ...options, packedInto: sink });
  } catch (cause) {
    batch.undo();
    if (cause === sink.problem()) return cannotWrite(folder, cause);
    throw cause;
  } finally {
    sink.close();
  }
  const problems = checkArtifact(artifact, options.limits);
  if (problems.length > 0) {
    batch.undo();
    return { diagnostics: problems };
  }
  const weights = sink.bytes() > 0 ? [{ path: paths.weights, bytes: sink.bytes() }] : [];
  const texts = [...textsOf(paths, artifact), ...(shaders ? shadersOf(folder, artifact) : [])];
  return finish(batch, folder, artifact, texts, weights);
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
  try {
    makeFolder(folder);
  } catch (cause) {
    return cannotWrite(folder, cause);
  }
  const { value, diagnostics } = finish(fileBatch(), folder, artifact, files, []);
  return value ? { value: [...value.files], diagnostics } : { diagnostics };
}

/**
 * Writes beside the file and renames, so that a reader sees the old text or the new one, never a part. A file of `inputs`
 * is never overwritten.
 */
export function writeFileAtomically(
  path: string,
  data: string | Uint8Array,
  inputs: readonly string[] = [],
): Result<true> {
  const clash = clashOf([path], inputs, "file");
  if (clash) return clash;
  // What a link names is written, so that the link stays one, and keeps its permissions.
  const target = realPath(path);
  const temporary = temporaryOf(target);
  try {
    const old = statSync(target, { throwIfNoEntry: false });
    if (old?.isDirectory()) throw new Error("it is a folder");
    writeFileSync(temporary, data, old ? { mode: old.mode } : {});
    renameSync(temporary, target);
    return { value: true, diagnostics: [] };
  } catch (cause) {
    rmSync(temporary, { force: true });
    return { diagnostics: [error("cannot-write", `cannot write ${path}: ${reason(cause)}`)] };
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

function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

/** Makes a folder and those above it, one by one: the recursive call of Node 20 never returns below `/proc`. */
export function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  const above = dirname(folder);
  if (above !== folder) makeFolder(above);
  mkdirSync(folder);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function cannotWrite(folder: string, cause: unknown): Result<never> {
  return { diagnostics: [error("cannot-write", `cannot write into ${folder}: ${reason(cause)}`)] };
}

/** Writes the rest of a batch and moves all of it into its place; `begun` is what it holds already. */
function finish(
  batch: FileBatch,
  folder: string,
  artifact: Artifact,
  files: readonly File[],
  begun: readonly WrittenFile[],
): Result<WrittenModule> {
  try {
    for (const [path, data] of files) writeFileSync(batch.begin(path), data);
    batch.commit();
  } catch (cause) {
    batch.undo();
    return cannotWrite(folder, cause);
  }
  const written = files.map(([path, data]) => ({ path, bytes: Buffer.byteLength(data) }));
  return { value: { artifact, files: [...written, ...begun] }, diagnostics: [] };
}

/** Files that appear together. */
export interface FileBatch {
  /** The path to write to instead of `path`, beside it. */
  begin(path: string): string;
  /** Moves old files away and new ones in. If it throws, `undo` goes all the way back. */
  commit(): void;
  undo(): void;
}

export function fileBatch(): FileBatch {
  const paths: string[] = [];
  const undo: (() => void)[] = [];
  const old = (path: string): string => `${path}.${process.pid}.old`;
  return {
    begin(path) {
      if (isFolder(path)) throw new Error(`${path} is a folder`);
      paths.push(path);
      undo.push(() => rmSync(temporaryOf(path), { force: true }));
      return temporaryOf(path);
    },
    commit() {
      for (const path of paths) {
        if (existsSync(path)) {
          renameSync(path, old(path));
          undo.push(() => renameSync(old(path), path));
        }
        renameSync(temporaryOf(path), path);
        undo.push(() => rmSync(path));
      }
      for (const path of paths) rmSync(old(path), { force: true });
    },
    undo() {
      for (const step of undo.toReversed()) {
        try {
          step();
        } catch {
          // What went wrong first is what is told; a step that fails must not keep the others from being taken back.
        }
      }
    },
  };
}

function temporaryOf(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** Writes a file piece by piece; gives its length in bytes. `onPiece` hears how many are written. */
export function writePieces(
  path: string,
  pieces: Iterable<Uint8Array>,
  onPiece?: (count: number) => void,
): number {
  const descriptor = openSync(path, "w");
  let [bytes, count] = [0, 0];
  try {
    for (const piece of pieces) {
      for (let from = 0; from < piece.length;) from += writeSync(descriptor, piece, from);
      bytes += piece.length;
      count += 1;
      onPiece?.(count);
    }
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}

/** A sink that writes to the file that `begin` names once there is something to write. */
function fileSink(begin: () => string): WeightSink & { close(): void; bytes(): number; problem(): unknown } {
  let descriptor: number | undefined;
  let length = 0;
  let problem: unknown;
  /** What fails here is no bug of the emitter. */
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
