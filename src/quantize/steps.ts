// How integers of seven or eight bits stand for the values of a tensor: the step between two of them, and the zero point.

import { greatest, least } from "#diagnostic/extremes.js";
import { roundHalfEven } from "#runtime/round.js";
import type { Histogram } from "./histogram.js";
import { filledBins } from "./histogram.js";

/**
 * Activations are integers from 0 to 127: the dot products of WebAssembly's relaxed SIMD take seven bits of one operand, and give the same
 * sums on all processors then.
 */
export const highest = 127;

/** The greatest integer of values that no sum reads: these have all bits of a byte. */
export const highestByte = 255;

/** An integer q stands for scale · (q − zero). */
export interface Step {
  /** f32. */
  readonly scale: number;
  /** 0 to the greatest integer, so that 0 is exact. */
  readonly zero: number;
}

/** The integer of a value, as `quantize` rounds it, without bounds. */
export function integerOf(value: number, { scale, zero }: Step): number {
  return roundHalfEven(Math.fround(Math.fround(value) / scale)) + zero;
}

/** How ranges are found: from the extremes of the values, or with the least squared error. */
export type RangeMethod = "extremes" | "squares";

/** The step for the values of several histograms together, as integers from 0 to `most`. */
export function stepFor(histograms: readonly Histogram[], method: RangeMethod, most = highest): Step {
  const low = Math.min(0, least(histograms.map((one) => one.least)));
  const high = Math.max(0, greatest(histograms.map((one) => one.greatest)));
  // Values that are all zero have no range, and need none.
  if (low === high) return { scale: 1, zero: 0 };
  const whole = stepBetween(low, high, most);
  return method === "extremes" ? whole : leastSquares(histograms, { low, high, most }, whole);
}

/** The step for a range around zero. The zero point is a whole number, so one end of the range may move by up to half a step. */
export function stepBetween(low: number, high: number, most = highest): Step {
  const zero = Math.round((-low / (high - low)) * most) + 0;
  const below = zero === 0 ? 0 : -low / zero;
  const above = zero === most ? 0 : high / (most - zero);
  // f32 holds it with all its bits.
  return { scale: Math.fround(Math.max(below, above, 2 ** -100)), zero };
}

/** The shares of an end of the range that are tried: values beyond are clipped, and the others have smaller steps. */
const shares = Array.from({ length: 24 }, (_, at) => 1 - at / 32);

/** The step with the least sum of squared differences, by a search over both ends, and a finer one around the best. */
function leastSquares(
  histograms: readonly Histogram[],
  { low, high, most }: { readonly low: number; readonly high: number; readonly most: number },
  whole: Step,
): Step {
  const all = histograms.map((one) => filledBins(one));
  const errorOf = ({ scale, zero }: Step): number => {
    let sum = 0;
    for (const { values, counts } of all)
      for (let at = 0; at < values.length; at += 1) {
        const value = values[at] as number;
        const integer = Math.min(Math.max(Math.round(value / scale) + zero, 0), most);
        const error = value - scale * (integer - zero);
        sum += error * error * (counts[at] as number);
      }
    return sum;
  };
  let best = { step: whole, error: errorOf(whole), below: 1, above: 1 };
  const tryOut = (below: number, above: number): void => {
    const step = stepBetween(low * below, high * above, most);
    const error = errorOf(step);
    if (error < best.error) best = { step, error, below, above };
  };
  for (const below of low === 0 ? [1] : shares)
    for (const above of high === 0 ? [1] : shares) tryOut(below, above);
  const { below, above } = best;
  const around = Array.from({ length: 7 }, (_, at) => (at - 3) / 128);
  for (const a of low === 0 ? [0] : around)
    for (const b of high === 0 ? [0] : around) tryOut(below + a, above + b);
  return best.step;
}
