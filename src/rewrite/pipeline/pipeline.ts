// Runs passes one after another, with instruments around them.

import type { Patch } from "immer";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { bug, hasErrors, InternalError } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import type { AnyRule } from "../rule/rule.js";
import type { AppliedRule } from "../rule/sweep.js";
import { graphPatches } from "./patches.js";
import { runExtraPass } from "./extra-pass.js";
import type { Pass, PassContext } from "./pass.js";

/** One run of a pass. */
export interface PassRun {
  readonly pass: Pass;
  readonly before: Module;
  readonly after: Module;
  readonly milliseconds: number;
  /** The rules that the pass tried. */
  readonly rules: readonly AnyRule[];
  /** The rules that the pass applied, in order; each gives the module after it. */
  readonly applied: readonly AppliedRule[];
  /** The change as immer patches of the graph, small if the change is small; computed on request. */
  patches(): readonly Patch[];
}

/** Code that runs around passes: printing, timing, verifying, tracing. */
export interface Instrument {
  /** Called before each pass that runs. */
  before?(pass: Pass<never>): void;
  /** Called after each pass that ran, also if it changed nothing. If it throws, the pipeline ends. */
  after(run: PassRun): void;
}

export interface PipelineOptions {
  readonly instruments?: readonly Instrument[];
  /** The passes of the caller among the passes. What they throw is an error, and no bug of Cleave. */
  readonly extra?: ReadonlySet<Pass<never>>;
  /** Gives milliseconds from any origin, to time passes. */
  readonly now?: () => number;
}

/**
 * The module after all passes, or the errors that they reported. An error ends the pipeline after the pass that reported it. If a
 * pass throws, the pipeline throws an `InternalError` that names the pass.
 */
export function runPipeline<Options>(
  module: Module,
  passes: readonly Pass<Options>[],
  context: Omit<PassContext<Options>, "report" | "onApply">,
  { instruments = [], extra = new Set(), now = () => performance.now() }: PipelineOptions = {},
): Result<Module> {
  const diagnostics: Diagnostic[] = [];
  const report = (one: Diagnostic): void => void diagnostics.push(one);
  let current = module;
  for (const pass of passes) {
    const before = current;
    for (const instrument of instruments) instrument.before?.(pass);
    const applied: AppliedRule[] = [];
    const onApply = (one: AppliedRule): void => void applied.push(one);
    const start = now();
    const full = { ...context, report, onApply };
    const result = extra.has(pass)
      ? runExtraPass(pass, before, full)
      : { value: guarded(pass.name, () => pass.run(before, full)), diagnostics: [] };
    const milliseconds = now() - start;
    for (const one of result.diagnostics) diagnostics.push(one);
    const after = result.value;
    if (!after) return { diagnostics };
    current = after;
    const run: PassRun = {
      pass,
      before,
      after,
      milliseconds,
      rules: pass.rules?.(context.options) ?? [],
      applied,
      patches: () => graphPatches(before.graph, after.graph),
    };
    for (const instrument of instruments) instrument.after(run);
    if (hasErrors(diagnostics)) return { diagnostics };
  }
  return { value: current, diagnostics };
}

function guarded<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (thrown instanceof InternalError) return bug(`pass ${name}: ${message}`);
    throw new InternalError(`pass ${name}: ${message}`, { cause: thrown });
  }
}
