// Minimizing a smooth function of many unknowns by its gradients: BFGS in limited memory.

import { pause } from "../pause.js";

/** What a function is at a point. */
export interface Evaluated<State> {
  readonly value: number;
  readonly gradient: Float64Array;
  /** What else the caller knows of the point. */
  readonly state: State;
}

export interface MinimizeOptions<State> {
  /** Most steps. */
  readonly steps: number;
  /** About the diagonal of the second derivatives at a point, positive; it is asked for now and then. */
  readonly curvature: (state: State) => Promise<Float64Array>;
}

/** Steps that are remembered, and steps after which the curvature is asked for again. */
const [memory, renewed] = [10, 10];

/** The part of what the slope promises that a step must gain (Armijo's rule), by how much a step that does not is shortened, and how often. */
const [leastGain, shortened, tries] = [1e-4, 1 / 3, 6];

/**
 * Goes `steps` steps of L-BFGS (Liu and Nocedal 1989) from a point; each asks for the function once, and again where the step must be
 * shorter. It ends early where no step gains anything. No step makes the value greater.
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
    // Only changes with positive curvature keep the direction one of descent.
    if (curved > 1e-12 * Math.sqrt(dot(moved, moved) * dot(turned, turned)))
      history.push({ moved, turned, curved });
    if (history.length > memory) history.shift();
    x = added(x, moved, 1);
    here = next;
  }
  return here;
}

/** A step, how the gradient changed with it, and their product. */
interface Change {
  readonly moved: Float64Array;
  readonly turned: Float64Array;
  readonly curved: number;
}

/** The two loops of Nocedal and Wright 2006, algorithm 7.4, from an inverse that is diagonal. */
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
