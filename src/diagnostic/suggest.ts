// "Did you mean": the known names that are closest to an unknown one, as help and as fixes.

import { distance } from "fastest-levenshtein";
import type { Diagnostic, Span } from "./diagnostic.js";

/** Most names that are suggested. */
const most = 3;

/**
 * The candidates that are close to `name`, best first, at most three, without duplicates; empty if none is close.
 * The distance is Levenshtein's, ignoring case, with a swap of two adjacent letters as one edit. Candidates count if they are at most
 * one edit farther than the best one.
 */
export function suggest(name: string, candidates: Iterable<string>): string[] {
  const wanted = name.toLowerCase();
  const near: { readonly candidate: string; readonly edits: number }[] = [];
  for (const candidate of new Set(candidates)) {
    if (candidate === name) continue;
    const other = candidate.toLowerCase();
    const limit = editLimit(Math.max(wanted.length, other.length));
    // The difference in length is a lower bound of the distance, and much faster on long lists of weights.
    if (Math.abs(wanted.length - other.length) > limit) continue;
    const edits = isSwap(wanted, other) ? 1 : distance(wanted, other);
    if (edits <= limit) near.push({ candidate, edits });
  }
  near.sort((a, b) => a.edits - b.edits || compare(a.candidate, b.candidate));
  const best = near[0]?.edits ?? 0;
  return near
    .filter(({ edits }) => edits <= best + 1)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** What a message says about a mistake, and the replacements that mend it; empty if there is nothing to say. */
export type Advice = Pick<Diagnostic, "help" | "fixes">;

/** The names that are close to the unknown one at `span`. `written` gives a name as the language writes it there. */
export function meant(
  name: string,
  candidates: Iterable<string>,
  span: Span,
  written: (name: string) => string = (plain) => plain,
): Advice {
  const names = suggest(name, candidates);
  if (names.length === 0) return {};
  const fixes = names.map((one) => ({ title: `Replace by \`${one}\``, span, text: written(one) }));
  return { help: didYouMeanOf(names), fixes };
}

/** What `meant` gives or, if no name is close, other help. */
export function meantOr(advice: Advice, ...otherwise: string[]): Advice {
  return advice.help ? advice : { help: otherwise };
}

/** Advice to write one text in place of another; the help names the text unless it is given. */
export function writeInstead(text: string, span: Span, help = `write \`${text}\``): Advice {
  const title = text === "" ? "Remove it" : `Replace by ${text.startsWith("`") ? text : `\`${text}\``}`;
  return { help: [help], fixes: [{ title, span, text }] };
}

/** The help line for `suggest`'s result, or nothing: ``did you mean `conv2d` or `conv1d`?``. */
export function didYouMean(name: string, candidates: Iterable<string>): string[] {
  return didYouMeanOf(suggest(name, candidates));
}

function didYouMeanOf(suggested: readonly string[]): string[] {
  const names = suggested.map((candidate) => `\`${candidate}\``);
  const last = names.pop();
  if (last === undefined) return [];
  return [`did you mean ${names.length > 0 ? `${names.join(", ")} or ` : ""}${last}?`];
}

/** The help line about the close names or, if none is close, about some of the known ones: ``it has `a`, `b` and 30 more``. */
export function didYouMeanOrHas(name: string, candidates: Iterable<string>): string[] {
  const known = [...new Set(candidates)].filter((candidate) => candidate !== "");
  const near = didYouMean(name, known);
  if (near.length > 0 || known.length === 0) return near;
  const shown = known.slice(0, listed).map((candidate) => `\`${candidate}\``);
  const rest = known.length - shown.length;
  return [`it has ${shown.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`];
}

/** Most names that are listed if none is close. */
const listed = 6;

/**
 * The most edits that count as a typing error in a name of `length` characters: none in one or two characters (every other
 * letter would be close), two in five (a transposition is two edits), a fifth of a long path.
 */
function editLimit(length: number): number {
  return length <= 2 ? 0 : Math.floor(Math.min(0.4 * length, 2 + 0.2 * length));
}

/** Whether two texts differ only by a swap of two adjacent characters. */
function isSwap(a: string, b: string): boolean {
  if (a.length !== b.length || a === b) return false;
  let k = 0;
  while (a[k] === b[k]) k++;
  return a[k] === b[k + 1] && a[k + 1] === b[k] && a.slice(k + 2) === b.slice(k + 2);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
