// Minimizes a smooth function of many unknowns by its gradients: BFGS with limited memory.

import { pause } from "../pause.js";

/** A function at a point. */
export interface Evaluated<State> {
  readonly value: number;
  readonly gradient: Float64Array;
  /** Other results that the caller needs of the point. */
  readonly state: State;
}

export interface MinimizeOptions<State> {
  /** The most steps. */
  readonly steps: number;
  /** An approximation of the diagonal of the second derivatives at a point, positive; called every 10 steps. */
  readonly curvature: (state: State) => Promise<Float64Array>;
}

/** The number of steps to remember, and the number of steps after which the curvature is computed again. */
const [memory, renewed] = [10, 10];

/** The least gain of a step, as a part of what the slope predicts (Armijo's rule); the factor that shortens a step that gains less; and the most tries. */
const [leastGain, shortened, tries] = [1e-4, 1 / 3, 6];

/**
 * Takes `steps` steps of L-BFGS (Liu and Nocedal 1989) from a point. Each step evaluates the function once, and again if it must be
 * shorter. Ends early if no step gains anything. No step increases the value.
 */
export async function minimize<State>(
  evaluate: (x: Float64Array) => Promise<Evaluated<State>>,
  start: Float64Array,
  { steps, curvature }: MinimizeOptions<State>,
): Promise<Evaluated<State>> {
  let x = start;
  let here = await evaluate(x);
  const history: Change[] = [];
  let inverse = new Float64Array();
  for (let step = 0; step < steps; step += 1) {
    if (step % renewed === 0) inverse = (await curvature(here.state)).map((value) => 1 / value);
    const direction = descent(here.gradient, history, inverse);
    const slope = dot(direction, here.gradient);
    if (!(slope < 0)) break;
    let next: Evaluated<State> | undefined;
    let length = 1;
    for (let tried = 0; !next && tried < tries; tried += 1) {
      const there = await evaluate(added(x, direction, length));
      if (there.value < here.value && there.value <= here.value + leastGain * length * slope) next = there;
      else length *= shortened;
      await pause();
    }
    if (!next) break;
    const moved = direction.map((value) => length * value);
    const turned = added(next.gradient, here.gradient, -1);
    const curved = dot(moved, turned);
    // Only changes with positive curvature keep the direction a descent direction.
    if (curved > 1e-12 * Math.sqrt(dot(moved, moved) * dot(turned, turned)))
      history.push({ moved, turned, curved });
    if (history.length > memory) history.shift();
    x = added(x, moved, 1);
    here = next;
  }
  return here;
}

/** A step, the change of the gradient, and their product. */
interface Change {
  readonly moved: Float64Array;
  readonly turned: Float64Array;
  readonly curved: number;
}

/** The two loops of Nocedal and Wright 2006, algorithm 7.4, starting from a diagonal inverse. */
function descent(
  gradient: Float64Array,
  history: readonly Change[],
  inverse: Float64Array,
): Float64Array<ArrayBuffer> {
  let direction = gradient.map((value) => -value);
  const parts: number[] = [];
  for (const { moved, turned, curved } of history.toReversed()) {
    const part = dot(moved, direction) / curved;
    parts.push(part);
    direction = added(direction, turned, -part);
  }
  const last = history.at(-1);
  const scale = last
    ? last.curved / last.turned.reduce((sum, value, at) => sum + value ** 2 * (inverse[at] ?? 0), 0)
    : 1;
  direction = direction.map((value, at) => scale * value * (inverse[at] ?? 0));
  for (const { moved, turned, curved } of history) {
    const part = (parts.pop() ?? 0) - dot(turned, direction) / curved;
    direction = added(direction, moved, part);
  }
  return direction;
}

function added(a: Float64Array, b: Float64Array, factor: number): Float64Array<ArrayBuffer> {
  const sum = new Float64Array(a.length);
  for (let at = 0; at < sum.length; at += 1) sum[at] = (a[at] ?? 0) + factor * (b[at] ?? 0);
  return sum;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}
