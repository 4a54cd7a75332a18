// What a model knows about pictures as inputs and about classes, as lines of text.

import { lineText } from "#diagnostic/escape.js";
import type { Graph } from "#ir/graph.js";
import type { Preprocess } from "#ir/preprocess.js";

/** Labels up to this number are all shown. */
const mostLabels = 12;

/** A line for each input that takes pictures and for each output whose classes have names, with a line end each. */
export function picturesText({ pictures, labels }: Pick<Graph, "pictures" | "labels">): string {
  return [
    ...[...(pictures ?? [])].map(([name, preprocess]) => `pictures become ${name}: ${howText(preprocess)}`),
    ...[...(labels ?? [])].map(([name, all]) => `classes of ${name}: ${labelsText(all)}`),
  ]
    .map((line) => `${lineText(line)}\n`)
    .join("");
}

/** `fit=cover, crop=0.875, layout=nhwc, (byte · 1/255 − [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]`, without what changes nothing. */
function howText({ fit, crop, pad, order, layout, scale, mean, std }: Preprocess): string {
  const byte = scale === 1 ? "byte" : `byte · ${scaleText(scale)}`;
  const moved = mean.every((one) => one === 0) ? byte : `${byte} − ${listText(mean)}`;
  const divided = moved === "byte" ? moved : `(${moved})`;
  return [
    `fit=${fit}`,
    ...(crop === 1 ? [] : [`crop=${crop}`]),
    ...(pad === 0 ? [] : [`pad=${pad}`]),
    ...(order === "rgb" ? [] : [`order=${order}`]),
    `layout=${layout}`,
    std.every((one) => one === 1) ? moved : `${divided} / ${listText(std)}`,
  ].join(", ");
}

/** A factor such as 1/255 as the fraction that it is. */
function scaleText(scale: number): string {
  const divisor = Number((1 / scale).toPrecision(12));
  return scale < 1 && 1 / divisor === scale && String(divisor).length < 8 ? `1/${divisor}` : String(scale);
}

function listText(values: readonly number[]): string {
  return values.length === 1 ? String(values[0]) : `[${values.join(", ")}]`;
}

function labelsText(labels: readonly string[]): string {
  if (labels.length <= mostLabels) return labels.join(", ");
  return `${labels.slice(0, 3).join(", ")}, … ${labels.at(-1)} (${labels.length})`;
}
