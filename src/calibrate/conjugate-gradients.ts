// Preconditioned conjugate gradients, for systems that are too large to be written down.

import { pause } from "./pause.js";

/** A linear map of vectors of one length. It must keep nothing of what it is given, and give an array that it does not change later. */
export type LinearMap = (x: Float64Array) => ArrayLike<number> | Promise<ArrayLike<number>>;

export interface ConjugateGradientOptions {
  /** An approximate inverse of the matrix, symmetric positive definite; none by default. */
  readonly precondition?: LinearMap;
  /** Where to begin; zeros by default. */
  readonly start?: ArrayLike<number>;
  /** The residual ‖b − A·x‖ to reach, as a part of ‖b‖; 10⁻⁶ by default. */
  readonly tolerance?: number;
  /** Most steps; the length of b by default. */
  readonly steps?: number;
}

export interface ConjugateGradientResult {
  readonly x: Float64Array;
  /** How many times A was applied to a direction. */
  readonly steps: number;
  /** ‖b − A·x‖ / ‖b‖ as the recurrence has it; 0 if b is 0. */
  readonly residual: number;
  /** Whether the residual is as small as asked for. */
  readonly converged: boolean;
}

/**
 * x of A·x = b for a symmetric positive definite A, given as what it does to a vector (Hestenes and Stiefel 1952, with a preconditioner
 * as in Saad, *Iterative Methods for Sparse Linear Systems*, algorithm 9.1). Ends early, and tells so by `converged`, where A shows a
 * direction of no curvature or a value is not finite: x is then what was reached before.
 */
export async function conjugateGradients(
  apply: LinearMap,
  b: ArrayLike<number>,
  options: ConjugateGradientOptions = {},
): Promise<ConjugateGradientResult> {
  const { precondition = (x) => x, start, tolerance = 1e-6, steps: most = b.length } = options;
  if (start && start.length !== b.length)
    throw new RangeError(`a start of ${start.length} elements for ${b.length} unknowns`);
  const scale = Math.sqrt(dot(b, b));
  if (scale === 0) return { x: new Float64Array(b.length), steps: 0, residual: 0, converged: true };
  const x = Float64Array.from(start ?? { length: b.length }, (value) => (start ? (value as number) : 0));
  const residual = Float64Array.from(b);
  if (start) addScaled(residual, -1, await apply(x.slice()));
  let direction = new Float64Array(b.length);
  let last = 0;
  let steps = 0;
  let left = Math.sqrt(dot(residual, residual)) / scale;
  while (left > tolerance && steps < most) {
    const preconditioned = await precondition(residual.slice());
    const next = dot(residual, preconditioned);
    if (!(next > 0 && next < Number.POSITIVE_INFINITY)) break;
    const turned = Float64Array.from(preconditioned);
    if (last > 0) addScaled(turned, next / last, direction);
    direction = turned;
    last = next;
    const image = await apply(direction.slice());
    steps += 1;
    const curvature = dot(direction, image);
    if (!(curvature > 0 && curvature < Number.POSITIVE_INFINITY)) break;
    addScaled(x, next / curvature, direction);
    addScaled(residual, -next / curvature, image);
    left = Math.sqrt(dot(residual, residual)) / scale;
    await pause();
  }
  return { x, steps, residual: left, converged: left <= tolerance };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

function addScaled(sums: Float64Array, factor: number, terms: ArrayLike<number>): void {
  for (let index = 0; index < sums.length; index += 1)
    sums[index] = (sums[index] ?? 0) + factor * (terms[index] ?? 0);
}
