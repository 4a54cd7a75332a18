// Recurrent layers, unrolled: a module is compiled for a fixed sequence length, so a layer becomes its time steps, one after another. One
// product for all time steps computes what the inputs add to the gates; each time step then needs one product with the state, and its
// gates. All time steps share the code and weights of one.

import { elements } from "#ir/type.js";
import { combine } from "./broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { map } from "#import/lowering.js";
import { inverted } from "./math.js";
import { joined, sliced } from "./parts.js";
import { times } from "./product.js";
import { unsupported } from "#import/refusal.js";
import type { Ref, Value } from "#import/value.js";

export type Activation = (ctx: Lowering, x: Value) => Value;

/** The longest sequence; each time step takes a few nodes. */
const stepLimit = 4096;

/** The inputs of a layer, and the direction in which it reads them. */
export interface Sequence {
  /** [batch, steps, features], with its axes in this order. */
  readonly x: Value;
  /** Whether the layer reads from the last time step to the first. */
  readonly reverse: boolean;
}

/** The state that a layer carries from one time step to the next, each part [batch, 1, units]; an omitted part is zero. */
export interface RecurrentState {
  readonly h?: Value;
  readonly c?: Value;
}

/** The weights of a layer with g gates. */
export interface Weights {
  /** [features, g · units]. */
  readonly w: Value;
  /** [units, g · units]. */
  readonly r: Value;
  /** [g · units], the sum of the biases of both products. */
  readonly bias?: Ref;
}

/** The results of a layer. */
export interface Run {
  /** [batch, steps, units]. */
  readonly all: Value;
  readonly last: RecurrentState;
}

export interface LstmOptions {
  readonly gate: Activation;
  readonly input: Activation;
  readonly output: Activation;
  /** Limits the inputs of the gates' activations to −clip … clip. */
  readonly clip?: number;
  /** Whether the forget gate is 1 − the input gate. */
  readonly coupled?: boolean;
  /** Weights by which the cell state is added to the gates, each [units]. */
  readonly peepholes?: { readonly i: Value; readonly o: Value; readonly f: Value };
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997, peepholes: Gers and Schmidhuber 2000). The gates are in the order input, output,
 * forget, cell: c ← f ⊙ c + i ⊙ g(…), h ← o ⊙ h(c).
 */
export function lstm(
  ctx: Lowering,
  sequence: Sequence,
  { w, r, bias }: Weights,
  start: RecurrentState,
  options: LstmOptions,
): Run {
  const units = r.shape[0] ?? 1;
  const { gate, input, output, peepholes } = options;
  const ahead = times(ctx, sequence.x, w, bias ? [bias] : []);
  const bounded = clipped(ctx, options.clip);
  const peep = (z: Value, c: Value | undefined, weight: Value | undefined): Value =>
    weight && c ? combine(ctx, "add", [z, combine(ctx, "mul", [c, weight])]) : z;
  return scan(ctx, sequence, start, (at, { h, c }) => {
    const z = plus(ctx, step(ctx, ahead, at), h && times(ctx, h, r));
    const part = (k: number, count = 1): Value => sliced(ctx, z, 2, k * units, count * units);
    let i: Value;
    let f: Value;
    let o: Value | undefined;
    if (peepholes) {
      i = gate(ctx, bounded(peep(part(0), c, peepholes.i)));
      f = gate(ctx, bounded(peep(part(2), c, peepholes.f)));
    } else {
      // The three gates are next to each other, so one op computes them together.
      const gates = gate(ctx, bounded(part(0, 3)));
      [i, o, f] = [0, 1, 2].map((k) => sliced(ctx, gates, 2, k * units, units)) as [Value, Value, Value];
    }
    if (options.coupled) f = inverted(ctx, i);
    const fresh = combine(ctx, "mul", [i, input(ctx, bounded(part(3)))]);
    const cell = c ? combine(ctx, "add", [combine(ctx, "mul", [f, c]), fresh]) : fresh;
    o ??= gate(ctx, bounded(peep(part(1), cell, peepholes?.o)));
    return { h: combine(ctx, "mul", [o, output(ctx, cell)]), c: cell };
  });
}

export interface GruOptions {
  readonly gate: Activation;
  readonly candidate: Activation;
  readonly clip?: number;
  /**
   * The bias of the candidate's product with the state, [units]. If it is given, the reset gate scales that product; else it scales the
   * state before the product.
   */
  readonly afterProduct?: Value;
}

