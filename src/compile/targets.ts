// The table of targets: what passes and the scheduler know of each, and its back end.

import { jsKernelTexts, jsParts } from "#backend/js/emit.js";
import { jsTarget } from "#backend/js/target.js";
import { wasmKernelTexts, wasmParts } from "#backend/wasm/emit.js";
import { wasmTarget } from "#backend/wasm/target.js";
import { wgslKernelTexts, wgslParts, neededLimits, printShaders } from "#backend/wgsl/emit.js";
import type { Limits } from "#backend/wgsl/limits.js";
import { guaranteedLimits } from "#backend/wgsl/limits.js";
import type { AdapterClass } from "#backend/wgsl/adapter.js";
import { adapterClasses } from "#backend/wgsl/adapter.js";
import { wgslTarget, wgslTargetFor } from "#backend/wgsl/target.js";
import type { OptionKinds } from "#diagnostic/options.js";
import { aNumber, expectOptions, oneOf, recordOf } from "#diagnostic/options.js";
import type { Emitted, EmitOptions } from "#backend/artifact.js";
import type { PlacedWeights } from "#backend/packed.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import type { Target, TargetName } from "#ir/target.js";
import { defaultTarget, targetNames } from "#ir/target.js";

/** The WebGPU devices that a module is for. */
export interface Devices {
  /** The limits in which they exceed the guaranteed ones. */
  readonly limits?: Partial<Limits>;
  /** The class of most of these devices, `gpu` by default, for which kernels are chosen. */
  readonly adapter?: AdapterClass;
}

export const devicesKinds: OptionKinds<Devices> = {
  limits: recordOf("numbers by limit", aNumber),
  adapter: oneOf(adapterClasses),
};

export interface TargetEntry {
  readonly target: Target;
  /** The target for devices with other limits than the guaranteed ones, or of another class. */
  readonly targetFor?: (limits: Limits, adapter?: AdapterClass) => Target;
  /** What kernels are written in, and the text of each. */
  readonly language: string;
  readonly kernelTexts: (
    program: KernelProgram,
    options: Pick<EmitOptions, "lineOf" | "f16">,
  ) => readonly string[];
  readonly begin: (program: KernelProgram, options: EmitOptions) => Begun;
}

/** A module without its weights. The requirements for devices are known before the weights are packed, which may take minutes. */
interface Begun {
  /** wgsl: limits of devices. */
  readonly needs?: Limits;
  readonly finish: (packed: PlacedWeights) => Emitted;
}

/** The targets by name. To add a target, add a row. */
export const targets = {
  js: {
    target: jsTarget,
    language: "JavaScript",
    kernelTexts: jsKernelTexts,
    begin: (program, options) => ({ finish: (packed) => jsParts(program, options, packed) }),
  },
  wasm: {
    target: wasmTarget,
    language: "WebAssembly",
    kernelTexts: wasmKernelTexts,
    begin: (program, options) => ({ finish: (packed) => wasmParts(program, options, packed) }),
  },
  wgsl: {
    target: wgslTarget,
    targetFor: wgslTargetFor,
    language: "WGSL",
    kernelTexts: wgslKernelTexts,
    begin: (program, options) => {
      const printed = printShaders(program, options);
      return {
        needs: neededLimits(program, printed),
        finish: (packed) => wgslParts(program, options, packed, printed),
      };
    },
  },
} as const satisfies Readonly<Record<TargetName, TargetEntry>>;

/** The descriptions of the targets by name, as passes and the scheduler know them: for devices of the guaranteed limits. */
export const targetDescriptions: Readonly<Record<TargetName, Target>> = {
  js: jsTarget,
  wasm: wasmTarget,
  wgsl: wgslTarget,
};

/** The description of a target, for WebGPU devices of other limits or of another class. Throws a `TypeError` for an unknown name. */
export function targetFor(name: TargetName, devices: Devices = {}): Target {
  expectOptions("targetFor", devices, devicesKinds);
  return targetOf(name, devices).target;
}

/** The row of a target, or of the default target. Throws `TypeError` for a name or a class that does not exist. */
export function targetOf(name: TargetName = defaultTarget, { limits, adapter }: Devices = {}): TargetEntry {
  const known = Object.hasOwn(targets, name);
  if (!known) throw new TypeError(`there is no target ${String(name)}; there is ${targetNames.join(", ")}`);
  if (adapter !== undefined && !adapterClasses.includes(adapter))
    throw new TypeError(
      `there is no class of adapters ${String(adapter)}; there is ${adapterClasses.join(", ")}`,
    );
  const entry: TargetEntry = targets[name];
  const target = entry.targetFor?.({ ...guaranteedLimits, ...limits }, adapter);
  return { ...entry, target: target ?? entry.target };
}
