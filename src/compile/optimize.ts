// Optimizing: the passes over a module, chosen and watched as the caller wishes.

import { passes as allPasses } from "#passes/index.js";
import type { PassOptions } from "#passes/index.js";
import type { SplitMode, SplitReport } from "#passes/split.js";
import { wrongSplit } from "#passes/split.js";
import { expectArgument, hasProperties } from "#diagnostic/argument.js";
import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import type { Target } from "#ir/target.js";
import type { Module } from "#ir/weights.js";
import type { Fusion } from "#rewrite/fusion.js";
import { printing, timing, verifying } from "#rewrite/instruments.js";
import type { Instrument, PassRun } from "#rewrite/pipeline.js";
import { runPipeline } from "#rewrite/pipeline.js";
import type { Rule } from "#rewrite/rule.js";
import { selectPasses } from "#rewrite/selection.js";
import { targets } from "./targets.js";

export interface OptimizeOptions {
  /** What costs are modelled for; JavaScript by default. */
  readonly target?: Target;
  /** Whether and how convolutions are split; not at all by default. */
  readonly split?: SplitMode;
  /** Rules and fusions of the caller, tried before the built-in ones. */
  readonly rules?: readonly Rule[];
  readonly fusions?: readonly Fusion[];
  /** Whether `rule approx` applies. */
  readonly approx?: boolean;
  /** Just these passes, in this order. */
  readonly passes?: readonly string[];
  readonly without?: readonly string[];
  readonly stopAfter?: string;
  /** Checks the graph's invariants after each pass; throws `InternalError` if one is broken. */
  readonly verify?: boolean;
  /** `onPrint` is called after these passes, or after `all`. */
  readonly printAfter?: readonly string[];
  readonly onPrint?: (pass: string, module: Module) => void;
  /** Called after every pass. */
  readonly onPass?: (pass: string, module: Module) => void;
  readonly onTime?: (pass: string, milliseconds: number, changed: boolean) => void;
}

export interface Optimized {
  readonly module: Module;
  /** What each pass did, in order: the module before and after, its time, and the change as patches. */
  readonly trace: readonly PassRun[];
  /** What was split, and why the rest was not; present if `split` was asked for. */
  readonly split?: SplitReport;
}

/** The module after the passes, or what is wrong with the options. */
export function optimize(module: Module, options: OptimizeOptions = {}): Result<Optimized> {
  expectArgument(
    "optimize",
    "a module, `{ graph, weights }`",
    module,
    hasProperties(module, "graph", "weights"),
  );
  const problem = options.split && wrongSplit(options.split);
  if (problem !== undefined) return { diagnostics: [error("wrong-option", `split: ${problem}`)] };
  const selected = selectPasses(allPasses, {
    ...(options.passes ? { passes: options.passes } : {}),
    ...(options.without ? { without: options.without } : {}),
    ...(options.stopAfter === undefined ? {} : { stopAfter: options.stopAfter }),
    ...(options.printAfter ? { printAfter: options.printAfter } : {}),
  });
  if (!selected.value) return { diagnostics: selected.diagnostics };
  const trace: PassRun[] = [];
  const instruments: Instrument[] = [
    { after: (run) => void trace.push(run) },
    ...(options.verify ? [verifying()] : []),
    ...(options.onTime ? [timing(options.onTime)] : []),
    ...(options.onPrint ? [printing(options.printAfter ?? [], options.onPrint)] : []),
    ...(options.onPass ? [printing(["all"], options.onPass)] : []),
  ];
  let split: SplitReport | undefined;
  const passOptions: PassOptions = {
    ...(options.rules ? { rules: options.rules } : {}),
    ...(options.fusions ? { fusions: options.fusions } : {}),
    ...(options.split ? { split: options.split } : {}),
    approx: options.approx ?? false,
    onSplit: (report) => void (split = report),
  };
  const context = { target: options.target ?? targets.js.target, options: passOptions };
  const { value, diagnostics } = runPipeline(module, selected.value, context, { instruments });
  return value
    ? { value: { module: value, trace, ...(split ? { split } : {}) }, diagnostics }
    : { diagnostics };
}
