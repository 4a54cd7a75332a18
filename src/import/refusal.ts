// What stops an import: thrown while a node is read and turned into a diagnostic where nodes are walked.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";

/** A mistake or limit of the model. It never leaves `importOnnx`. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly help: readonly string[];

  constructor(code: string, message: string, help: readonly string[] = []) {
    super(message);
    this.code = code;
    this.help = help;
  }
}

/** Stops with an error of the given code. */
export function refuse(code: string, message: string, ...help: readonly string[]): never {
  throw new Refusal(code, message, help);
}

/** Stops at something that the importer does not do. */
export function unsupported(message: string, ...help: readonly string[]): never {
  throw new Refusal("unsupported-operator", message, help);
}

/** Stops at what cannot be done sample by sample; `what` says of an open batch why. */
export function refuseBatch(what: string, symbol: string): never {
  throw new Refusal("mixes-batch", `${what}, but ${quote(symbol)} is left open`, [
    `bind it with --dim ${symbol}=1`,
  ]);
}

/** The diagnostic of a refusal, with the place in front; anything else is thrown on. */
export function diagnosticOf(cause: unknown, place: string): Diagnostic {
  if (!(cause instanceof Refusal)) throw cause;
  return error(cause.code, `${place}: ${cause.message}`, cause.help.length > 0 ? { help: cause.help } : {});
}

/** A name from a file in a message: cut, and without characters that would bend a terminal. */
export function quote(name: string): string {
  const cut = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return `\`${cut.replaceAll(/\p{C}/gu, "\uFFFD")}\``;
}
