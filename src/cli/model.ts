// Reading the model of a command, and running its passes, with everything that goes wrong said on stderr.

import { given } from "#diagnostic/given.js";
import { lineText } from "#diagnostic/escape.js";
import { optimize } from "#compile/optimize.js";
import type { Optimized } from "#compile/optimize.js";
import { joinRules } from "#compile/rules.js";
import { targetOf } from "#compile/targets.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Module } from "#ir/weights.js";
import type { Result } from "#diagnostic/diagnostic.js";
import type { Model, ReadOptions } from "#node/read-model.js";
import { readModel, readRules } from "#node/read-model.js";
import { printGraph } from "#inspect/lift.js";
import { readConstants } from "./constants.js";
import { readDevices } from "./devices.js";
import type { ModelOptions, PassOptions } from "./model-options.js";
import type { Session } from "./session.js";
import { exit, report } from "./terminal.js";

/** The model, or undefined after errors, with the session's exit code set. */
export function loadModel(path: string, options: ModelOptions, session: Session): Model | undefined {
  session.progress.show(`reading ${path}`);
  const read = readOptions(options);
  const none = { value: undefined, diagnostics: read.diagnostics, sources: new Map<string, string>() };
  const { value, diagnostics, sources } = read.value ? readModel(path, read.value) : none;
  session.code = Math.max(session.code, report(session.terminal, diagnostics, sources));
  if (value?.seeded) {
    session.terminal.err(
      `${lineText(value.graph.name)} names no weights: its parameters are seeded random values\n`,
    );
  }
  return value;
}

/** The options of a command as those of reading a model; the files of constants are read. */
export function readOptions({
  dim,
  constant,
  inputs,
  outputs,
  net,
  weights,
}: ModelOptions): Result<ReadOptions> {
  const constants = readConstants(constant);
  if (!constants.value) return { diagnostics: constants.diagnostics };
  const value = {
    dims: dim,
    constants: constants.value,
    inputs,
    outputs,
    ...given({ net, weights }),
  };
  return { value, diagnostics: [] };
}

/** The optimized model, or undefined after errors; `onPass` sees the module after each pass. */
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
    winograd: options.winograd,
    winogradMemory: options.winogradMemory,
    ...joinRules([rules.value, model.rules]),
    rulesAt: options.rulesAt,
    trustRules: options.trustRules ?? false,
    approx: options.approx ?? false,
    withoutRules: options.withoutRule,
    verify: options.verify ?? false,
    without: options.without,
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
    ...given({ passes: options.passes, stopAfter: options.stopAfter, split }),
  });
  // The model comes from a reader of ours.
  const unsound = optimized.diagnostics.find((one) => one.code === "wrong-module");
  if (unsound) bug(unsound.message);
  const code = report(terminal, optimized.diagnostics, sources);
  // The names of passes stand on the command line alone.
  const misnamed = optimized.diagnostics.some(
    ({ code: one }) => one === "unknown-pass" || one === "unknown-rule" || one === "wrong-place",
  );
  session.code = Math.max(session.code, misnamed ? exit.wrongUsage : code);
  return optimized.value;
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
