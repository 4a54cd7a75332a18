// Suspects: what may change the results of a module without being allowed to. A pass, or all that makes code of a module.

import { InternalError, bug } from "#diagnostic/diagnostic.js";
import { runToEnd } from "#diagnostic/interruptible.js";
import type { EmitModuleOptions } from "#compile/emit.js";
import { emitWithinLimits } from "#compile/emit.js";
import { load } from "#compile/load.js";
import type { OptimizeOptions } from "#compile/optimize.js";
import { optimize } from "#compile/optimize.js";
import { targetOf } from "#compile/targets.js";
import { interpret } from "#interpret/interpret.js";
import { halfKernels } from "#interpret/tolerance.js";
import type { Module } from "#ir/weights.js";
import { compactWeights } from "#passes/compact-weights.js";
import { checkKernels } from "#passes/fuse/check-kernels.js";
import { split } from "#passes/split.js";
import type { LoadOptions } from "#runtime/types.js";
import type { Case } from "./case.js";
import type { Departure, Expected, Outputs } from "./compare.js";
import { departureFrom, driftsOf, expectedOf } from "./compare.js";

/** What is wrong with a case. */
export type Finding =
  /** A result departs. */
  | { readonly kind: "values"; readonly departure: Departure }
  /** The compiler failed, or made a graph that is not sound. */
  | { readonly kind: "crash"; readonly message: string };

export interface Suspect {
  /** What it does to a case that is wrong; undefined if nothing is, or if it does not apply to the case. */
  find(of: Case): Promise<Finding | undefined>;
  /** For a pass: the module after it. */
  readonly after?: (module: Module) => Module | undefined;
}

/** The options that decide what passes do. */
export type PassSettings = Omit<
  OptimizeOptions,
  | "passes"
  | "without"
  | "from"
  | "stopAfter"
  | "verify"
  | "printAfter"
  | "onPrint"
  | "onStart"
  | "onPass"
  | "onTime"
>;

export interface PassSuspect {
  readonly pass: string;
  /** The rule that must have been applied. */
  readonly rule?: string;
  /** The largest difference that is allowed, if the pass approximates on purpose. */
  readonly allowed?: number;
  /** Whether the results matter; otherwise only whether it fails. */
  readonly isCrash: boolean;
}

/** A pass as a suspect. */
export function passSuspect(settings: PassSettings, { pass, rule, allowed, isCrash }: PassSuspect): Suspect {
  const after = (module: Module): Module | undefined => {
    const { value } = optimize(module, optionsOf(settings, [pass]));
    const run = value?.trace[0];
    return run && (rule === undefined || run.applied.some((one) => one.rule === rule))
      ? run.after
      : undefined;
  };
  return {
    after,
    find: async (of) => {
      const changed = guarded(() => after(of.module));
      if ("crash" in changed) return isCrash ? changed.crash : undefined;
      if (isCrash || !changed.value) return undefined;
      return judge(expectedOf(of), outputsOf({ module: changed.value, inputs: of.inputs }), allowed);
    },
  };
}

/** The options for running only some passes. Rules have been checked before. */
export function optionsOf(
  { split: how, weightType, ...settings }: PassSettings,
  passes: readonly string[],
): OptimizeOptions {
  return {
    ...settings,
    ...(how && passes.includes(split.name) && { split: how }),
    ...(weightType && passes.includes(compactWeights.name) && { weightType }),
    passes,
    trustRules: true,
    verify: true,
  };
}

/** The outputs of a module by the interpreter. */
export function outputsOf({ module, inputs }: Case): Outputs {
  return new Map([...interpret(module, inputs)].map(([name, { data }]) => [name, data]));
}

/** The finding about outputs; `allowed` is the largest difference if they were approximated on purpose. */
export function judge(expected: Expected, actual: Outputs, allowed?: number): Finding | undefined {
  const departure =
    allowed === undefined
      ? departureFrom(expected, actual)
      : driftsOf(expected, actual, new Map())
          .map((one) => ({ ...one.departure, allowed }))
          .find((one) => !(Math.abs(one.actual - one.expected) <= allowed));
  return departure && { kind: "values", departure };
}

/** How modules become code that runs. */
export interface CodeSettings extends Pick<EmitModuleOptions, "target" | "limits" | "adapter" | "f16"> {
  readonly load?: LoadOptions;
}

/** Runs the code of an optimized module. */
export type RunCode = (
  of: Case,
) => Promise<{ readonly outputs: Outputs; readonly halves: number } | undefined>;

/** Emits a module and runs it once; undefined if it cannot be code of the target. */
export function codeRunner({ load: how, ...settings }: CodeSettings): RunCode {
  return async ({ module, inputs }) => {
    const { value } = runToEnd(emitWithinLimits(module, settings));
    if (!value) return undefined;
    const net = await load(value, { poison: true, ...how });
    try {
      const given = [...inputs].map(([name, { data }]) => [name, Float32Array.from(data)] as const);
      const outputs = await net.run(Object.fromEntries(given));
      return { outputs: new Map(Object.entries(outputs)), halves: halfKernels(net) };
    } finally {
      net.dispose();
    }
  };
}

/** The code of a target as a suspect, for modules after all passes. `kind` is what must be found. */
export function codeSuspect(run: RunCode, settings: CodeSettings, kind?: Finding["kind"]): Suspect {
  const { target } = targetOf(settings.target, settings);
  return {
    find: async ({ module, inputs }) => {
      // A kernel of which a part was cut off may be none any more.
      const of = { module: { ...module, graph: checkKernels(module, target).graph }, inputs };
      let finding: Finding | undefined;
      try {
        const ran = await run(of);
        const departure = ran && departureFrom(expectedOf(of), ran.outputs, ran.halves);
        finding = departure && { kind: "values", departure };
      } catch (thrown) {
        if (!(thrown instanceof InternalError)) throw thrown;
        finding = { kind: "crash", message: thrown.message };
      }
      return kind === undefined || finding?.kind === kind ? finding : undefined;
    },
  };
}

type Guarded<T> = { readonly value: T } | { readonly crash: Extract<Finding, { kind: "crash" }> };

/** Calls a function that may show a bug of the compiler. */
function guarded<T>(run: () => T): Guarded<T> {
  try {
    return { value: run() };
  } catch (thrown) {
    if (!(thrown instanceof Error)) return bug(String(thrown));
    return { crash: { kind: "crash", message: thrown.message } };
  }
}
