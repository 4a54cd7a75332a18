// Recurrent layers, and the wrappers around layers of sequences.

import { given } from "#diagnostic/given.js";
import { ownEntry } from "#diagnostic/own-entry.js";
import { batchAxis } from "#import/batch.js";
import { combine } from "#import/operators/broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { scalar, valueOf } from "#import/lowering.js";
import { joined, sliced } from "#import/operators/parts.js";
import { picked } from "#import/operators/gather.js";
import type { Run, Weights } from "#import/operators/recurrent.js";
import { gru, lstm, rnn } from "#import/operators/recurrent.js";
import { quote, refuse, unsupported } from "#import/refusal.js";
import { reshaped } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import type { Activation } from "../activations.js";
import { activations } from "../activations.js";
import { fieldsOf } from "../fields.js";
import type { LayerCall, LayerImport, LayerTable } from "./layer.js";
import { activationName } from "./layer.js";
import { plain } from "./plain.js";
import { windows } from "./windows.js";

/** Runs over [batch, steps, features]. */
type Layer = (call: LayerCall, ctx: Lowering, x: Value, reverse: boolean) => Run;

function lstmLayer(call: LayerCall, ctx: Lowering, x: Value, reverse: boolean): Run {
  const [w, r] = [call.weight("kernel"), call.weight("recurrent_kernel")];
  const units = r.shape[0] ?? 1;
  // Keras has the gates in the order input, forget, cell, output.
  const turned = (weight: Value): Value => {
    const axis = weight.shape.length - 1;
    const parts = [0, 3, 1, 2].map((gate) => sliced(ctx, weight, axis, gate * units, units));
    return joined(ctx, parts, axis);
  };
  const bias = call.config.flag("use_bias", true) ? turned(call.weight("bias")).ref : undefined;
  const input = activationOf(call, "activation", "tanh");
  const gate = activationOf(call, "recurrent_activation", "hard_sigmoid");
  const weights = { w: turned(w), r: turned(r), ...given({ bias }) };
  return lstm(ctx, { x, reverse }, weights, {}, { gate, input, output: input });
}

function gruLayer(call: LayerCall, ctx: Lowering, x: Value, reverse: boolean): Run {
  const [w, r] = [call.weight("kernel"), call.weight("recurrent_kernel")];
  const units = r.shape[0] ?? 1;
  const gate = activationOf(call, "recurrent_activation", "hard_sigmoid");
  const candidate = activationOf(call, "activation", "tanh");
  const biases = call.config.flag("use_bias", true) ? call.weight("bias") : undefined;
  if (!call.config.flag("reset_after", false)) {
    const weights: Weights = { w, r, ...given({ bias: biases?.ref }) };
    return gru(ctx, { x, reverse }, weights, {}, { gate, candidate });
  }
  // Two biases, [2, 3 · units]: the candidate's recurrent bias is added after the product.
  const zeros = valueOf(ctx.build.literal(new Float64Array(units), [units]));
  if (!biases) return gru(ctx, { x, reverse }, { w, r }, {}, { gate, candidate, afterProduct: zeros });
  const row = (at: number): Value => reshaped(ctx, sliced(ctx, biases, 0, at, 1), [3 * units]);
  const shared = joined(ctx, [sliced(ctx, row(1), 0, 0, 2 * units), zeros], 0);
  const bias = combine(ctx, "add", [row(0), shared]).ref;
  const afterProduct = sliced(ctx, row(1), 0, 2 * units, units);
  return gru(ctx, { x, reverse }, { w, r, bias }, {}, { gate, candidate, afterProduct });
}

function simpleLayer(call: LayerCall, ctx: Lowering, x: Value, reverse: boolean): Run {
  const bias = call.config.flag("use_bias", true) ? { bias: call.weight("bias").ref } : {};
  const weights = { w: call.weight("kernel"), r: call.weight("recurrent_kernel"), ...bias };
  const activation = activationOf(call, "activation", "tanh");
  return rnn(ctx, { x, reverse }, weights, {}, { activation });
}

const recurrences: Readonly<Record<string, Layer>> = {
  LSTM: lstmLayer,
  GRU: gruLayer,
  SimpleRNN: simpleLayer,
};

function activationOf({ config }: LayerCall, key: string, otherwise: string): Activation {
  const name = activationName(config.get(key)) ?? otherwise;
  const found = ownEntry(activations, name);
  return found ?? unsupported(`the activation \`${name.slice(0, 40)}\``);
}

/** Runs a recurrent layer; its configuration says which results it has. */
function run(call: LayerCall, ctx: Lowering, isReversed = false): Value {
  const { config, kind } = call;
  const given = call.x();
  if (given.shape.length !== 3)
    refuse("shape-mismatch", `${kind} takes three axes, not [${given.shape.join(", ")}]`);
  for (const flag of ["return_state", "stateful", "time_major"])
    if (config.flag(flag, false)) unsupported(`${kind} with ${flag}`);
  const x = valueOf(ctx.build.arranged(given), given.type);
  const isBackwards = config.flag("go_backwards", false);
  const { all, last } = (ownEntry(recurrences, kind) ?? simpleLayer)(
    call,
    ctx,
    x,
    isBackwards !== isReversed,
  );
  const [n = 1, steps = 1, units = 1] = all.shape;
  if (!config.flag("return_sequences", false)) return reshaped(ctx, last.h ?? all, [n, units]);
  // A layer that goes backwards returns its time steps in the order in which it computes them.
  return isBackwards ? picked(ctx, all, 1, natural(steps).toReversed()) : all;
}

