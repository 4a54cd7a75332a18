// Scores as probabilities, and the best of them.

import type { Ranked } from "#runtime/classify.js";
import { probabilitiesOf, topK as bestOf } from "#runtime/classify.js";
import { expectNumbers } from "./numbers.js";

export type { Ranked } from "#runtime/classify.js";

/** The `k` largest values, largest first, five by default, and none if `k` is not positive; ties in order of index; NaN last. */
export function topK(values: ArrayLike<number>, k = 5, labels?: readonly string[]): Ranked[] {
  expectNumbers("topK: the first argument", values);
  return bestOf(values, k, labels);
}

/** Values as probabilities, whose sum is 1: exp(value) divided by the sum of all. */
export function softmax(values: ArrayLike<number>): Float32Array {
  expectNumbers("softmax: the argument", values);
  return probabilitiesOf(values);
}

/** The values of several outputs, one after another: of a detector whose layers each have an output, say. */
export function joined(...outputs: readonly ArrayLike<number>[]): Float32Array {
  return joinedAll(outputs);
}

/** As `joined`, for a list. */
export function joinedAll(outputs: readonly ArrayLike<number>[]): Float32Array {
  for (const output of outputs) expectNumbers("joined: each argument", output);
  const all = new Float32Array(outputs.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const output of outputs) {
    all.set(output, at);
    at += output.length;
  }
  return all;
}

/** Each value as a probability of its own: 1 / (1 + exp(−value)). */
export function sigmoid(values: ArrayLike<number>): Float32Array {
  expectNumbers("sigmoid: the argument", values);
  return Float32Array.from(values, (value) => 1 / (1 + Math.exp(-value)));
}

/** What makes probabilities of a net's scores. */
export type Activation = "none" | "sigmoid" | "softmax";

export const activations: readonly Activation[] = ["none", "sigmoid", "softmax"];

/** Scores as probabilities, by rows of `length` scores. */
export function activated(scores: Float32Array, length: number, activation: Activation): Float32Array {
  if (activation === "none") return scores;
  if (activation === "sigmoid") return sigmoid(scores);
  const all = new Float32Array(scores.length);
  for (let at = 0; at < scores.length; at += length)
    all.set(probabilitiesOf(scores.subarray(at, at + length)), at);
  return all;
}

/** A part of the numbers of each row, from `start` up to `end`: of a net that has boxes and scores in the rows of one output. */
export function columns(values: ArrayLike<number>, length: number, start: number, end: number): Float32Array {
  expectNumbers("columns: the first argument", values);
  const isRight = [length, start, end].every(Number.isInteger) && 0 <= start && start < end && end <= length;
  if (!isRight || values.length % length !== 0)
    throw new RangeError(
      `columns: ${values.length} values have no columns from ${start} to ${end} in rows of ${length}`,
    );
  const width = end - start;
  return Float32Array.from(
    { length: (values.length / length) * width },
    (_, at) => values[Math.floor(at / width) * length + start + (at % width)] ?? 0,
  );
}