/**
 * Gated recurrent units (Cho et al. 2014). The gates are in the order update, reset, candidate: h ← (1 − z) ⊙ n + z ⊙ h. With
 * `afterProduct` n is g(x·W + r ⊙ (h·R + b)), else g(x·W + (r ⊙ h)·R).
 */
export function gru(
  ctx: Lowering,
  sequence: Sequence,
  { w, r, bias }: Weights,
  start: RecurrentState,
  { gate, candidate, clip, afterProduct }: GruOptions,
): Run {
  const units = r.shape[0] ?? 1;
  const ahead = times(ctx, sequence.x, w, bias ? [bias] : []);
  const bounded = clipped(ctx, clip);
  const [rGates, rCandidate] = [sliced(ctx, r, 1, 0, 2 * units), sliced(ctx, r, 1, 2 * units, units)];
  return scan(ctx, sequence, start, (at, { h }) => {
    const z = step(ctx, ahead, at);
    const [zGates, zCandidate] = [sliced(ctx, z, 2, 0, 2 * units), sliced(ctx, z, 2, 2 * units, units)];
    const all = h && afterProduct ? times(ctx, h, r) : undefined;
    const own = all ? sliced(ctx, all, 2, 0, 2 * units) : h && times(ctx, h, rGates);
    const gates = gate(ctx, bounded(plus(ctx, zGates, own)));
    const [update, reset] = [sliced(ctx, gates, 2, 0, units), sliced(ctx, gates, 2, units, units)];
    let kept: Value | undefined;
    if (afterProduct) {
      const product = all ? plus(ctx, sliced(ctx, all, 2, 2 * units, units), afterProduct) : afterProduct;
      kept = combine(ctx, "mul", [reset, product]);
    } else if (h) {
      kept = times(ctx, combine(ctx, "mul", [reset, h]), rCandidate);
    }
    const fresh = candidate(ctx, bounded(plus(ctx, zCandidate, kept)));
    const mixed = combine(ctx, "mul", [inverted(ctx, update), fresh]);
    return { h: h ? combine(ctx, "add", [mixed, combine(ctx, "mul", [update, h])]) : mixed };
  });
}

/** A plain recurrent layer: h ← f(x·W + h·R + b). */
export function rnn(
  ctx: Lowering,
  sequence: Sequence,
  { w, r, bias }: Weights,
  start: RecurrentState,
  { activation, clip }: { readonly activation: Activation; readonly clip?: number },
): Run {
  const ahead = times(ctx, sequence.x, w, bias ? [bias] : []);
  const bounded = clipped(ctx, clip);
  return scan(ctx, sequence, start, (at, { h }) => ({
    h: activation(ctx, bounded(plus(ctx, step(ctx, ahead, at), h && times(ctx, h, r)))),
  }));
}

/** A state, or undefined if it is known to be zero; then the first time step leaves out its product. */
export function unlessZero(ctx: Lowering, value: Value | undefined): Value | undefined {
  const known = value?.ref.kind === "constant" ? value.ref : value && ctx.build.repeatedIn(value.ref);
  if (!known || elements(known.shape) > stepLimit) return value;
  return known.numbers().every((number) => number === 0) ? undefined : value;
}

/** Takes one time step after another and joins their results, in the order of the inputs. */
function scan(
  ctx: Lowering,
  { x, reverse }: Sequence,
  start: RecurrentState,
  advance: (at: number, state: RecurrentState) => RecurrentState & { readonly h: Value },
): Run {
  const steps = x.shape[1] ?? 1;
  if (steps > stepLimit) unsupported(`a recurrent layer over ${steps} steps, more than ${stepLimit},`);
  const results: Value[] = [];
  let state = start;
  for (let k = 0; k < steps; k += 1) {
    const at = reverse ? steps - 1 - k : k;
    const next = advance(at, state);
    results[at] = next.h;
    state = next;
  }
  return { all: joined(ctx, results, 1), last: state };
}

/** [batch, steps, features] → [batch, 1, features]. */
function step(ctx: Lowering, x: Value, at: number): Value {
  return sliced(ctx, x, 1, at, 1);
}

function plus(ctx: Lowering, a: Value, b: Value | undefined): Value {
  return b ? combine(ctx, "add", [a, b]) : a;
}

function clipped(ctx: Lowering, bound: number | undefined): (x: Value) => Value {
  return (x) => (bound === undefined ? x : map(ctx, "clip", x, { low: -bound, high: bound }));
}
