// The targets that exist: what passes and the scheduler know of them, and their back ends.

import { emitJs } from "#backend/js/emit.js";
import { jsTarget } from "#backend/js/target.js";
import { emitWasm } from "#backend/wasm/emit.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { emitWgsl } from "#backend/wgsl/emit.js";
import type { Limits } from "#backend/wgsl/limits.js";
import { guaranteedLimits } from "#backend/wgsl/limits.js";
import { wgslTarget, wgslTargetFor } from "#backend/wgsl/target.js";
import type { Artifact, EmitOptions } from "#backend/artifact.js";
import type { KernelProgram } from "#kernel/ir.js";
import type { Target } from "#ir/target.js";

export interface TargetEntry {
  readonly target: Target;
  /** The target for devices that have other limits than the guaranteed ones. */
  readonly targetFor?: (limits: Limits) => Target;
  readonly emit: (program: KernelProgram, options: EmitOptions) => Artifact;
}

/** By the name that `--target` takes. To add a target, add a row. */
export const targets = {
  js: { target: jsTarget, emit: emitJs },
  wasm: { target: wasmTarget, emit: emitWasm },
  wgsl: { target: wgslTarget, targetFor: wgslTargetFor, emit: emitWgsl },
} as const satisfies Readonly<Record<string, TargetEntry>>;

export type TargetName = keyof typeof targets;

/** The fastest that exists for a CPU. */
export const defaultTarget: TargetName = "wasm";

/** The row of a target, the default one if none is named; `limits` are those of WebGPU devices, for the target wgsl. */
export function targetOf(name: TargetName = defaultTarget, limits: Partial<Limits> = {}): TargetEntry {
  const known = Object.hasOwn(targets, name);
  if (!known) throw new TypeError(`there is no target ${String(name)}; there is ${targetNames.join(", ")}`);
  const entry: TargetEntry = targets[name];
  return { ...entry, target: entry.targetFor?.({ ...guaranteedLimits, ...limits }) ?? entry.target };
}

export const targetNames = Object.keys(targets) as readonly TargetName[];
