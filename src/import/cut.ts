// Cutting a model: outputs that the caller names instead of the model's own, and where to cut before what cannot be imported.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { didYouMean } from "#diagnostic/suggest.js";
import { quote } from "./refusal.js";

/** One node, in the order of computation. */
export interface Step {
  readonly reads: readonly string[];
  readonly makes: readonly string[];
  /** It cannot be imported. */
  readonly isBad: boolean;
  /** Its results follow from the shapes of what it reads. */
  readonly isShape: boolean;
}

/** Most names that a message proposes. */
const placeLimit = 12;

/**
 * The values that stand before all that cannot be imported, and outputs that do not depend on it: as outputs, they leave out only what
 * cannot be computed.
 */
export function cutPlaces(
  steps: readonly Step[],
  inputs: readonly string[],
  outputs: readonly string[],
): readonly string[] {
  const given = new Set(inputs);
  const live = new Set(inputs);
  const lost = new Set<string>();
  const places = new Set<string>();
  const add = (name: string): void => {
    if (live.has(name) && !given.has(name)) places.add(name);
  };
  for (const { reads, makes, isBad, isShape } of steps) {
    if (isBad || reads.some((name) => lost.has(name))) {
      for (const name of reads) if (!lost.has(name)) add(name);
      for (const name of makes) lost.add(name);
    } else if (!isShape && reads.some((name) => live.has(name))) {
      for (const name of makes) live.add(name);
    }
  }
  for (const name of outputs) if (!lost.has(name)) add(name);
  return [...places];
}

/** The help that says how to cut there, or nothing. */
export function cutHelp(places: readonly string[]): readonly string[] {
  if (places.length === 0 || places.length > placeLimit) return [];
  return [
    `cut the model there and do the rest in JavaScript after the run: --outputs ${shellWord(places.join(","))}`,
  ];
}

/** The messages, the last one that cutting the model would answer with that advice. */
export function withCut(diagnostics: readonly Diagnostic[], help: readonly string[]): Diagnostic[] {
  const isAnswered = ({ code }: Diagnostic): boolean =>
    code === "unsupported-operator" || code === "needs-constant";
  const last = diagnostics.findLastIndex(isAnswered);
  return diagnostics.map((one, at) =>
    at === last && help.length > 0 ? { ...one, help: [...(one.help ?? []), ...help] } : one,
  );
}

/** What is wrong with a name that no value has. */
export function unknownOutput(name: string, known: Iterable<string>, file: string): Diagnostic {
  return error("unknown-output", `${file}: the model makes no value ${quote(name)}`, {
    help: didYouMean(name, known),
  });
}

/** A name as a word of a command line. */
function shellWord(name: string): string {
  const plain = name.replaceAll(/\p{C}/gu, "\uFFFD");
  return /^[\w./:@%+=,-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`;
}
