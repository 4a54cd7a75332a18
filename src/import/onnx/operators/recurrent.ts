// Recurrent operators: their weights, states and directions in the form that the layers of `#import/operators/recurrent.js` take.

import { given } from "#diagnostic/given.js";
import type { OpName } from "#ir/graph.js";
import { combine } from "#import/operators/broadcast.js";
import { map, numbersOf, scalar, valueOf, weightOf } from "#import/lowering.js";
import { softsign, thresholdedRelu } from "#import/operators/math.js";
import { joined, sliced } from "#import/operators/parts.js";
import type { Activation, Run, Sequence, RecurrentState, Weights } from "#import/operators/recurrent.js";
import { gru, lstm, rnn, unlessZero } from "#import/operators/recurrent.js";
import { refuse, unsupported } from "#import/refusal.js";
import { reshaped, transposed, unsqueezed } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import type { Context, OnnxNode, OperatorImport, OperatorTable } from "../operator.js";

/** One direction of an operator. */
interface Direction {
  readonly weights: Weights;
  /** [g · units], the bias of the product with the state alone. */
  readonly recurrentBias: Value | undefined;
  readonly start: RecurrentState;
  readonly activations: readonly Activation[];
  readonly clip: { readonly clip?: number };
  /** [3 · units], only for LSTM. */
  readonly peepholes: Value | undefined;
}

/** Runs one direction. */
type Layer = (ctx: Context, sequence: Sequence, direction: Direction, node: OnnxNode) => Run;

interface Kind {
  readonly gates: number;
  readonly activations: readonly string[];
  readonly layer: Layer;
  /** Whether the layer adds a part of the recurrent bias itself. By default the biases of both products are summed. */
  readonly keepsRecurrentBias?: (node: OnnxNode) => boolean;
}

const kinds: Readonly<Record<string, Kind>> = {
  RNN: {
    gates: 1,
    activations: ["Tanh"],
    layer: (ctx, sequence, { weights, start, activations: [activation = tanh], clip }) =>
      rnn(ctx, sequence, weights, start, { activation, ...clip }),
  },
  GRU: {
    gates: 3,
    activations: ["Sigmoid", "Tanh"],
    keepsRecurrentBias: (node) => node.int("linear_before_reset", 0) === 1,
    layer: (ctx, sequence, { weights, recurrentBias, start, activations, clip }, node) => {
      const [gate = sigmoid, candidate = tanh] = activations;
      const isAfter = node.int("linear_before_reset", 0) === 1;
      const units = weights.r.shape[0] ?? 1;
      const zeros = (): Value => valueOf(ctx.build.literal(new Float64Array(units), [units]));
      const afterProduct = recurrentBias ? sliced(ctx, recurrentBias, 0, 2 * units, units) : zeros();
      return gru(ctx, sequence, weights, start, {
        gate,
        candidate,
        ...clip,
        ...(isAfter ? { afterProduct } : {}),
      });
    },
  },
  LSTM: {
    gates: 4,
    activations: ["Sigmoid", "Tanh", "Tanh"],
    layer: (ctx, sequence, { weights, start, activations, clip, peepholes }, node) => {
      const [gate = sigmoid, input = tanh, output = tanh] = activations;
      const units = weights.r.shape[0] ?? 1;
      const peephole = (k: number, all: Value): Value => sliced(ctx, all, 0, k * units, units);
      return lstm(ctx, sequence, weights, start, {
        gate,
        input,
        output,
        ...clip,
        coupled: node.int("input_forget", 0) === 1,
        ...(peepholes
          ? { peepholes: { i: peephole(0, peepholes), o: peephole(1, peepholes), f: peephole(2, peepholes) } }
          : {}),
      });
    },
  },
};

