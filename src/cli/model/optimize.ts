// Runs the passes on the model of a command, and reports errors on stderr.

import type { SplitMode } from "#passes/split.js";
import { kernelErrors } from "#compile/lower-module.js";
import type { Optimized, OptimizeOptions } from "#compile/optimize.js";
import { optimize } from "#compile/optimize.js";
import type { RuleSet } from "#compile/rules.js";
import { joinRules } from "#compile/rules.js";
import { targetOf } from "#compile/targets.js";
import type { TargetName } from "#ir/target.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { printGraph } from "#inspect/lift.js";
import type { Module } from "#ir/weights.js";
import type { Model } from "#node/read-model.js";
import { readRules } from "#node/read-model.js";
import { ruleCountsText } from "#report/rule-counts.js";
import type { PassOptions } from "../options/passes.js";
import { jsonText } from "../output/json.js";
import { exit, report } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import { readDevices } from "./devices.js";

/** The optimized model, or undefined after errors; `onPass` is called with the module after each pass. */
export function optimizeModel(
  model: Model,
  options: PassOptions,
  session: Session,
  onPass?: (pass: string, module: Module) => void,
): Optimized | undefined {
  const { terminal } = session;
  const { split } = options;
  if (split?.mode === "loss") bug("a loss is measured with samples");
  const rules = readRules(options.rules);
  session.code = Math.max(session.code, report(terminal, rules.diagnostics, rules.sources));
  if (rules.value === undefined) return undefined;
  const devices = readDevices(options, session);
  if (!devices) return undefined;
  const sources = new Map([...model.sources, ...rules.sources]);
  const optimized = optimize(model, {
    target: targetOf(options.target, devices).target,
    ...passChoices(options, split, joinRules([rules.value, model.rules])),
    verify: options.verify ?? false,
    printAfter: options.printAfter,
    onStart: (pass) => session.progress.show(`pass ${pass}`),
    onPrint: (pass, module) => terminal.err(`after ${pass}:\n${printGraph(module)}\n`),
    ...given({ onPass }),
    ...(options.time
      ? {
          onTime: (pass, ms, changed) =>
            terminal.err(
              `${pass.padEnd(36)} ${ms.toFixed(1).padStart(8)} ms${changed ? "" : "  no change"}\n`,
            ),
        }
      : {}),
  });
  // The model comes from one of Cleave's readers, so an invalid module is a bug.
  const unsound = optimized.diagnostics.find((one) => one.code === "wrong-module");
  if (unsound) bug(unsound.message);
  if (options.trace && optimized.value) {
    const { ruleCounts: rules } = optimized.value;
    terminal.err(options.json ? jsonText({ rules }) : ruleCountsText(rules));
  }
  reportOptimized(optimized.diagnostics, sources, session);
  return optimized.value;
}

/** Which passes and rules run, and how, as the command line says it. A split within a loss is none for passes. */
export function passChoices(
  options: PassOptions,
  split: SplitMode | undefined,
  rules: RuleSet,
): Omit<OptimizeOptions, "target"> {
  return {
    ...rules,
    winograd: options.winograd,
    winogradMemory: options.winogradMemory,
    rulesAt: options.rulesAt,
    trustRules: options.trustRules ?? false,
    approx: options.approx ?? false,
    withoutRules: options.withoutRule,
    without: options.without,
    ...given({
      passes: options.passes,
      from: options.from,
      stopAfter: options.stopAfter,
      split,
      weightType: options.weights?.type,
    }),
  };
}

/** Reports what `optimize` said about a model and its options. */
export function reportOptimized(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  session: Session,
): void {
  const code = report(session.terminal, diagnostics, sources);
  // Names of passes occur only on the command line.
  const misnamed = diagnostics.some(
    ({ code: one }) => one === "unknown-pass" || one === "unknown-rule" || one === "wrong-place",
  );
  session.code = Math.max(session.code, misnamed ? exit.wrongUsage : code);
}

/** Whether a module can become kernels of a target; reports errors if it cannot. */
export function hasKernels(
  module: Module,
  model: Model,
  target: TargetName | undefined,
  session: Session,
): boolean {
  const errors = kernelErrors(module, targetOf(target).target);
  session.code = Math.max(session.code, report(session.terminal, errors, model.sources));
  return errors.length === 0;
}

/** The model as written, or after a pass, or after `all`. */
export function moduleAfter(
  model: Model,
  pass: string | undefined,
  options: PassOptions,
  session: Session,
): Module | undefined {
  if (pass === undefined) return model;
  const until = pass === "all" ? options : { ...options, stopAfter: pass };
  return optimizeModel(model, until, session)?.module;
}
