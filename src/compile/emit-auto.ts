// Emits one module for several targets, which takes the first that can run where it is loaded.

import type { AutoArtifact } from "#backend/auto.js";
import { joinTargets } from "#backend/auto.js";
import type { WeightSink } from "#backend/artifact.js";
import { packedName } from "#backend/artifact.js";
import { expectArgument, expectModule, hasProperties } from "#diagnostic/argument.js";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import type { Interruptible } from "#diagnostic/interruptible.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aFunction, expectOptions, oneOf } from "#diagnostic/options.js";
import type { TargetName } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { EmitModuleOptions, TargetPart } from "./emit.js";
import { emitKinds, emitPart, formatted } from "./emit.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import { forTargets } from "#passes/index.js";
import { targetOf } from "./targets.js";
import { version } from "./version.js";

/** A module as the passes for a target left it. */
export interface ForTarget {
  readonly target: TargetName;
  readonly module: Module;
}

/** What `emitAuto` takes. */
export interface EmitAutoOptions extends Omit<EmitModuleOptions, "target" | "embedWeights" | "packedInto"> {
  /** The order in which a net tries its targets: `time`, the least modelled time first (the default), or `given`, that of the list. */
  readonly order?: "time" | "given";
  /** Receives the packed file of each target; without it, the artifact holds the files. */
  readonly packedInto?: (target: TargetName) => WeightSink;
}

const { target: _, embedWeights: __, ...common } = emitKinds;

export const autoKinds: OptionKinds<EmitAutoOptions> = {
  ...common,
  packedInto: aFunction,
  order: oneOf(["time", "given"]),
};

/**
 * One module for several targets, of which it loads the first that can run. The targets that no device can run are left out; if none is
 * left, the reasons are diagnostics. Throws `TypeError` for a target that is given twice.
 */
export function emitAuto(modules: readonly ForTarget[], options: EmitAutoOptions = {}): Result<AutoArtifact> {
  expectTargets("emitAuto", modules);
  expectOptions("emitAuto", options, autoKinds);
  return runToEnd(emitAutoSteps(modules, options));
}

/** `emitAuto` in steps, each of which packs a piece of the weights. */
export function* emitAutoSteps(
  modules: readonly ForTarget[],
  { order = "time", packedInto, format, ...options }: EmitAutoOptions = {},
): Interruptible<Result<AutoArtifact>> {
  const parts: TargetPart[] = [];
  const refused: Diagnostic[] = [];
  for (const { target, module } of modules) {
    const own = { ...options, target, ...given({ packedInto: packedInto?.(target) }) };
    const { value, diagnostics } = yield* emitPart(module, own, packedName(module.graph.name, target));
    if (value) parts.push(value);
    else for (const one of diagnostics) refused.push(one);
  }
  if (order === "time") parts.sort((a, b) => a.seconds - b.seconds);
  const [first] = parts;
  if (!first) return { diagnostics: refused };
  const types = first.types(parts.map(({ emitted }) => emitted.target));
  const left = refused.map((one) => ({ ...one, severity: "warning" as const }));
  return {
    value: formatted(
      joinTargets(modules[0]?.module.graph.name ?? "", parts, types, {
        version,
        order,
        forSoftware: options.adapter === "software",
      }),
      format,
    ),
    diagnostics: left,
  };
}

/** Throws a `TypeError` unless `modules` are some modules of one net, each for another target. */
export function expectTargets(call: string, modules: readonly ForTarget[]): void {
  const isList = Array.isArray(modules) && modules.length > 0;
  const isEach = isList && modules.every((one) => hasProperties(one, "target", "module"));
  expectArgument(call, "a list of `{ target, module }`, of some targets", modules, isEach);
  for (const { module, target } of modules) {
    expectModule(call, module);
    targetOf(target);
  }
  const [targets, nets] = [
    modules.map(({ target }) => target),
    modules.map(({ module }) => module.graph.name),
  ];
  const isOnce = new Set(targets).size === targets.length && new Set(nets).size === 1;
  expectArgument(call, "modules of one net, each for another target", modules, isOnce);
}

/**
 * Where the passes for one target begin, in the record of all passes: the module before them, and their names. Another target goes on from
 * there, so that all targets compute the same network, also if it was split or rounded.
 */
export function beforeTarget(trace: readonly PassRun[]): {
  readonly module?: Module;
  readonly passes: string[];
} {
  const at = trace.findIndex(({ pass }) => forTargets.includes(pass.name));
  const rest = at < 0 ? [] : trace.slice(at);
  return {
    ...given({ module: rest[0]?.before ?? trace.at(-1)?.after }),
    passes: rest.map(({ pass }) => pass.name),
  };
}
