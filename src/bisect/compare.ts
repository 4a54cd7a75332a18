// Compares the outputs of a module with what they should be.

import { greatest } from "#diagnostic/extremes.js";
import { interpretErrors } from "#interpret/errors.js";
import type { Scaled } from "#interpret/tolerance.js";
import { interpretScaled, longestReduction, nearestToTolerance, tolerance } from "#interpret/tolerance.js";
import type { Shape } from "#ir/type.js";
import type { Case } from "./case.js";

/** An element of an output that is not what it should be. */
export interface Departure {
  readonly output: string;
  /** The place of the element, an index along each axis. */
  readonly index: readonly number[];
  readonly expected: number;
  readonly actual: number;
  /** The largest difference that would be allowed. */
  readonly allowed: number;
}

/** Outputs by name. */
export type Outputs = ReadonlyMap<string, ArrayLike<number>>;

/** What the outputs of a case should be. */
export interface Expected {
  readonly of: Case;
  readonly outputs: ReadonlyMap<string, Scaled>;
  readonly longest: number;
}

/** The outputs of a case by the interpreter. */
export function expectedOf(of: Case): Expected {
  return { of, outputs: interpretScaled(of.module, of.inputs), longest: longestReduction(of.module) };
}

/**
 * The element that departs the most, relative to its tolerance; undefined if all outputs agree. `halves` is the number of kernels that store
 * f16. Where terms cancel, the tolerance is the element's own error.
 */
export function departureFrom(
  { of, outputs, longest }: Expected,
  actual: Outputs,
  halves = 0,
): Departure | undefined {
  let errors: ReturnType<typeof interpretErrors> | undefined;
  for (const [output, { value, scale }] of outputs) {
    const found = Float32Array.from(actual.get(output) ?? []);
    const stored = halves > 0 ? { kernels: halves, scale } : undefined;
    const allowed = tolerance(longest, value.data, stored);
    if (nearestToTolerance(found, value.data, allowed).agrees) continue;
    errors ??= interpretErrors(of.module, of.inputs);
    const nearest = nearestToTolerance(found, value.data, allowed, errors.get(output)?.errors);
    if (nearest.agrees) continue;
    return {
      output,
      index: indexOf(nearest.at, value.shape),
      expected: value.data[nearest.at] ?? Number.NaN,
      actual: found[nearest.at] ?? Number.NaN,
      allowed: nearest.allowed,
    };
  }
  return undefined;
}

/** The largest change of an output that was approximated on purpose. */
export interface DriftedOutput {
  /** `allowed` is the greatest value of the output. */
  readonly departure: Departure;
  /** The change relative to that value; NaN if only one of both is finite. */
  readonly relative: number;
}

/**
 * How far each output is from what is expected. The greatest values of earlier samples count too: a difference that matters next to ordinary
 * values need not matter next to tiny ones. `scales` has those of the first sample, and gets them from it.
 */
export function driftsOf(
  { outputs }: Pick<Expected, "outputs">,
  actual: Outputs,
  scales: Map<string, number>,
): DriftedOutput[] {
  return [...outputs].map(([output, { value }]) => {
    const found = actual.get(output) ?? [];
    const own = greatest(value.data.map(Math.abs).filter(Number.isFinite), 0);
    const first = scales.get(output) ?? own;
    scales.set(output, first);
    const allowed = Math.max(own, first);
    let [at, most] = [0, 0];
    for (const [index, expected] of value.data.entries()) {
      const difference = Object.is(found[index], expected)
        ? 0
        : Math.abs((found[index] ?? Number.NaN) - expected);
      if (difference <= most) continue;
      [at, most] = [index, difference];
      if (Number.isNaN(difference)) break;
    }
    const [expected, got] = [value.data[at] ?? Number.NaN, found[at] ?? Number.NaN];
    const departure = { output, index: indexOf(at, value.shape), expected, actual: got, allowed };
    return { departure, relative: most === 0 ? 0 : most / allowed };
  });
}

function indexOf(flat: number, shape: Shape): number[] {
  let rest = flat;
  return shape
    .toReversed()
    .map((extent) => {
      const index = rest % extent;
      rest = Math.floor(rest / extent);
      return index;
    })
    .toReversed();
}
