// What a model knows about pictures as inputs and about classes, as lines of text.

import { lineText } from "#diagnostic/escape.js";
import type { Graph } from "#ir/graph.js";
import { preprocessText } from "#ir/preprocess-text.js";

/** Labels up to this number are all shown. */
const mostLabels = 12;

/** A line for each input that takes pictures and for each output whose classes have names, with a line end each. */
export function picturesText({ pictures, labels }: Pick<Graph, "pictures" | "labels">): string {
  return [
    ...[...(pictures ?? [])].map(
      ([name, preprocess]) => `pictures become ${name}: ${preprocessText(preprocess)}`,
    ),
    ...[...(labels ?? [])].map(([name, all]) => `classes of ${name}: ${labelsText(all)}`),
  ]
    .map((line) => `${lineText(line)}\n`)
    .join("");
}

function labelsText(labels: readonly string[]): string {
  if (labels.length <= mostLabels) return labels.join(", ");
  return `${labels.slice(0, 3).join(", ")}, … ${labels.at(-1)} (${labels.length})`;
}
