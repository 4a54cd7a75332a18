// Layers without windows: products, normalizations, activations, merges, shapes.

import { greatest } from "#diagnostic/extremes.js";
import type { OpName } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { combine, combineAll } from "#import/operators/broadcast.js";
import type { Lowering } from "#import/lowering.js";
import { axisOf, map, numbersOf, ordered, scalar, valueOf, weightOf } from "#import/lowering.js";
import { thresholdedRelu } from "#import/operators/math.js";
import { joined, repeated } from "#import/operators/parts.js";
import { times } from "#import/operators/product.js";
import { groupNormalized, normalized, reduced } from "#import/operators/reduce.js";
import { refuse, unsupported } from "#import/refusal.js";
import { reshaped, transposed } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import { rectified, softmax } from "../activations.js";
import { isInt, listOf } from "../fields.js";
import type { LayerCall, LayerImport, LayerTable } from "./layer.js";
import { activated, biasOf, isChannelsFirst } from "./layer.js";

/** A product with every row of the last axis. */
function dense(call: LayerCall, ctx: Lowering): Value {
  const kernel = call.weight("kernel");
  weightOf(kernel, "the kernel");
  return activated(call, ctx, times(ctx, call.x(), kernel, biasOf(call)));
}

/** The axis of a layer. Keras 3 and some savers write it as a list of one number. */
function axisIn({ config }: LayerCall, rank: number, otherwise: number): number {
  const [axis = otherwise, ...more] = config.ints("axis") ?? [];
  if (more.length > 0) unsupported("a normalization over several axes");
  return axisOf(axis, rank);
}

function batchNormalization(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  const axis = axisIn(call, x.shape.length, -1);
  // The channels come last.
  const order = [...natural(x.shape.length).filter((at) => at !== axis), axis];
  const c = x.shape[axis] ?? 1;
  const plain = (value: number) => ctx.build.literal(new Float64Array(c).fill(value), [c]);
  const statistics = [
    call.config.flag("scale", true) ? call.weight("gamma").ref : plain(1),
    call.config.flag("center", true) ? call.weight("beta").ref : plain(0),
    call.weight("moving_mean").ref,
    call.weight("moving_variance").ref,
  ];
  const attributes = { epsilon: call.config.number("epsilon", 1e-3) };
  const ref = ctx.build.emit("batch_norm", [ctx.build.arranged(x, order), ...statistics], attributes);
  return ordered(ctx, ref, order, x.type);
}

function layerNormalization(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  const rank = x.shape.length;
  const axes = (call.config.ints("axis") ?? [-1]).map((axis) => axisOf(axis, rank));
  return scaledAndShifted(call, ctx, normalized(ctx, x, axes, call.config.number("epsilon", 1e-3)), axes);
}

/** x · `gamma` + `beta`, where the layer has them; both have the given axes. */
function scaledAndShifted(call: LayerCall, ctx: Lowering, x: Value, axes: readonly number[]): Value {
  const along = (weight: Value): Value =>
    reshaped(
      ctx,
      weight,
      x.shape.map((extent, axis) => (axes.includes(axis) ? extent : 1)),
    );
  const scaled = call.config.flag("scale", true) ? combine(ctx, "mul", [x, along(call.weight("gamma"))]) : x;
  return call.config.flag("center", true)
    ? combine(ctx, "add", [scaled, along(call.weight("beta"))])
    : scaled;
}

/** Normalizes each group of channels with its own mean and variance (Wu and He 2018); with −1 groups, each channel is a group. */
function groupNormalization(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  const rank = x.shape.length;
  const axis = axisIn(call, rank, -1);
  const c = x.shape[axis] ?? 1;
  const given = call.config.int("groups", 32);
  const groups = given === -1 ? c : given;
  if (axis === 0 || !(groups >= 1) || c % groups !== 0)
    refuse("bad-model", `${c} channels cannot be divided into ${groups} groups`);
  const others = natural(rank).filter((at) => at !== 0 && at !== axis);
  const first = transposed(ctx, x, [0, axis, ...others]);
  const normal = transposed(
    ctx,
    groupNormalized(ctx, first, groups, call.config.number("epsilon", 1e-3)),
    natural(rank).map((at) => (at === 0 ? 0 : at === axis ? 1 : others.indexOf(at) + 2)),
  );
  return scaledAndShifted(call, ctx, normal, [axis]);
}

