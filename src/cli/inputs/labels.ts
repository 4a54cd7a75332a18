// Reads the names of a classifier's classes.

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { plural } from "#ir/units.js";
import { readText } from "#node/read-file.js";

/**
 * Labels, one per line. An empty line before the last label is an error: without it, the classes after it would have the names of others.
 * With `counts`, it is an error if no output has that number of values.
 */
export function readLabels(path: string, counts?: readonly number[]): Result<string[]> {
  const text = readText(path);
  if (text.value === undefined) return { diagnostics: text.diagnostics };
  const labels = text.value.trimEnd().split(/\r?\n/);
  const empty = labels.findIndex((line) => line.trim() === "");
  if (empty >= 0) {
    const why = labels.length === 1 ? "has no labels" : `has no label in line ${empty + 1}`;
    const help = ["each class has a line with its name, in the order of the output"];
    return { diagnostics: [error("wrong-labels", `${path} ${why}`, { help })] };
  }
  if (!counts || counts.includes(labels.length)) return { value: labels, diagnostics: [] };
  const has = counts.length === 1 ? "the output has" : "the outputs have";
  const message = `${path} has ${plural(labels.length, "label")}, one a line, but ${has} ${counts.join(", ")} values`;
  return { diagnostics: [error("wrong-labels", message)] };
}
