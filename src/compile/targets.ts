// The targets that exist: what passes and the scheduler know of them, and their back ends.

import { emitJs } from "#backend/js/emit.js";
import { jsTarget } from "#backend/js/target.js";
import { emitWasm } from "#backend/wasm/emit.js";
import { wasmTarget } from "#backend/wasm/target.js";
import type { Artifact, EmitOptions } from "#backend/artifact.js";
import type { KernelProgram } from "#kernel/ir.js";
import type { Target } from "#ir/target.js";

export interface TargetEntry {
  readonly target: Target;
  readonly emit: (program: KernelProgram, options: EmitOptions) => Artifact;
}

/** By the name that `--target` takes. To add a target, add a row. */
export const targets = {
  js: { target: jsTarget, emit: emitJs },
  wasm: { target: wasmTarget, emit: emitWasm },
} as const satisfies Readonly<Record<string, TargetEntry>>;

export type TargetName = keyof typeof targets;

/** The fastest that exists for a CPU. */
export const defaultTarget: TargetName = "wasm";

/** The row of a target, the default one if none is named. */
export function targetOf(name: TargetName = defaultTarget): TargetEntry {
  const known = Object.hasOwn(targets, name);
  if (!known) throw new TypeError(`there is no target ${String(name)}; there is ${targetNames.join(", ")}`);
  return targets[name];
}

export const targetNames = Object.keys(targets) as readonly TargetName[];
