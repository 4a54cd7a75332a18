// Errors that stop an import. An operator throws one, and the loop over the nodes turns it into a diagnostic.

import type { DiagnosticCode } from "#diagnostic/codes.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { lineText } from "#diagnostic/escape.js";
import { error } from "#diagnostic/diagnostic.js";
import { elements } from "#ir/type.js";
import type { ImportBuilder } from "./builder.js";
import type { Ref } from "./value.js";

/** A mistake or limit of the model. It never leaves `importOnnx` or `importTfjs`. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: DiagnosticCode;
  readonly help: readonly string[];
  /** The computed values that would have to be known. */
  readonly computed: readonly Ref[];
  /** Whether all messages have been given already. */
  readonly isQuiet: boolean;

  constructor(
    code: DiagnosticCode,
    message: string,
    {
      help = [],
      computed = [],
      isQuiet = false,
    }: Partial<Pick<Refusal, "help" | "computed" | "isQuiet">> = {},
  ) {
    super(message);
    this.code = code;
    this.help = help;
    this.computed = computed;
    this.isQuiet = isQuiet;
  }
}

/** Stops with an error of the given code. */
export function refuse(code: DiagnosticCode, message: string, ...help: readonly string[]): never {
  throw new Refusal(code, message, { help });
}

/** Stops at something that the importer does not support; `what` is a noun phrase. */
export function unsupported(what: string, ...help: readonly string[]): never {
  throw new Refusal("unsupported-operator", `${what} is not supported`, { help });
}

/** Stops at an operator that cannot compute each sample alone; `what` says what it does to the batch. */
export function refuseBatch(what: string, symbol: string): never {
  throw batchRefusal(what, symbol);
}

/** The refusal of an operator that cannot compute each sample alone. */
export function batchRefusal(what: string, symbol: string): Refusal {
  return new Refusal("mixes-batch", `${what}, but ${quote(symbol)} is left open`, {
    help: [`bind it with --dim ${symbol}=1`],
  });
}

/** Stops at a value that must be known when the model is compiled but is computed from the inputs. */
export function needsConstant(message: string, computed: readonly Ref[], ...help: readonly string[]): never {
  throw new Refusal("needs-constant", message, { help, computed });
}

/** Stops where the messages have been given already. */
export function refuseQuietly(): never {
  throw new Refusal("unsupported-operator", "it cannot be imported", { isQuiet: true });
}

/**
 * The diagnostic of a refusal, which begins with the place; rethrows anything else. `build` lets it name the inputs that the refused value
 * depends on.
 */
export function diagnosticOf(cause: unknown, place: string, build?: ImportBuilder): Diagnostic {
  if (!(cause instanceof Refusal)) throw cause;
  const help = [...cause.help, ...(build && cause.computed.length > 0 ? fixHelp(build, cause.computed) : [])];
  return error(cause.code, `${place}: ${cause.message}`, help.length > 0 ? { help } : {});
}

/** The most elements of an input for which the help proposes to fix it. */
const fixLimit = 16;

/** Names the inputs that the values are computed from, and says how to fix those that have few elements. */
function fixHelp(build: ImportBuilder, computed: readonly Ref[]): readonly string[] {
  const needed = new Set(computed.flatMap((ref) => (ref.kind === "node" ? [ref.id] : [])));
  for (const id of needed) for (const input of build.nodes.get(id)?.inputs ?? []) needed.add(input);
  const inputs = [...needed].flatMap((id) => {
    const node = build.nodes.get(id);
    return node?.op === "input" ? [node] : [];
  });
  if (inputs.length === 0) return [];
  const names = inputs
    .slice(0, 8)
    .map(({ name }) => quote(name))
    .join(", ");
  const depends = `it depends on the input${inputs.length === 1 ? "" : "s"} ${names}`;
  if (inputs.length > 8 || !inputs.every(({ type }) => elements(type.shape) <= fixLimit)) return [depends];
  const options = inputs.map(({ name }) => `--constant ${shellWord(name)}=VALUE`);
  return [`${depends}: ${options.join(" ")} fixes ${inputs.length === 1 ? "it" : "them"}`];
}

/** Quotes a name from a file for a message: shortened, and on one line. */
export function quote(name: string): string {
  return `\`${lineText(name.length > 100 ? `${name.slice(0, 100)}…` : name)}\``;
}

/** A name as one word of a command line. */
export function shellWord(name: string): string {
  const plain = name.replaceAll(/\p{C}/gu, "\uFFFD");
  return /^[\w./:@%+=,-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`;
}