/** A layer in both directions. */
function bidirectional(call: LayerCall, ctx: Lowering): Value {
  const inner = innerOf(call);
  if (!Object.hasOwn(recurrences, inner.kind)) unsupported(`Bidirectional of ${quote(inner.kind)}`);
  if (call.config.has("backward_layer") && call.config.get("backward_layer") !== null)
    unsupported("Bidirectional with a separate backward_layer");
  const { name } = inner;
  const forward = run(callOf(call, inner, `forward_${name}`), ctx);
  const backward = run(callOf(call, inner, `backward_${name}`), ctx, true);
  const mode = call.config.text("merge_mode", "concat");
  switch (mode) {
    case "concat":
      return joined(ctx, [forward, backward], forward.shape.length - 1);
    case "sum":
      return combine(ctx, "add", [forward, backward]);
    case "mul":
      return combine(ctx, "mul", [forward, backward]);
    case "ave":
      return combine(ctx, "mul", [combine(ctx, "add", [forward, backward]), scalar(ctx, 0.5)]);
    default:
      return unsupported(`Bidirectional with merge_mode ${quote(mode)}`);
  }
}

/** Layers that only use the last axis, so that all time steps can share one call. */
const stepwise: ReadonlySet<string> = new Set([
  "Dense",
  "Activation",
  "ReLU",
  "LeakyReLU",
  "ELU",
  "Softmax",
  "Dropout",
  "BatchNormalization",
  "LayerNormalization",
]);

/**
 * Applies a layer to each time step. If the number of samples is known, all time steps of all samples become the samples of one call; else
 * each time step has a call.
 */
function timeDistributed(call: LayerCall, ctx: Lowering): Value {
  const inner = innerOf(call);
  const layer = ownEntry(plain, inner.kind) ?? ownEntry(windows, inner.kind);
  if (!layer) return unsupported(`TimeDistributed of ${quote(inner.kind)}`);
  const own = callOf(call, inner, inner.name);
  // In files of TensorFlow.js the weights have the name of the wrapper.
  const optional = (name: string): Value | undefined => call.optional(name) ?? own.optional(name);
  const weight = (name: string): Value => optional(name) ?? own.weight(name);
  const of = (x: Value): Value => layer({ ...own, optional, weight, inputs: [x], x: () => x }, ctx);
  const x = call.x();
  const [n = 1, steps = 1, ...rest] = x.shape;
  if (x.shape.length < 3) refuse("shape-mismatch", `[${x.shape.join(", ")}] has no steps`);
  const axis = inner.config.get("axis") ?? -1;
  if (stepwise.has(inner.kind) && [axis].flat()[0] === -1) return of(x);
  if (batchAxis(ctx, x) === undefined) {
    const all = of(reshaped(ctx, x, [n * steps, ...rest]));
    return reshaped(ctx, all, [n, steps, ...all.shape.slice(1)]);
  }
  if (steps > stepLimit)
    unsupported(`TimeDistributed over ${steps} steps with an open batch`, "bind the batch with --dim");
  const each = natural(steps).map((step) => {
    const one = of(reshaped(ctx, sliced(ctx, x, 1, step, 1), [n, ...rest]));
    return reshaped(ctx, one, [n, 1, ...one.shape.slice(1)]);
  });
  return joined(ctx, each, 1);
}

/** The most time steps that have separate calls. */
const stepLimit = 256;

interface Inner {
  readonly kind: string;
  readonly name: string;
  readonly config: LayerCall["config"];
}

/** The layer in a wrapper. */
function innerOf({ kind, config }: LayerCall): Inner {
  const written = fieldsOf(config.get("layer"), `the layer in ${kind}`);
  const own = fieldsOf(written.get("config") ?? {}, `the layer in ${kind}`);
  return { kind: written.text("class_name"), name: own.text("name", ""), config: own };
}

/** The call of a layer in a wrapper, with its weights under a name. */
function callOf(call: LayerCall, { kind, config }: Inner, name: string): LayerCall {
  return {
    ...call,
    kind,
    config,
    optional: (own) => call.weightOf(name, own),
    weight: (own) =>
      call.weightOf(name, own) ??
      refuse("missing-data", `the manifest of the weights has no ${quote(`${name}/${own}`)}`),
  };
}

const recurrent: LayerImport = (call, ctx) => run(call, ctx);

export const sequences: LayerTable = {
  LSTM: recurrent,
  GRU: recurrent,
  SimpleRNN: recurrent,
  Bidirectional: bidirectional,
  TimeDistributed: timeDistributed,
};
