// Emits an optimized module: makes its kernels, and then the text and the bytes of an ES module.

import { given } from "#diagnostic/given.js";
import type { TargetName } from "#ir/target.js";
import type { Artifact, Emitted, WeightSink } from "#backend/artifact.js";
import { typesText } from "#backend/types-text.js";
import type { ModuleFormat } from "#backend/format.js";
import { formats, inFormat, typesInFormat } from "#backend/format.js";
import { joinParts } from "#backend/module-text.js";
import type { PlacedWeights } from "#backend/packed.js";
import { kernelCost } from "#schedule/kernel-cost.js";
import { packedBytes, packedElements, placeWeights } from "#backend/packed.js";
import { opCount } from "#inspect/cost.js";
import type { Limits } from "#backend/wgsl/limits.js";
import { checkLimits, guaranteedLimits } from "#backend/wgsl/limits.js";
import { expectModule } from "#diagnostic/argument.js";
import type { OptionKinds } from "#diagnostic/options.js";
import {
  aBoolean,
  aFunction,
  anObject,
  aNumber,
  aText,
  expectOptions,
  mapOf,
  oneOf,
  recordOf,
} from "#diagnostic/options.js";
import type { Graph } from "#ir/graph.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { lineTexts } from "#diagnostic/line-text.js";
import { arenaElements } from "#ir/arenas.js";
import { elements, isInteger } from "#ir/type.js";
import { bytesText, plural } from "#ir/units.js";
import { codeBytes } from "#ir/compact.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import type { Interruptible } from "#diagnostic/interruptible.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import type { LowerOptions } from "./lower-module.js";
import { kernelErrors, lowerModule } from "./lower-module.js";
import type { Task } from "./classifier.js";
import { classifierOf, tasks } from "./classifier.js";
import type { Devices } from "./targets.js";
import { targetOf } from "./targets.js";
import { version } from "./version.js";

/** What `emit` takes. */
export interface EmitModuleOptions extends Devices, LowerOptions {
  /** `wasm` by default. */
  readonly target?: TargetName;
  /**
   * wgsl: whether to store weights and tensors inside the net as f16 if the device supports it, and else as f32. Kernels compute in f32.
   */
  readonly f16?: boolean;
  /** An ES module (`esm`, the default), a CommonJS module (`cjs`), or a classic script (`iife`), which adds the net to the global `cleave`. */
  readonly format?: ModuleFormat;
  /** Whether to embed the weights in the module, in base64. */
  readonly embedWeights?: boolean;
  /** wasm: whether the workers of threads are started from a file of their own, for pages whose policy does not allow `blob:`. */
  readonly workerFile?: boolean;
  /** What the net does beside `run`: `classify` gives the classes of pictures. */
  readonly task?: Task;
  /** Receives the packed file while it is made; without it, the artifact holds the file. */
  readonly packedInto?: WeightSink;
  /** Called while weights are packed, with the number of bytes done so far and the number of all bytes. */
  readonly onPacked?: (done: number, all: number) => void;
  /** Texts by file, so that comments can quote the lines that a kernel comes from. */
  readonly sources?: ReadonlyMap<string, string>;
}

export const emitKinds: OptionKinds<EmitModuleOptions> = {
  target: aText,
  limits: recordOf("numbers by limit", aNumber),
  adapter: aText,
  f16: aBoolean,
  verify: aBoolean,
  format: oneOf(formats),
  embedWeights: aBoolean,
  workerFile: aBoolean,
  task: oneOf(tasks),
  packedInto: anObject("an object that takes the packed file, `{ open, write }`", "open", "write"),
  onPacked: aFunction,
  sources: mapOf("texts by file", aText),
};

/**
 * The ES module of a module's graph. If it needs more memory than its target can have, no weights are packed. Throws a `TypeError` for sums
 * with zero points, which `optimize` removes.
 */
