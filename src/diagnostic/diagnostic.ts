// What the compiler says to a person: diagnostics are values, rendered by `render.ts`; only a bug throws.

import type { DiagnosticCode } from "./codes.js";
import { expectList } from "./argument.js";

/** A piece of a source text: character offsets `[start, end)` into the text registered under `file`. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** A second place that belongs to the message, with what is to be seen there. */
export interface Label {
  readonly span: Span;
  readonly message: string;
}

/** One message to the user. `code` is stable (`unknown-name`, `shape-mismatch`); `help` lines say what to do. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "note";
  readonly code: DiagnosticCode;
  readonly message: string;
  /** Where; absent for what has no text (a weight file, an image). The message then names the file. */
  readonly span?: Span;
  /** What stands at `span`, in a few words, printed after the caret. */
  readonly label?: string;
  readonly others?: readonly Label[];
  readonly help?: readonly string[];
}

/** A value with the diagnostics that making it gave; `value` is absent if there was an error. */
export interface Result<T> {
  readonly value?: T;
  readonly diagnostics: readonly Diagnostic[];
}

/** Builds an error; `details` may give `span`, `label`, `others` and `help`. */
export function error(
  code: DiagnosticCode,
  message: string,
  details: Omit<Diagnostic, "severity" | "code" | "message"> = {},
): Diagnostic {
  return { severity: "error", code, message, ...details };
}

/** Builds a warning, as `error` builds an error. */
export function warning(
  code: DiagnosticCode,
  message: string,
  details: Omit<Diagnostic, "severity" | "code" | "message"> = {},
): Diagnostic {
  return { severity: "warning", code, message, ...details };
}

/** True if any of the diagnostics is an error. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  expectList("hasErrors", "a list of diagnostics", diagnostics);
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}

/** A bug in Cleave, not in the input: names where it was noticed. The CLI turns it into exit code 70. */
export class InternalError extends Error {
  override readonly name = "InternalError";
}

/** Throws an `InternalError`; for what a correct compiler never reaches. */
export function bug(message: string): never {
  throw new InternalError(message);
}
