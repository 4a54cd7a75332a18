// Decides whether the peers of a comparison agree: all outputs on all samples, with those of the first peer.

import { given } from "../src/diagnostic/given.js";
import type { Measured } from "./measure.js";
import type { Prepared } from "./prepare.js";
import type { PeerResult } from "./results.js";
import type { Values } from "./running.js";
import { isInt8 } from "./running.js";

/** How far an output of a peer may be from the first peer's. */
export type Allowed = (one: Measured, reference: Float32Array) => number;

/**
 * How far the outputs of published models may differ, relative to an output's largest value: the models have up to 150 layers, in f32 on
 * both sides.
 */
export const publishedTolerance = 1e-3;

/**
 * How far the outputs of a network of 8-bit integers may differ, as √(Σ(y′ − y)² / Σy²) of an output on all samples: peers round to different
 * integers, and deep networks lose some tenths on pictures unlike those that they were trained with. Another network's output is 1 or more.
 */
export const int8Tolerance = 0.5;

/** Compares the peers with the first one. If the network is of integers (`ofIntegers`), all are compared as peers of integers are. */
export function judge(
  all: readonly Measured[],
  factsOf: (one: Measured) => Prepared,
  allowed: Allowed,
  ofIntegers = false,
): PeerResult[] {
  const [first] = all;
  if (!first) return [];
  return all.map((one) => {
    const { outputs, ...measured } = one;
    const found = comparisons(outputs, first.outputs);
    const error = ofIntegers || isInt8(one.peer) ? errorOf(outputs, first.outputs) : undefined;
    return {
      ...measured,
      ratio: measured.medianMs / first.medianMs,
      difference: Math.max(...found.map(({ off, largest }) => off / largest)),
      ...given({ error }),
      agrees:
        error === undefined
          ? found.every(({ off, reference }) => off <= allowed(one, reference))
          : error <= int8Tolerance,
      ...factsOf(one),
    };
  });
}

/** The greatest relative error of an output; NaN, which is no agreement, if one is missing. */
function errorOf(actual: readonly Values[], wanted: readonly Values[]): number {
  const names = Object.keys(wanted[0] ?? {});
  return Math.max(
    ...names.map((name) => {
      let [off, all] = [0, 0];
      for (const [sample, outputs] of wanted.entries()) {
        const [own, reference] = [actual[sample]?.[name], outputs[name] ?? new Float32Array()];
        if (own?.length !== reference.length) return Number.NaN;
        for (const [at, value] of reference.entries()) {
          off += ((own[at] ?? Number.NaN) - value) ** 2;
          all += value ** 2;
        }
      }
      return Math.sqrt(off / Math.max(all, Number.MIN_VALUE));
    }),
  );
}

interface OutputDifference {
  /** The largest difference. It is NaN, which agrees with nothing, if the lengths differ, a value is NaN, or the output is missing. */
  readonly off: number;
  readonly largest: number;
  readonly reference: Float32Array;
}

function comparisons(actual: readonly Values[], wanted: readonly Values[]): OutputDifference[] {
  return wanted.flatMap((outputs, sample) =>
    Object.entries(outputs).map(([name, reference]) => ({
      off: distance(actual[sample]?.[name] ?? new Float32Array(), reference),
      largest: largestOf(reference),
      reference,
    })),
  );
}

/** The largest absolute value, or a tiny number in place of zero. */
export function largestOf(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE);
}

function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? Number.NaN))), 0);
}
