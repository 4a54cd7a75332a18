// Runs passes one after another, with instruments around them.

import type { Patch } from "immer";
import type { Diagnostic, Result } from "#diagnostic/diagnostic.js";
import { bug, hasErrors, InternalError } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import { graphPatches } from "./patches.js";
import type { Pass, PassContext } from "./pass.js";

/** What happened in one pass. */
export interface PassRun {
  readonly pass: Pass;
  readonly before: Module;
  readonly after: Module;
  readonly milliseconds: number;
  /** The change as immer patches of the graph, small where the change is; computed when asked for. */
  patches(): readonly Patch[];
}

/** Something around passes: printing, timing, verifying, tracing. */
export interface Instrument {
  /** Called before each pass that runs. */
  before?(pass: Pass<never>): void;
  /** Called after each pass that ran, the unchanged ones too. What it throws ends the pipeline. */
  after(run: PassRun): void;
}

export interface PipelineOptions {
  readonly instruments?: readonly Instrument[];
  /** Milliseconds from any origin; for the times of passes. */
  readonly now?: () => number;
}

/**
 * The module after all passes, or what they reported. An error that a pass reports ends the pipeline after it. What a
 * pass throws becomes an `InternalError` that names the pass.
 */
export function runPipeline<Options>(
  module: Module,
  passes: readonly Pass<Options>[],
  context: Omit<PassContext<Options>, "report">,
  { instruments = [], now = () => performance.now() }: PipelineOptions = {},
): Result<Module> {
  const diagnostics: Diagnostic[] = [];
  const full: PassContext<Options> = { ...context, report: (one) => void diagnostics.push(one) };
  let current = module;
  for (const pass of passes) {
    const before = current;
    for (const instrument of instruments) instrument.before?.(pass);
    const start = now();
    const after = guarded(pass.name, () => pass.run(before, full));
    const milliseconds = now() - start;
    current = after;
    const run: PassRun = {
      pass,
      before,
      after,
      milliseconds,
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