export function emit(module: Module, options: EmitModuleOptions = {}): Artifact {
  expectModule("emit", module);
  expectOptions("emit", options, emitKinds);
  const [wrong] = emitErrors(module, options);
  if (wrong) throw new TypeError(`emit: ${[wrong.message, ...(wrong.help ?? [])].join("; ")}`);
  return formatted(joinParts(runToEnd(emitSteps(module, options, () => false)).emitted), options.format);
}

/**
 * The ES module of a module's graph, or the reason why no device with the limits of the options can run it. The reason is known before
 * weights are packed, which may take minutes. Each step packs a piece of them.
 */
export function* emitWithinLimits(
  module: Module,
  options: EmitModuleOptions = {},
): Interruptible<Result<Artifact>> {
  const { value, diagnostics } = yield* emitPart(module, options);
  return value
    ? { value: formatted(joinParts(value.emitted), options.format), diagnostics }
    : { diagnostics };
}

/** An artifact with its module in a format. */
export function formatted<T extends Pick<Artifact, "name" | "module" | "types">>(
  artifact: T,
  format: ModuleFormat = "esm",
): T & { readonly format?: Exclude<ModuleFormat, "esm"> } {
  if (format === "esm") return artifact;
  const { name, module, types } = artifact;
  return {
    ...artifact,
    module: inFormat(module, name, format),
    types: typesInFormat(types, name, format),
    format,
  };
}

/** The part of a module that is for one target, and what a run takes by its model. */
export interface TargetPart {
  readonly emitted: Emitted;
  /** The declarations of a module for these targets. */
  readonly types: (targets: readonly TargetName[]) => string;
  readonly seconds: number;
}

/** As `emitWithinLimits`, but the text of the module stays in parts; `packedName` is the name of its packed file. */
export function* emitPart(
  module: Module,
  options: EmitModuleOptions,
  packedName?: string,
): Interruptible<Result<TargetPart>> {
  const wrong = emitErrors(module, options);
  if (wrong.length > 0) return { diagnostics: wrong };
  const part = yield* emitSteps(
    module,
    options,
    (needs) => checkDevices(module.graph.name, needs, options.limits).length > 0,
    packedName,
  );
  const diagnostics = checkArtifact(part.emitted, options.limits);
  return diagnostics.length > 0 ? { diagnostics } : { value: part, diagnostics };
}

/** The reasons why a module cannot become what the options ask for. */
function emitErrors(module: Module, options: EmitModuleOptions): readonly Diagnostic[] {
  const task = options.task === undefined ? [] : classifierOf(module.graph).diagnostics;
  return [...kernelErrors(module, targetOf(options.target, options).target), ...task];
}

/** `exceeds` says whether the limits exclude all devices, so that packing weights would be in vain. */
function* emitSteps(
  module: Module,
  options: EmitModuleOptions,
  exceeds: (needs: Limits) => boolean,
  packedName?: string,
): Interruptible<TargetPart> {
  expectModule("emit", module);
  expectOptions("emit", options, emitKinds);
  const { target, begin } = targetOf(options.target, options);
  const { schedule, program } = lowerModule(module, target, options);
  const lineText = lineTexts(options.sources ?? new Map());
  const spans = new Map(
    [...module.graph.nodes.values()].map((node) => [node.name, node.origin.spans[0]] as const),
  );
  const emitOptions = {
    version,
    embedWeights: options.embedWeights ?? false,
    workerFile: options.workerFile ?? false,
    // f16 holds whole numbers only up to 2,048, and sums of integers must be exact.
    f16: (options.f16 ?? false) && !hasIntegers(module.graph),
    ...given({
      packedName,
      packedInto: options.packedInto,
      onPacked: options.onPacked,
      classifier: options.task === undefined ? undefined : classifierOf(module.graph).value,
    }),
    summary: `${plural(opCount(module.graph), "op")} in ${plural(program.launches.length, "kernel")}`,
    lineOf: (node: string) => lineText(spans.get(node)),
  };
  const { needs, finish } = begin(program, emitOptions);
  const isTooLarge =
    leastMemory(program, target.name) > memoryLimits[target.name] || (needs !== undefined && exceeds(needs));
  const packed = isTooLarge ? unpacked(program) : yield* placeWeights(program, emitOptions);
  const seconds = schedule.groups.reduce((sum, group) => sum + kernelCost(schedule, group).seconds, 0);
  const types = (among: readonly TargetName[]): string =>
    typesText(program, { sync: false, kind: among, ...given({ classifier: emitOptions.classifier }) });
  return { emitted: finish(packed), types, seconds: seconds + (target.answer ?? 0) };
}