/** x / max(‖x‖, 10⁻¹²), where the length is taken over some axes. */
function unitNormalization(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  const axes = (call.config.ints("axis") ?? [-1]).map((axis) => axisOf(axis, x.shape.length));
  const sum = reduced(ctx, "reduce_sum", map(ctx, "square", x), axes, true);
  const most = combine(ctx, "max", [sum, scalar(ctx, 1e-12)]);
  return combine(ctx, "mul", [x, map(ctx, "rsqrt", most)]);
}

function relu(call: LayerCall, ctx: Lowering): Value {
  const { config } = call;
  // Keras 3 and some savers write these as lists of one number.
  const given = (key: string): number | undefined => {
    const [first] = listOf(config.get(key)) ?? [];
    if (typeof first === "number") return first;
    return config.has(key) ? config.number(key) : undefined;
  };
  return rectified(ctx, call.x(), {
    slope: given("negative_slope") ?? 0,
    threshold: given("threshold") ?? 0,
    most: given("max_value"),
  });
}

/** The slopes have the shape of a sample, with 1 along shared axes. */
function prelu(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  const alpha = call.weight("alpha");
  if (alpha.shape.length > x.shape.length - 1 && elements(alpha.shape) !== 1)
    refuse("shape-mismatch", `the slopes [${alpha.shape.join(", ")}] do not fit [${x.shape.join(", ")}]`);
  return combine(ctx, "prelu", [x, alpha]);
}

/** Applies an op to two or more operands. */
function merge(op: OpName, isPair = false): LayerImport {
  return ({ inputs, kind }, ctx) => {
    if (inputs.length < 2 || (isPair && inputs.length !== 2))
      refuse("bad-model", `${kind} cannot take ${inputs.length} values`);
    const rank = greatest(inputs.map(({ shape }) => shape.length));
    if (inputs.some(({ shape }) => shape.length !== rank)) unsupported(`${kind} of values of different rank`);
    return combineAll(ctx, op, inputs);
  };
}

function average(call: LayerCall, ctx: Lowering): Value {
  const sum = merge("add")(call, ctx);
  return combine(ctx, "mul", [sum, scalar(ctx, 1 / call.inputs.length)]);
}

function concatenate({ inputs, config }: LayerCall, ctx: Lowering): Value {
  const rank = inputs[0]?.shape.length ?? 0;
  if (inputs.some(({ shape }) => shape.length !== rank))
    refuse("shape-mismatch", "Concatenate has operands of different ranks");
  return joined(ctx, inputs, axisOf(config.int("axis", -1), rank));
}

function flatten(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  const [n = 1, ...rest] = x.shape;
  const rank = x.shape.length;
  const last = isChannelsFirst(call) && rank > 2 ? transposed(ctx, x, [0, ...natural(rank).slice(2), 1]) : x;
  return reshaped(ctx, last, [n, elements(rest)]);
}

function reshape(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  // TensorFlow.js writes the remaining extent as null, Keras as −1.
  const wanted = call.config
    .list("target_shape")
    .map((extent) => extent ?? -1)
    .map((extent) => (isInt(extent) ? extent : refuse("bad-model", "`target_shape` holds no whole numbers")));
  const open = wanted.indexOf(-1);
  const [n = 1, ...rest] = x.shape;
  if (open >= 0) wanted[open] = elements(rest) / elements(wanted.filter((_, axis) => axis !== open));
  if (!wanted.every(Number.isInteger))
    refuse("shape-mismatch", `[${rest.join(", ")}] does not fit into [${wanted.with(open, -1).join(", ")}]`);
  return reshaped(ctx, x, [n, ...wanted]);
}

/** `dims` counts the axes of a sample from 1. */
function permute(call: LayerCall, ctx: Lowering): Value {
  const dims = call.config.ints("dims") ?? refuse("bad-model", "Permute has no dims");
  const x = call.x();
  const perm = [0, ...dims];
  if (perm.toSorted((a, b) => a - b).some((axis, at) => axis !== at) || perm.length !== x.shape.length)
    refuse("bad-model", `[${dims.join(", ")}] does not permute [${x.shape.join(", ")}]`);
  return transposed(ctx, x, perm);
}

