// Where a command writes: results to stdout, everything else to stderr.

import { fstatSync, writeSync } from "node:fs";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { hasErrors } from "#diagnostic/diagnostic.js";
import { render } from "#diagnostic/render.js";
import { reason } from "#node/reason.js";

/** The outside of a command; tests give their own. */
export interface Terminal {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** Whether stderr takes colours; `NO_COLOR` and `FORCE_COLOR` are honoured. */
  readonly color: boolean;
  /** Whether stdout does. */
  readonly outColor: boolean;
  /** Whether a person watches stderr, so that progress makes sense. */
  readonly interactive: boolean;
}

/** The terminal as commands have it: `out` and `err` let nothing through that a terminal obeys, whatever a model is called. */
export interface CommandTerminal extends Terminal {
  /** Text with colours of ours, in which all that comes from a model went through `terminalText` or `lineText`. */
  paintedOut(text: string | Uint8Array): void;
  paintedErr(text: string): void;
}

/** Exit codes of every command. */
export const exit = { done: 0, wrongInput: 1, wrongUsage: 2, bug: 70 } as const;

/** Results that cannot be written, as on a full disk: the machine's fault, not the compiler's. */
export class OutputError extends Error {}

/** The message where results cannot be written. */
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
  // Streams to pipes and terminals write everything or tell of an error; the one to a file drops what a full disk does not take.
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
 * terminal that can. Each stream is asked on its own, since one of them may be a file.
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

/** Most diagnostics that are printed at once: one mends these before reading on. */
const shownAtOnce = 50;

/** Prints diagnostics to stderr; gives the exit code that they mean. */
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
