// Reads the names of a classifier's classes.

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { plural } from "#ir/units.js";
import { readText } from "#node/read-file.js";

/** Labels, one per line; with `counts`, an error if no output has that number of values. */
export function readLabels(path: string, counts?: readonly number[]): Result<string[]> {
  const text = readText(path);
  if (text.value === undefined) return { diagnostics: text.diagnostics };
  const labels = text.value.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (!counts || counts.includes(labels.length)) return { value: labels, diagnostics: [] };
  const has = counts.length === 1 ? "the output has" : "the outputs have";
  const message = `${path} has ${plural(labels.length, "label")}, one a line, but ${has} ${counts.join(", ")} values`;
  return { diagnostics: [error("wrong-labels", message)] };
}
