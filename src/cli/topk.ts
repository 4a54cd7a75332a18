// The largest entries of an output, with labels: what a classifier says.

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { plural } from "#ir/units.js";
import { readText } from "#node/read-file.js";

export interface Ranked {
  readonly index: number;
  readonly label: string;
  readonly value: number;
}

/** The k largest values, largest first; ties in order of index; NaN last. */
export function topK(values: Float32Array, k: number, labels?: readonly string[]): Ranked[] {
  const key = (index: number): number => {
    const value = values[index] ?? Number.NaN;
    return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  return Array.from(values.keys())
    .toSorted((a, b) => key(b) - key(a) || a - b)
    .slice(0, k)
    .map((index) => ({ index, label: labels?.[index] ?? `${index}`, value: values[index] ?? Number.NaN }));
}

/** Labels, one a line; an error if no output has as many values. */
export function readLabels(path: string, counts: readonly number[]): Result<string[]> {
  const text = readText(path);
  if (text.value === undefined) return { diagnostics: text.diagnostics };
  const labels = text.value.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (counts.includes(labels.length)) return { value: labels, diagnostics: [] };
  const has = counts.length === 1 ? "the output has" : "the outputs have";
  const message = `${path} has ${plural(labels.length, "label")}, one a line, but ${has} ${counts.join(", ")} values`;
  return { diagnostics: [error("wrong-labels", message)] };
}
