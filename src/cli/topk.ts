// The largest entries of an output, with labels: what a classifier says.

import type { Result } from "#diagnostic/diagnostic.js";
import { error } from "#diagnostic/diagnostic.js";
import { readText } from "../node.js";

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

/** Labels, one a line. */
export function readLabels(path: string, count: number): Result<string[]> {
  const text = readText(path);
  if (text.value === undefined) return { diagnostics: text.diagnostics };
  const labels = text.value.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (labels.length === count) return { value: labels, diagnostics: [] };
  return {
    diagnostics: [
      error(
        "wrong-labels",
        `${path} has ${labels.length} labels, one a line, but the output has ${count} values`,
      ),
    ],
  };
}
