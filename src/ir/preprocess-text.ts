// How pictures become values of an input, as a line of text for people.

import type { Preprocess } from "./preprocess.js";

/** `fit=cover, crop=0.875, layout=nhwc, (byte · 1/255 − [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]`, without what changes nothing. */
export function preprocessText({ fit, crop, pad, order, layout, scale, mean, std }: Preprocess): string {
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
