// Reads the model of a command, and reports errors on stderr.

import type { Result } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { given } from "#diagnostic/given.js";
import type { Model, ReadOptions } from "#node/read-model.js";
import { readModel } from "#node/read-model.js";
import type { ModelOptions } from "../options/model.js";
import { report } from "../output/terminal.js";
import type { Session } from "../session/session.js";
import { readConstants } from "./constants.js";

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

/** Converts the options of a command to those of `readModel`; reads the files of constants. */
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
    ...given({ net, weights: weights?.file }),
  };
  return { value, diagnostics: [] };
}
