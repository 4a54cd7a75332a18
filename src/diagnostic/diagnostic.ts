// Diagnostics: messages to the user as values, which `render.ts` formats. Only a bug in the compiler throws.

import type { DiagnosticCode } from "./codes.js";
import { expectList } from "./argument.js";

/** A part of a source text: character offsets `[start, end)` into the text of `file`. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** Another place that belongs to the message, with a few words about it. */
export interface Label {
  readonly span: Span;
  readonly message: string;
}

/** A replacement in the source that mends what a message is about. */
export interface Fix {
  /** What it does, in a few words: menus of editors show them. */
  readonly title: string;
  readonly span: Span;
  /** What stands there afterwards. */
  readonly text: string;
}

/** One message to the user. `code` is stable (`unknown-name`, `shape-mismatch`); `help` lines say how to fix it. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "note";
  readonly code: DiagnosticCode;
  readonly message: string;
  /** The place; absent if the source is not a text (a weight file, an image). Then the message names the file. */
  readonly span?: Span;
  /** A few words about `span`, printed after the caret. */
  readonly label?: string;
  readonly others?: readonly Label[];
  readonly help?: readonly string[];
  /** What editors offer to do about it; where there are several, each is one of the possibilities. */
  readonly fixes?: readonly Fix[];
  /** A text in Cleave's language that shows it, such as a net. It is printed behind the help as it is, so that it can be copied. */
  readonly example?: string;
}

/** The result of a function with its diagnostics; `value` is absent if there was an error. */
export interface Result<T> {
  readonly value?: T;
  readonly diagnostics: readonly Diagnostic[];
}

/** Makes an error; `details` may have `span`, `label`, `others`, `help`, `fixes` and `example`. */
export function error(
  code: DiagnosticCode,
  message: string,
  details: Omit<Diagnostic, "severity" | "code" | "message"> = {},
): Diagnostic {
  return { severity: "error", code, message, ...details };
}

/** Makes a warning, like `error`. */
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

/** A bug in Cleave, not in the input. The message says where it was detected. The CLI exits with code 70. */
export class InternalError extends Error {
  override readonly name = "InternalError";
}

/** Throws an `InternalError`. Call it where a correct compiler never gets. */
export function bug(message: string): never {
  throw new InternalError(message);
}