/** What a program that no device can run says of its weights. */
function unpacked(program: KernelProgram): PlacedWeights {
  const [elements, bytes] = [packedElements(program), packedBytes(program)];
  return { file: "", elements, bytes, hash: "", flushed: 0, part: {} };
}

function hasIntegers({ nodes }: Graph): boolean {
  return [...nodes.values()].some(({ type }) => isInteger(type.dtype));
}

/** Bytes of the largest part of a program's memory; on GPUs, of the weights while they are read. */
function leastMemory(program: KernelProgram, target: TargetName): number {
  const arena = target === "wgsl" ? 0 : arenaElements(program);
  return 4 * Math.max(arena, packedElements(program) - stagedElements(program));
}

/** Elements of the weights that only the setup reads, one after another. */
function stagedElements({ staged = [] }: KernelProgram): number {
  return staged.reduce((sum, { elements: size }) => sum + size, 0);
}

/** The most bytes of a WebAssembly memory with 32-bit addresses, and of an array in engines that allow 8 GiB. */
const memoryLimits = { js: 2 ** 33, wasm: 2 ** 32, wgsl: 2 ** 33 } as const;

/** The reasons why no device with these limits can run an artifact. */
function checkArtifact(artifact: Emitted, limits: Partial<Limits> = {}): Diagnostic[] {
  const { name, target, memoryBytes, arenaBytes, weightBytes } = artifact;
  if (memoryBytes > memoryLimits[target]) {
    const most = `${target === "wasm" ? "WebAssembly has" : "an array of JavaScript has"} at most ${bytesText(memoryLimits[target])}`;
    return [
      error("over-limit", `${name} needs ${bytesText(memoryBytes)} of memory, and ${most}`, {
        help: [
          `${bytesText(arenaBytes)} are values between the kernels, ${bytesText(weightBytes)} weights; \`cleave explain\` shows the layers`,
          "a smaller input or a smaller batch helps: --dim binds the sizes that the model leaves open",
        ],
      }),
    ];
  }
  return artifact.needs ? checkDevices(name, artifact.needs, limits) : [];
}

function checkDevices(name: string, needs: Limits, limits: Partial<Limits> = {}): Diagnostic[] {
  return checkLimits(name, needs, { ...guaranteedLimits, ...limits });
}

/** The most bytes of weights that can be embedded. Base64 makes them a third larger, and V8's strings end at 512 MiB. */
const largestEmbedded = 256 * 2 ** 20;

/** The reasons why the weights of a module cannot be embedded. */
export function checkEmbedding(module: Module): Diagnostic[] {
  let bytes = 0;
  for (const node of module.graph.nodes.values()) {
    if (node.op !== "constant") continue;
    const { source } = entryOf(module.weights, node.attributes.weight);
    const each = source.kind === "compact" ? codeBytes[source.form.codes] : 4;
    bytes += elements(node.type.shape) * each;
  }
  if (bytes <= largestEmbedded) return [];
  return [
    error(
      "too-large-to-embed",
      `${module.graph.name} has ${bytesText(bytes)} of weights, and at most ${bytesText(largestEmbedded)} can be embedded in a module`,
      { help: ["without --embed-weights they are written to a file next to the module"] },
    ),
  ];
}