/** An operator, whose results are all states and the last ones. */
function recurrent(kind: Kind): OperatorImport {
  return (node, ctx) => {
    const isBatchFirst = node.int("layout", 0) === 1;
    const given = node.input(0);
    if (given.shape.length !== 3)
      refuse("shape-mismatch", `${node.op} takes three axes, not [${given.shape.join(", ")}]`);
    // [steps, batch, features] → [batch, steps, features].
    const whole = isBatchFirst ? given : transposed(ctx, given, [1, 0, 2]);
    const steps = whole.shape[1] ?? 1;
    const length = lengthOf(node, ctx, steps);
    const x = valueOf(ctx.build.arranged(sliced(ctx, whole, 1, 0, length)), given.type);
    const runs = directionsOf(node).map((reverse, at) =>
      kind.layer(ctx, { x, reverse }, directionOf(node, ctx, kind, at), node),
    );
    const all = joined(
      ctx,
      runs.map((run) => unsqueezed(ctx, run.all, [2])),
      2,
    );
    // [batch, steps, directions, units], with zeros after the end of the sequence.
    const padded =
      length === steps
        ? all
        : valueOf(
            ctx.build.emit("pad", [ctx.build.arranged(all)], {
              before: [0, 0, 0, 0],
              after: [0, steps - length, 0, 0],
            }),
          );
    const last = (which: "h" | "c"): Value | undefined => {
      const states = runs.flatMap(({ last: state }) => state[which] ?? []);
      if (states.length < runs.length) return undefined;
      // Each [batch, 1, units].
      const joinedStates = joined(ctx, states, 1);
      return isBatchFirst ? joinedStates : transposed(ctx, joinedStates, [1, 0, 2]);
    };
    const h = last("h");
    const c = node.outputs[2] === undefined ? undefined : last("c");
    const y = isBatchFirst ? padded : transposed(ctx, padded, [1, 2, 0, 3]);
    return [y, ...(h ? [h] : []), ...(c ? [c] : [])];
  };
}

/** For each direction, whether it runs from the end to the start. */
function directionsOf(node: OnnxNode): readonly boolean[] {
  const direction = node.text("direction", "forward");
  switch (direction) {
    case "forward":
      return [false];
    case "reverse":
      return [true];
    case "bidirectional":
      return [false, true];
    default:
      return refuse("bad-model", `${node.op} has the unknown direction \`${direction.slice(0, 20)}\``);
  }
}

/** The number of time steps that are computed; all samples must have the same. */
function lengthOf(node: OnnxNode, ctx: Context, steps: number): number {
  const given = node.optional(4);
  if (!given) return steps;
  const each = ctx.build.repeatedIn(given.ref);
  const what = `the lengths of the sequences of ${node.op}`;
  const lengths = numbersOf(each ? { ...given, ref: each } : given, what);
  const [length = steps] = lengths;
  if (!lengths.every((one) => one === length))
    unsupported(`${node.op} over sequences of different lengths [${lengths.join(", ")}]`);
  if (!Number.isInteger(length) || length < 1 || length > steps)
    refuse("bad-model", `a sequence has ${length} of ${steps} time steps`);
  return length;
}

/** The weights and the initial state of direction `at`. */
function directionOf(
  node: OnnxNode,
  ctx: Context,
  { gates, keepsRecurrentBias, ...kind }: Kind,
  at: number,
): Direction {
  const { op } = node;
  const count = directionsOf(node).length;
  const own = (value: Value): Value => {
    if (value.shape[0] !== count)
      refuse("shape-mismatch", `${op} has [${value.shape.join(", ")}] for ${count} directions`);
    return reshaped(ctx, sliced(ctx, value, 0, at, 1), value.shape.slice(1));
  };
  const constant = (input: number, what: string): Value => {
    const value = node.input(input);
    weightOf(value, `${what} of ${op}`);
    return own(value);
  };
  const w = constant(1, "the weight");
  const r = constant(2, "the recurrent weight");
  const units = r.shape[1] ?? 1;
  if (w.shape[0] !== gates * units || r.shape[0] !== gates * units)
    refuse(
      "shape-mismatch",
      `the weights [${w.shape.join(", ")}] and [${r.shape.join(", ")}] of ${op} do not fit`,
    );
  const both = node.optional(3) && constant(3, "the bias");
  const half = (k: number): Value | undefined =>
    both && sliced(ctx, both, 0, k * gates * units, gates * units);
  const [inputBias, recurrentBias] = [half(0), half(1)];
  // The layer adds the candidate's recurrent bias itself, so this sum leaves it out.
  const keeps = keepsRecurrentBias?.(node) ?? false;
  const shared = keeps && recurrentBias ? withoutLast(ctx, recurrentBias, units) : recurrentBias;
  const bias = inputBias && shared && combine(ctx, "add", [inputBias, shared]);
  const state = (input: number): Value | undefined => unlessZero(ctx, stateOf(node, ctx, input, at, count));
  const [h, c] = [state(5), op === "LSTM" ? state(6) : undefined];
  const peepholes = op === "LSTM" && node.optional(7) ? constant(7, "the peepholes") : undefined;
  const clip = node.float("clip", Number.POSITIVE_INFINITY);
  return {
    weights: {
      w: transposed(ctx, w, [1, 0]),
      r: transposed(ctx, r, [1, 0]),
      ...given({ bias: bias?.ref }),
    },
    recurrentBias,
    start: { ...given({ h, c }) },
    activations: activationsOf(node, kind.activations, count).slice(
      at * kind.activations.length,
      (at + 1) * kind.activations.length,
    ),
    clip: clip === Number.POSITIVE_INFINITY ? {} : { clip },
    peepholes,
  };
}

