// The text of nets that were trained by CTC, as those that read lines of text or hear speech: one label for each step.

import { expectNumbers, largest } from "./numbers.js";

/** A text, and how sure the net is of it. */
export interface CtcText {
  readonly text: string;
  /** The mean of the largest values of the steps that gave a label, which are probabilities if the output is a softmax; 0 for an empty text. */
  readonly score: number;
}

/**
 * The text of the most probable label at each step: labels that follow themselves count once, and the label `blank`, the first one by default,
 * not at all (best path decoding; Graves et al. 2006, "Connectionist Temporal Classification", section 3.2). `values` are [steps, labels] of one
 * sample, probabilities or scores; a step whose values are all NaN is a blank. Throws a TypeError if there is no whole number of steps, or no such blank.
 */
export function ctcText(
  values: ArrayLike<number>,
  labels: readonly string[],
  { blank = 0 }: { readonly blank?: number } = {},
): CtcText {
  expectNumbers("ctcText: values", values);
  if (!Array.isArray(labels)) throw new TypeError(`ctcText: labels must be a list, not ${typeof labels}`);
  const count = labels.length;
  if (count === 0 || values.length % count !== 0)
    throw new TypeError(
      `ctcText: ${values.length} values are no steps of ${count} labels; the labels must be those of the net, with the blank`,
    );
  if (!(Number.isInteger(blank) && blank >= 0 && blank < count))
    throw new TypeError(`ctcText: blank must be the index of one of ${count} labels, not ${String(blank)}`);
  let text = "";
  let sum = 0;
  let taken = 0;
  let last = blank;
  for (let start = 0; start < values.length; start += count) {
    const first = largest(count, (label) => values[start + label] ?? 0);
    const best = first < 0 ? blank : first;
    if (best !== last && best !== blank) {
      text += labels[best] ?? "";
      sum += values[start + best] ?? 0;
      taken += 1;
    }
    last = best;
  }
  return { text, score: taken === 0 ? 0 : sum / taken };
}
