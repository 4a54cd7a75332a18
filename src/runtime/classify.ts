// The classes of a picture, best first.

import { checkOptions } from "./options.js";

/** A class with its value. */
export interface Ranked {
  readonly index: number;
  /** The name of the class, or its index as a text. */
  readonly label: string;
  readonly value: number;
}

/** The `k` largest values, largest first, and none if `k` is not positive; ties in order of index; NaN last. */
export function topK(values: ArrayLike<number>, k: number, labels?: readonly string[]): Ranked[] {
  const of = (index: number): number => values[index] ?? Number.NaN;
  const isNone = (index: number): number => Number(Number.isNaN(of(index)));
  return (
    Array.from({ length: values.length }, (_, index) => index)
      // A difference of two infinities of one sign is NaN, as that of two NaN: they tie.
      .sort((a, b) => isNone(a) - isNone(b) || of(b) - of(a) || a - b)
      .slice(0, Math.max(0, k))
      .map((index) => ({ index, label: labels?.[index] ?? `${index}`, value: of(index) }))
  );
}

/** Values as probabilities, whose sum is 1: exp(value) divided by the sum of all. */
export function probabilitiesOf(values: ArrayLike<number>): Float32Array {
  let most = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < values.length; at++) most = Math.max(most, values[at] ?? 0);
  const powers = Float64Array.from(values, (value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return Float32Array.from(powers, (power) => power / sum);
}

/** The probabilities of classes. A single value says whether a picture is of the class: its softmax would be 1, whatever it is. */
function certain(scores: Float32Array): Float32Array {
  return scores.length === 1 ? scores.map((score) => 1 / (1 + Math.exp(-score))) : probabilitiesOf(scores);
}

/** How a net classifies: its input and output, and whether the output has probabilities already. */
export interface Classifier {
  readonly input: string;
  readonly output: string;
  readonly classes: number;
  readonly isProbability: boolean;
  readonly labels?: readonly string[];
}

interface ClassifyOptions {
  /** How many classes. */
  readonly top?: number;
  readonly signal?: AbortSignal;
}

const classifyKinds = { top: "", signal: "AbortSignal" };

interface Runs {
  readonly name: string;
  run(inputs: object, options: object): Promise<Record<string, Float32Array>>;
}

interface Class {
  readonly label: string;
  readonly index: number;
  readonly probability: number;
}

/** The net with the method `classify`, which gives the `top` classes of a picture, or a list of them for each of several pictures. */
export function withClassify<N extends object>(net: N, task: Classifier): N {
  const own = net as N & Runs;
  return Object.assign(net, {
    async classify(picture: unknown, options: ClassifyOptions = {}) {
      checkOptions(own, "classify", options, classifyKinds);
      const { top = 5, signal } = options;
      if (!(Number.isInteger(top) && top > 0))
        throw new TypeError(`${own.name}: top must be a whole number from 1 up, not ${String(top)}`);
      const values =
        (await own.run({ [task.input]: picture }, { signal }))[task.output] ?? new Float32Array(0);
      const all: Class[][] = [];
      for (let start = 0; start < values.length; start += task.classes) {
        const scores = values.subarray(start, start + task.classes);
        const best = topK(task.isProbability ? scores : certain(scores), top, task.labels);
        all.push(best.map(({ label, index, value }) => ({ label, index, probability: value })));
      }
      return Array.isArray(picture) || all.length > 1 ? all : all[0];
    },
  });
}
