// Drift: how far the approximations that the user asked for change an output of the model as written.

import { bug } from "#diagnostic/diagnostic.js";
import { greatest } from "#diagnostic/extremes.js";
import type { Inexact } from "#ops/inexact.js";
import type { Scaled } from "#interpret/tolerance.js";
import type { Tensor } from "#ir/tensor.js";
import type { Distribution } from "#ops/distributions.js";
import type { Approximation } from "./approximations.js";

/** How far an approximated graph is from the model as it was written. */
export interface Drift {
  /** The kind of inputs with the greatest drift, to which the figures belong. */
  readonly inputs: Distribution;
  /** Largest |a − b| of the optimized graph and the model as written; NaN if only one of them is NaN or ∞. */
  readonly largestDifference: number;
  /** The same divided by the greatest finite |value| as written, with these inputs or with the first kind if that is greater. */
  readonly relative: number;
  /** The greatest allowed `relative`: `mostDrift` of the options, or what rounding the weights explains, or 1. */
  readonly allowed: number;
  readonly agrees: boolean;
  /** The causes, as far as they are known: `split`, `rule NAME`. */
  readonly by: readonly string[];
}

/** The outputs after the passes and as written, for one kind of inputs. */
export interface Drifting {
  readonly inputs: Distribution;
  readonly approximated: ReadonlyMap<string, Scaled>;
  readonly written: ReadonlyMap<string, Tensor>;
  /** If rounded weights are the only approximation: the outputs with the errors that follow (`ofWeights` of `interpretErrors`). */
  readonly rounded?: ReadonlyMap<string, Inexact>;
}

/**
 * The drift by rounded weights that is allowed, as a multiple of the errors that follow if all roundings are independent. They are not quite:
 * all pixels share the weights. In 50 runs of six published and trained nets, the drift was at most 1.4 times those errors.
 */
const roundedShare = 4;

/**
 * The drift of an output, for the inputs for which it is greatest relative to what is allowed; undefined if there are no inputs. Without
 * `mostDrift`, as much is allowed as rounding the weights explains, or else as much as the greatest value.
 */
export function driftOf(
  output: string,
  samples: readonly Drifting[],
  approximations: readonly Approximation[],
  mostDrift: number | undefined,
): Drift | undefined {
  const missing = (): never => bug(`the interpreter has no output ${output}`);
  let first: number | undefined;
  let furthest: Pick<Drift, "inputs" | "largestDifference" | "relative" | "allowed"> | undefined;
  for (const { inputs, approximated, written, rounded } of samples) {
    const wanted = (written.get(output) ?? missing()).data;
    const difference = largestDifference((approximated.get(output) ?? missing()).value.data, wanted);
    const own = greatest(wanted.map(Math.abs).filter(Number.isFinite), 0);
    // A difference that matters next to ordinary values need not matter next to tiny ones.
    first ??= own;
    const relative = difference === 0 ? 0 : difference / Math.max(own, first);
    const errors = rounded && greatest((rounded.get(output) ?? missing()).errors.filter(Number.isFinite), 0);
    // In deep nets the errors that could follow are far more than those that do.
    const explained = errors === undefined ? 1 : Math.min(1, (roundedShare * errors) / Math.max(own, first));
    const allowed = mostDrift ?? explained;
    // NaN counts as further off than any number.
    if (!furthest || Number.isNaN(relative) || relative * furthest.allowed > furthest.relative * allowed)
      furthest = { inputs, largestDifference: difference, relative, allowed };
  }
  return (
    furthest && {
      ...furthest,
      agrees: furthest.relative <= furthest.allowed,
      by: approximations.filter(({ outputs }) => outputs.includes(output)).map(({ by }) => by),
    }
  );
}

/** Largest |a − b|; NaN if only one side is NaN or ∞. */
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
