// Writes emitted modules to files: all files or none, and weights as they are packed.

import { expectArgument, expectList, expectModule, expectText, hasProperties } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aBoolean, aText, expectOptions, listOf } from "#diagnostic/options.js";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ModuleFormat } from "#backend/format.js";
import { endings } from "#backend/format.js";
import type { Artifact, WeightSink } from "#backend/artifact.js";
import { fileNameOf, packedName } from "#backend/artifact.js";
import type { AutoArtifact } from "#backend/auto.js";
import type { EmitAutoOptions, ForTarget } from "#compile/emit-auto.js";
import { autoKinds, emitAutoSteps, expectTargets } from "#compile/emit-auto.js";
import type { EmitModuleOptions } from "#compile/emit.js";
import { emitKinds, emitWithinLimits } from "#compile/emit.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { bug, error } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import type { FileBatch } from "./file-batch.js";
import { fileBatch, makeFolder } from "./file-batch.js";
import { reason } from "./reason.js";
import type { WrittenFile } from "./write-file.js";
import { clashOf } from "./write-file.js";
import type { Interruptible } from "#diagnostic/interruptible.js";
import { runToEnd } from "#diagnostic/interruptible.js";

/** What `writeModule` takes. */
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

const { packedInto: __, ...emittedTogether } = autoKinds;

const writeAutoKinds: OptionKinds<WriteAutoOptions> = {
  ...emittedTogether,
  inputs: listOf("paths", aText),
  shaders: aBoolean,
};

/** What `writeModule` wrote. */
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
  const { name } = module.graph;
  return yield* writeSteps(folder, fileNameOf(name), {
    inputs,
    packed: [packedName(name)],
    format: options.format,
    emit: (sinkOf) => emitWithinLimits(module, { ...options, packedInto: sinkOf(packedName(name)) }),
    shaders: (artifact) => (shaders ? shadersOf(folder, artifact) : []),
  });
}

/** What `writeAuto` takes. */
export interface WriteAutoOptions extends Omit<EmitAutoOptions, "packedInto"> {
  readonly inputs?: readonly string[];
  readonly shaders?: boolean;
}

/** What `writeAuto` wrote. */
export interface WrittenAuto {
  readonly artifact: AutoArtifact;
  readonly files: readonly WrittenFile[];
}

/** Writes one module for several targets into a folder, with the packed file of each: all files or none. See `emitAuto`. */
export function writeAuto(
  modules: readonly ForTarget[],
  folder: string,
  options: WriteAutoOptions = {},
): Result<WrittenAuto> {
  expectTargets("writeAuto", modules);
  expectText("writeAuto", "the path of a folder", folder);
  expectOptions("writeAuto", options, writeAutoKinds);
  return runToEnd(writeAutoSteps(modules, folder, options));
}

/** `writeAuto` as interruptible work. */
export function* writeAutoSteps(
  modules: readonly ForTarget[],
  folder: string,
  { inputs = [], shaders = false, ...options }: WriteAutoOptions = {},
): Interruptible<Result<WrittenAuto>> {
  const name = modules[0]?.module.graph.name ?? bug("no module");
  return yield* writeSteps(folder, fileNameOf(name), {
    inputs,
    packed: modules.map(({ target }) => packedName(name, target)),
    format: options.format,
    emit: (sinkOf) =>
      emitAutoSteps(modules, { ...options, packedInto: (target) => sinkOf(packedName(name, target)) }),
    shaders: ({ targets }) =>
      shaders ? targets.flatMap((one) => shadersOf(folder, { ...one, name: fileNameOf(name) })) : [],
  });
}

interface Emission<T> {
  readonly inputs: readonly string[];
  /** The names of the packed files. */
  readonly packed: readonly string[];
  readonly format: ModuleFormat | undefined;
  /** Emits, with sinks for packed files. */
  readonly emit: (sinkOf: (file: string) => WeightSink) => Interruptible<Result<T>>;
  readonly shaders: (artifact: T) => File[];
}

type Texts = Pick<Artifact, "name" | "module" | "format" | "types" | "worker">;

/** Emits into a folder: all files or none. */
function* writeSteps<T extends Texts>(
  folder: string,
  name: string,
  { inputs, packed, format, emit, shaders }: Emission<T>,
): Interruptible<Result<{ readonly artifact: T; readonly files: readonly WrittenFile[] }>> {
  const paths = pathsOf(folder, name, format);
  const places = packed.map((file) => join(folder, file));
  const own = Object.values(paths).filter((path) => path !== undefined);
  const clash = clashOf([...own, ...places], inputs);
  if (clash) return clash;
  const batch = fileBatch();
  const sinks = places.map((path) => ({ path, sink: fileSink(() => batch.begin(path)) }));
  const close = (): void => {
    for (const { sink } of sinks) sink.close();
  };
  try {
    const made = tryWriting(folder, () => makeFolder(folder));
    if (made.diagnostics.length > 0) return { diagnostics: made.diagnostics };
    let emitted: Result<T>;
    try {
      emitted = yield* emit((file) => sinks[packed.indexOf(file)]?.sink ?? bug(`no sink for ${file}`));
    } catch (cause) {
      if (sinks.some(({ sink }) => cause === sink.problem())) return cannotWrite(folder, cause);
      throw cause;
    }
    close();
    const { value: artifact, diagnostics } = emitted;
    if (!artifact) return { diagnostics };
    const weights = sinks
      .map(({ path, sink }) => ({ path, bytes: sink.bytes() }))
      .filter(({ bytes }) => bytes > 0);
    const texts = [...textsOf(paths, artifact), ...shaders(artifact)];
    const written = tryWriting(folder, () => finish(batch, texts));
    if (!written.value) return { diagnostics: written.diagnostics };
    return { value: { artifact, files: [...written.value, ...weights] }, diagnostics };
  } finally {
    close();
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
  const paths = pathsOf(folder, artifact.name, artifact.format);
  const packed = join(folder, packedName(artifact.name));
  const files: File[] = [
    ...textsOf(paths, artifact),
    ...(artifact.weights ? [[packed, artifact.weights] as const] : []),
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
  /** TypeScript looks for the types of an `.mjs` only in a `.d.mts`. */
  readonly moduleTypes: string | undefined;
  readonly worker: string;
}

function pathsOf(folder: string, name: string, format: ModuleFormat = "esm"): Paths {
  return {
    module: join(folder, `${name}.${endings[format].module}`),
    types: join(folder, `${name}.${endings[format].types}`),
    moduleTypes: format === "esm" ? join(folder, `${name}.d.mts`) : undefined,
    worker: join(folder, `${name}.worker.js`),
  };
}

function textsOf(paths: Paths, artifact: Texts): File[] {
  return [
    [paths.module, artifact.module],
    [paths.types, artifact.types],
    ...(paths.moduleTypes === undefined
      ? []
      : [[paths.moduleTypes, `export * from "./${artifact.name}.js";\n`] as const]),
    ...(artifact.worker === undefined ? [] : [[paths.worker, artifact.worker] as const]),
  ];
}

function shadersOf(folder: string, { name: net, shaders = [] }: Pick<Artifact, "name" | "shaders">): File[] {
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
