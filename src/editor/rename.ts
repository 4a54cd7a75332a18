// Rename: the edits that give a name and all its uses another one, or the reason why that would change the meaning.

import { hasErrors } from "#diagnostic/diagnostic.js";
import { printArgumentName, printName } from "#grammar/printing/print-name.js";
import { unescape } from "#grammar/quote.js";
import { isReserved } from "#elaborate/literals.js";
import { isOp, isOpClass } from "#ops/index.js";
import type { Analysis } from "./analysis.js";
import { analyze, diagnosticsOf } from "./analysis.js";
import type { Definition, Names, Reference } from "./names/definition.js";
import { family, meantBy, nameAt } from "./names/names.js";

/** A part of the text and what replaces it. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export type Renamed = { readonly edits: readonly Edit[] } | { readonly problem: string };

/** The name at an offset that can be renamed, with its place. */
export function renameableAt(
  analysis: Analysis,
  offset: number,
): { readonly name: string; readonly start: number; readonly end: number } | undefined {
  const found = nameAt(analysis.names(), offset);
  return found && { name: found.name, start: found.span.start, end: found.span.end };
}

/**
 * Renames what stands at an offset. The text is refused if it would mean something else: the renamed text is resolved again, and each name
 * must have the definitions that it had; and it may not have errors that the text before did not have, as where the path of a
 * parameter changes, which is its key in a weight file.
 */
export function renameAt(analysis: Analysis, offset: number, wanted: string): Renamed {
  const names = analysis.names();
  const found = nameAt(names, offset);
  if (!found) return { problem: "there is no name to rename here" };
  if (hasErrors(analysis.tree().diagnostics))
    return { problem: "the file has syntax errors; correct them first" };
  const name = /^`.*`$/s.test(wanted) ? unescape(wanted).value : wanted.trim();
  if (name === "") return { problem: "a name has at least one character" };
  const { definitions, references } = family(names, meantBy(found));
  if (definitions.some(({ kind }) => kind === "block") && (isOp(name) || isOpClass(name)))
    return { problem: `\`${name}\` is an op, and a block cannot have its name` };
  const edits = [
    ...definitions.map(({ span }) => edit(span, written(name))),
    ...references.map(({ span, role }) =>
      edit(span, role === "argument" ? printArgumentName(name) : written(name)),
    ),
  ].sort((a, b) => a.start - b.start);
  const unique = edits.filter((one, at) => one.start !== edits[at - 1]?.start);
  const after = analyze(applyEdits(analysis.text, unique), analysis.file, analysis.options);
  const problem = problemAfter(analysis, after, name);
  return problem === undefined ? { edits: unique } : { problem };
}

/** A name that is bound: one that is a literal elsewhere, such as `same`, is always in backticks. */
function written(name: string): string {
  return isReserved({ text: name }) ? `\`${name}\`` : printName(name);
}

function problemAfter(before: Analysis, after: Analysis, name: string): string | undefined {
  if (!sameMeaning(before.names(), after.names()))
    return `\`${name}\` is another name here, so some uses would get another meaning`;
  const errors = (one: Analysis): string[] =>
    diagnosticsOf(one).flatMap(({ severity, message }) => (severity === "error" ? [message] : []));
  const old = errors(before).length;
  const all = errors(after);
  if (all.length <= old) return undefined;
  const known = new Set(errors(before));
  return `it would cause an error: ${all.find((one) => !known.has(one)) ?? all[0] ?? ""}`;
}

/** Whether two texts that differ only in names resolve in the same way: the k-th use has definitions of the same ranks. */
function sameMeaning(before: Names, after: Names): boolean {
  const shape = ({ definitions, references }: Names): string => {
    const rank = new Map<Definition, number>(definitions.map((one, at) => [one, at]));
    const uses = references.map(
      ({ definitions: own, role }: Reference) =>
        `${role} ${own
          .map((one) => rank.get(one))
          .sort()
          .join()}`,
    );
    return [definitions.map(({ kind }) => kind).join(), ...uses].join("\n");
  };
  return shape(before) === shape(after);
}

function edit({ start, end }: { readonly start: number; readonly end: number }, text: string): Edit {
  return { start, end, text };
}

/** The text after edits, which are in order and do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const { start, end, text: replacement } of edits) {
    parts.push(text.slice(done, start), replacement);
    done = end;
  }
  return parts.join("") + text.slice(done);
}
