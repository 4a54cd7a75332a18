// Decides whether the peers of a comparison agree: all outputs on all samples, with those of the first peer.

import type { Measured } from "./measure.js";
import type { Prepared } from "./prepare.js";
import type { PeerResult } from "./results.js";
import type { Values } from "./running.js";

/** How far an output of a peer may be from the first peer's. */
export type Allowed = (one: Measured, reference: Float32Array) => number;

/**
 * How far the outputs of published models may differ, relative to an output's largest value: the models have up to 150 layers, in f32 on
 * both sides.
 */
export const publishedTolerance = 1e-3;

export function judge(
  all: readonly Measured[],
  factsOf: (one: Measured) => Prepared,
  allowed: Allowed,
): PeerResult[] {
  const [first] = all;
  if (!first) return [];
  return all.map((one) => {
    const { outputs, ...measured } = one;
    const found = comparisons(outputs, first.outputs);
    return {
      ...measured,
      ratio: measured.medianMs / first.medianMs,
      difference: Math.max(...found.map(({ off, largest }) => off / largest)),
      agrees: found.every(({ off, reference }) => off <= allowed(one, reference)),
      ...factsOf(one),
    };
  });
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
