// The terminal of commands: results go to stdout, everything else to stderr.

import { fstatSync, writeSync } from "node:fs";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { render } from "#diagnostic/render.js";
import { reason } from "#node/reason.js";

/** The output streams of a command; tests replace them. */
export interface Terminal {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** Whether stderr takes colours, as `NO_COLOR`, `FORCE_COLOR` and the terminal say. */
  readonly color: boolean;
  /** Whether stdout takes colours. */
  readonly outColor: boolean;
  /** Whether stderr is an interactive terminal, on which progress is shown. */
  readonly interactive: boolean;
}

/** The terminal for commands: `out` and `err` replace control characters, which names in a model may contain. */
export interface CommandTerminal extends Terminal {
  /** Writes text with Cleave's colours. All text of a model in it must have passed `terminalText` or `lineText`. */
  paintedOut(text: string | Uint8Array): void;
  paintedErr(text: string): void;
}

/** Exit codes of every command. */
export const exit = { done: 0, wrongInput: 1, wrongUsage: 2, bug: 70 } as const;

/** Thrown if results cannot be written, for example on a full disk: an error of the machine, not of the compiler. */
export class OutputError extends Error {}

/** The message if results cannot be written. */
export function outputError(cause: unknown): string {
  return `error: cannot write the result to stdout: ${reason(cause)}\n`;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    out: writeOut,
    err: (text) => void process.stderr.write(text),
    color: takesColor(process.stderr, process.env),
    outColor: takesColor(process.stdout, process.env),
    interactive: Boolean(process.stderr.isTTY) && process.env["TERM"] !== "dumb",
  };
}

/** Writes all of a text or throws an `OutputError`. */
function writeOut(text: string | Uint8Array): void {
  // Streams to pipes and terminals write everything or report an error; a stream to a file silently drops data on a full disk.
  const stdout = fstatSync(1);
  if (process.stdout.isTTY || stdout.isFIFO() || stdout.isSocket()) {
    process.stdout.write(text);
    return;
  }
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  try {
    for (let from = 0; from < bytes.length;) from += writeSync(1, bytes, from);
  } catch (cause) {
    throw new OutputError(outputError(cause), { cause });
  }
}

/**
 * Whether a stream takes colours: never with `NO_COLOR` (https://no-color.org), always with `FORCE_COLOR`, else if it is a
 * terminal with colours. Each stream is checked separately, since one of them may be a file.
 */
export function takesColor(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const { NO_COLOR: no = "", FORCE_COLOR: force = "", TERM: kind } = environment;
  if (no !== "") return false;
  if (force !== "") return force !== "0";
  return stream.isTTY === true && kind !== "dumb";
}

/** Most diagnostics that are printed at once. */
const shownAtOnce = 50;

/** Prints diagnostics to stderr and returns the exit code for them. */
export function report(
  terminal: CommandTerminal,
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
): number {
  const shown = diagnostics.slice(0, shownAtOnce);
  if (shown.length > 0) terminal.paintedErr(render(shown, sources, { color: terminal.color }));
  if (diagnostics.length > shown.length) terminal.err(`\n… and ${diagnostics.length - shown.length} more\n`);
  return hasErrors(diagnostics) ? exit.wrongInput : exit.done;
}