/** The bias with zeros for the last gate. */
function withoutLast(ctx: Context, bias: Value, units: number): Value {
  const zeros = valueOf(ctx.build.literal(new Float64Array(units), [units]));
  return joined(ctx, [sliced(ctx, bias, 0, 0, (bias.shape[0] ?? 0) - units), zeros], 0);
}

/** The initial state of direction `at`, [batch, 1, units]. */
function stateOf(node: OnnxNode, ctx: Context, input: number, at: number, count: number): Value | undefined {
  const given = node.optional(input);
  if (!given) return undefined;
  const isBatchFirst = node.int("layout", 0) === 1;
  const value = isBatchFirst ? given : transposed(ctx, given, [1, 0, 2]);
  if (value.shape.length !== 3 || value.shape[1] !== count)
    refuse("shape-mismatch", `${node.op} starts with [${given.shape.join(", ")}] in ${count} directions`);
  return valueOf(ctx.build.arranged(sliced(ctx, value, 1, at, 1)), given.type);
}

const apply =
  (op: OpName): Activation =>
  (ctx, x) =>
    map(ctx, op, x);

const sigmoid = apply("sigmoid");
const tanh = apply("tanh");

/** Activations, the numbers that they take, and ONNX's defaults for these. */
const activations: Readonly<
  Record<
    string,
    { readonly defaults?: readonly number[]; readonly make: (a: number, b: number) => Activation }
  >
> = {
  sigmoid: { make: () => sigmoid },
  tanh: { make: () => tanh },
  relu: { make: () => apply("relu") },
  softplus: { make: () => apply("softplus") },
  softsign: { make: () => softsign },
  leakyrelu: { defaults: [0.01], make: (alpha) => (ctx, x) => map(ctx, "leaky_relu", x, { alpha }) },
  elu: { defaults: [1], make: (alpha) => (ctx, x) => map(ctx, "elu", x, { alpha }) },
  thresholdedrelu: { defaults: [1], make: (alpha) => (ctx, x) => thresholdedRelu(ctx, x, alpha) },
  hardsigmoid: {
    defaults: [0.2, 0.5],
    make: (alpha, beta) => (ctx, x) => map(ctx, "hard_sigmoid", x, { alpha, beta }),
  },
  affine: {
    defaults: [1, 0],
    make: (alpha, beta) => (ctx, x) =>
      combine(ctx, "add", [combine(ctx, "mul", [x, scalar(ctx, alpha)]), scalar(ctx, beta)]),
  },
  scaledtanh: {
    defaults: [1, 1],
    make: (alpha, beta) => (ctx, x) =>
      combine(ctx, "mul", [tanh(ctx, combine(ctx, "mul", [x, scalar(ctx, beta)])), scalar(ctx, alpha)]),
  },
};

/** The activations of all directions. Activations that take numbers consume them in order from two lists. */
function activationsOf(node: OnnxNode, defaults: readonly string[], directions: number): Activation[] {
  const names = node.texts("activations") ?? Array.from({ length: directions }, () => defaults).flat();
  if (names.length !== defaults.length * directions)
    refuse("bad-model", `${node.op} has ${names.length} activations for ${directions} directions`);
  const [alphas, betas] = [
    [...(node.floats("activation_alpha") ?? [])],
    [...(node.floats("activation_beta") ?? [])],
  ];
  return names.map((name) => {
    const known = activations[name.toLowerCase()];
    if (!known) return unsupported(`the activation \`${name.slice(0, 20)}\` of ${node.op}`);
    const [alpha, beta] = known.defaults ?? [];
    return known.make(
      alpha === undefined ? 0 : (alphas.shift() ?? alpha),
      beta === undefined ? 0 : (betas.shift() ?? beta),
    );
  });
}

export const recurrences: OperatorTable = Object.fromEntries(
  Object.entries(kinds).map(([op, kind]) => [op, recurrent(kind)]),
);
