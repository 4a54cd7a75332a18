// Drift: how far approximations that were asked for take an output from the model as written.

import { bug } from "#diagnostic/diagnostic.js";
import { greatest } from "#diagnostic/extremes.js";
import type { Scaled } from "#interpret/tolerance.js";
import type { Tensor } from "#ir/tensor.js";
import type { Distribution } from "#ops/distributions.js";
import type { Approximation } from "./approximations.js";

export interface Drift {
  /** What inputs the figures are of: those with the greatest. */
  readonly inputs: Distribution;
  /** Largest |a − b| of the optimized graph and the model as written; NaN if NaN or ∞ stands on one side alone. */
  readonly largestDifference: number;
  /** The same as a part of the greatest finite |value| as written, with these inputs or with the first kind if that is greater. */
  readonly relative: number;
  /** The most that `relative` may be: `mostDrift` of the options. */
  readonly allowed: number;
  readonly agrees: boolean;
  /** What is responsible, as far as known: `split`, `rule NAME`. */
  readonly by: readonly string[];
}

/** What some inputs give after the passes and as written, by output. */
export interface Drifting {
  readonly inputs: Distribution;
  readonly approximated: ReadonlyMap<string, Scaled>;
  readonly written: ReadonlyMap<string, Tensor>;
}

/** The drift of an output, on the inputs on which it is greatest; undefined if there are none. */
export function driftOf(
  output: string,
  samples: readonly Drifting[],
  approximations: readonly Approximation[],
  mostDrift: number,
): Drift | undefined {
  const missing = (): never => bug(`the interpreter has no output ${output}`);
  let first: number | undefined;
  let furthest: Pick<Drift, "inputs" | "largestDifference" | "relative"> | undefined;
  for (const { inputs, approximated, written } of samples) {
    const wanted = (written.get(output) ?? missing()).data;
    const difference = largestDifference((approximated.get(output) ?? missing()).value.data, wanted);
    const own = greatest(wanted.map(Math.abs).filter(Number.isFinite), 0);
    // What counts beside ordinary values need not beside tiny ones.
    first ??= own;
    const relative = difference === 0 ? 0 : difference / Math.max(own, first);
    // NaN is further than any number.
    if (!furthest || Number.isNaN(relative) || relative > furthest.relative)
      furthest = { inputs, largestDifference: difference, relative };
  }
  return (
    furthest && {
      ...furthest,
      allowed: mostDrift,
      agrees: furthest.relative <= mostDrift,
      by: approximations.filter(({ outputs }) => outputs.includes(output)).map(({ by }) => by),
    }
  );
}

/** Largest |a − b|; NaN if NaN or ∞ stands on one side alone. */
function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < expected.length; index += 1) {
    const a = actual[index] ?? Number.NaN;
    const b = expected[index] ?? Number.NaN;
    // NaN on both sides, or the same infinity.
    if (!Object.is(a, b)) largest = Math.max(largest, Math.abs(a - b));
  }
  return largest;
}
