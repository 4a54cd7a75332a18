// Prints names: plain ones as they are, all others in backticks.

import type { Name } from "../ast.js";
import { quote } from "../quote.js";
import { reservedWords } from "../tokens/tokens.js";

const plain = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*$/;

/** A name as the language writes it: in backticks if it is a keyword or not a plain name, with escapes if it needs them. */
export function printName(name: string): string {
  return plain.test(name) && !reservedWords.has(name) ? name : quote(name, "`");
}

/** A name before the `=` of an argument, where keywords are names. */
export function printArgumentName(name: string): string {
  return plain.test(name) ? name : quote(name, "`");
}

/** The name of a pass, whose words may be keywords: `fuse`, `fold-batch-norm`. */
export function printPassName(name: string): string {
  return name.split("-").every((word) => plain.test(word)) ? name : quote(name, "`");
}

/** A name that is bound. Unnecessary backticks stay, since without them the name may be a literal. */
export function printBoundName({ text, quoted }: Name): string {
  return quoted ? quote(text, "`") : printName(text);
}