function repeatVector(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  const [n = 1, c = 1] = x.shape;
  const count = call.config.int("n");
  if (x.shape.length !== 2 || !(count >= 1)) refuse("bad-model", `[${x.shape.join(", ")}] ${count} times`);
  return repeated(ctx, reshaped(ctx, x, [n, 1, c]), 1, count);
}

/** A number, or numbers for the last axis. */
function numbersIn(call: LayerCall, ctx: Lowering, key: string, otherwise: number): Value {
  const numbers = (listOf(call.config.get(key)) ?? []).flat(8);
  if (numbers.length === 0) return scalar(ctx, call.config.number(key, otherwise));
  if (!numbers.every((one) => typeof one === "number"))
    refuse("bad-model", `\`${key}\` of ${call.kind} is not a list of numbers`);
  return valueOf(ctx.build.literal(numbers as readonly number[], [numbers.length]));
}

function rescaling(call: LayerCall, ctx: Lowering): Value {
  const scaled = combine(ctx, "mul", [call.x(), numbersIn(call, ctx, "scale", 1)]);
  return combine(ctx, "add", [scaled, numbersIn(call, ctx, "offset", 0)]);
}

/** (x − mean) / max(√variance, 10⁻⁷). The statistics of the last axis are weights, or in the configuration. */
function normalization(call: LayerCall, ctx: Lowering): Value {
  const x = call.x();
  const axis = axisIn(call, x.shape.length, -1);
  if (axis !== x.shape.length - 1) unsupported("Normalization over another axis than the last");
  const statistic = (name: string): Value => {
    const weight = call.optional(name);
    return weight ? reshaped(ctx, weight, [elements(weight.shape)]) : numbersIn(call, ctx, name, Number.NaN);
  };
  const [mean, variance] = [statistic("mean"), statistic("variance")];
  if (numbersOf(mean, "the mean").some(Number.isNaN)) refuse("missing-data", "Normalization has no mean");
  const spread = numbersOf(variance, "the variance").map((one) => 1 / Math.max(Math.sqrt(one), 1e-7));
  const factor = valueOf(ctx.build.literal(spread, [spread.length]));
  return combine(ctx, "mul", [combine(ctx, "sub", [x, mean]), factor]);
}

const same: LayerImport = (call) => call.x();

/** Layers that only have an effect in training. */
const inference = [
  "Dropout",
  "SpatialDropout1D",
  "SpatialDropout2D",
  "SpatialDropout3D",
  "AlphaDropout",
  "GaussianDropout",
  "GaussianNoise",
  "ActivityRegularization",
];

export const plain: LayerTable = {
  Activation: (call, ctx) => activated(call, ctx, call.x()),
  ReLU: relu,
  LeakyReLU: (call, ctx) =>
    map(ctx, "leaky_relu", call.x(), {
      alpha: call.config.number(call.config.has("alpha") ? "alpha" : "negative_slope", 0.3),
    }),
  PReLU: prelu,
  ELU: (call, ctx) => map(ctx, "elu", call.x(), { alpha: call.config.number("alpha", 1) }),
  ThresholdedReLU: (call, ctx) => thresholdedRelu(ctx, call.x(), call.config.number("theta", 1)),
  Softmax: (call, ctx) => {
    const axis = call.config.get("axis") ?? -1;
    if (!isInt(axis)) unsupported("Softmax over several axes");
    return softmax(ctx, call.x(), axis);
  },
  Dense: dense,
  BatchNormalization: batchNormalization,
  BatchNormalizationV1: batchNormalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  UnitNormalization: unitNormalization,
  Normalization: normalization,
  Rescaling: rescaling,
  Add: merge("add"),
  Subtract: merge("sub", true),
  Multiply: merge("mul"),
  Average: average,
  Maximum: merge("max"),
  Minimum: merge("min"),
  Concatenate: concatenate,
  Flatten: flatten,
  Reshape: reshape,
  Permute: permute,
  RepeatVector: repeatVector,
  ...Object.fromEntries(inference.map((name) => [name, same])),
};
