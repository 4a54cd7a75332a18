// Reductions, softmax, and normalizations made of them.

import { elements } from "#ir/type.js";
import { argExtreme } from "#import/operators/arg-extreme.js";
import { batchAxis } from "#import/batch.js";
import { combine } from "#import/operators/broadcast.js";
import { axisOf, map, ordered, scalar, valueOf, weightOf } from "#import/lowering.js";
import type { Reduction } from "#import/operators/reduce.js";
import { groupNormalized, reduced, standardized } from "#import/operators/reduce.js";
import { refuse, unsupported } from "#import/refusal.js";
import { flattened, originOf, reshaped } from "#import/operators/reshape.js";
import type { Ref, Value } from "#import/value.js";
import { channelsLast, natural } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorImport, OperatorTable } from "../operator.js";
import { axesOf } from "./reshape.js";

function reduction(
  since: number,
  reduce: (ctx: Context, x: Value, over: (op: Reduction, x: Value, keepdims?: boolean) => Value) => Value,
): OperatorImport {
  return (node, ctx) => {
    const x = node.input(0);
    const rank = x.shape.length;
    const given = axesOf(node, since)?.map((axis) => axisOf(axis, rank)) ?? [];
    const isEmpty = given.length === 0;
    if (isEmpty && node.int("noop_with_empty_axes", 0) === 1) return x;
    const axes = isEmpty ? natural(rank) : [...new Set(given)];
    const keep = node.int("keepdims", 1) === 1;
    return reduce(ctx, x, (op, value, keepdims = keep) => reduced(ctx, op, value, axes, keepdims));
  };
}

const plain = (op: Reduction): OperatorImport => reduction(18, (_, x, over) => over(op, x));

/** The largest finite number of f32. */
const mostFinite = (2 - 2 ** -23) * 2 ** 127;

/** log Σ eˣ, computed as max + log Σ e^(x − max) so that nothing overflows. */
const logSumExp = reduction(18, (ctx, x, over) => {
  // ∞ − ∞ is NaN, so an infinite maximum is replaced by the largest finite number; ∞ minus that is still ∞.
  const most = map(ctx, "clip", over("reduce_max", x, true), { low: -mostFinite, high: mostFinite });
  const sum = over("reduce_sum", map(ctx, "exp", combine(ctx, "sub", [x, most])));
  return combine(ctx, "add", [map(ctx, "log", sum), reshaped(ctx, most, sum.shape)]);
});

function softmax(node: OnnxNode, ctx: Context): Value {
  return alongAxis(node, ctx, (x, axis) => {
    const ref = ctx.build.emit("softmax", [x.ref], { axis: x.order.indexOf(axis) });
    return ordered(ctx, ref, x.order, x.type);
  });
}

/** x − max − log Σ e^(x − max). */
function logSoftmax(node: OnnxNode, ctx: Context): Value {
  return alongAxis(node, ctx, (x, axis) => {
    const shifted = combine(ctx, "sub", [x, reduced(ctx, "reduce_max", x, [axis], true)]);
    const sum = reduced(ctx, "reduce_sum", map(ctx, "exp", shifted), [axis], true);
    return combine(ctx, "sub", [shifted, map(ctx, "log", sum)]);
  });
}

/** 1 at the first of the largest elements, else 0. */
function hardmax(node: OnnxNode, ctx: Context): Value {
  return alongAxis(node, ctx, (x, axis) => {
    const found = argExtreme(ctx, x, { axis, keepdims: true, ofLargest: true, last: false });
    const places = valueOf(
      ctx.build.literal(
        natural(x.shape[axis] ?? 1),
        x.shape.map((extent, at) => (at === axis ? extent : 1)),
      ),
    );
    return combine(ctx, "equal", [places, found], { type: x.type });
  });
}

/** Up to opset 12, all axes from `axis` on are merged into one. */
function alongAxis(node: OnnxNode, ctx: Context, over: (x: Value, axis: number) => Value): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  if (node.opset >= 13) return over(x, axisOf(node.int("axis", -1), rank));
  const axis = axisOf(node.int("axis", 1), rank);
  if (elements(x.shape.slice(axis + 1)) === 1 && axis !== 0) return over(x, axis);
  const rows = flattened(ctx, x, axis);
  return reshaped(ctx, over(rows, 1), x.shape, batchAxis(ctx, x));
}

/** x · scale + offset with a value per channel, axis 1. */
function scaled(ctx: Context, x: Value, scale: Value, offset: Value | undefined): Value {
  const spread = (value: Value): Value => {
    const lead = new Array<number>(x.shape.length - 2).fill(1);
    return reshaped(ctx, value, [elements(value.shape), ...lead]);
  };
  const product = combine(ctx, "mul", [x, spread(scale)]);
  return offset ? combine(ctx, "add", [product, spread(offset)]) : product;
}

function batchNormalization(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  if (node.int("training_mode", 0) === 1) unsupported("BatchNormalization in training mode");
  if (node.opset < 9 && node.int("spatial", 1) === 0) unsupported("BatchNormalization with spatial=0");
  const statistics = ["scale", "offset", "mean", "variance"].map((name, at): Ref =>
    weightOf(node.input(at + 1), `the ${name} of BatchNormalization`),
  );
  const order = x.shape.length > 1 && x.order.at(-1) === 1 ? x.order : channelsLast(x.shape.length);
  const ref = ctx.build.arranged(x, order);
  const epsilon = node.float("epsilon", 1e-5);
  return ordered(ctx, ctx.build.emit("batch_norm", [ref, ...statistics], { epsilon }), order, x.type);
}

function instanceNormalization(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const epsilon = node.float("epsilon", 1e-5);
  const [n = 1, groups = 1] = x.shape;
  // PyTorch writes a group normalization as an instance normalization over [n, groups, all other elements].
  const image = groupedOrigin(ctx, x);
  if (!image) return scaled(ctx, groupNormalized(ctx, x, groups, epsilon), node.input(1), node.input(2));
  const normal = groupNormalized(ctx, image, groups, epsilon);
  const [, c = 1, ...rest] = image.shape;
  const split = reshaped(ctx, normal, [n, groups, c / groups, ...rest]);
  return reshaped(ctx, scaled(ctx, split, node.input(1), node.input(2)), x.shape);
}

/** The value [n, c, …] that was reshaped to [n, groups, l]. */
function groupedOrigin(ctx: Context, x: Value): Value | undefined {
  const [n = 1, groups = 1] = x.shape;
  const before = originOf(ctx, x);
  const [batch, c = 1, ...rest] = before?.shape ?? [];
  const fits = x.shape.length === 3 && batch === n && c % groups === 0 && rest.length > 0;
  return fits ? before : undefined;
}

function layerNormalization(node: OnnxNode, ctx: Context): Value[] {
  const x = node.input(0);
  const axis = axisOf(node.int("axis", -1), x.shape.length);
  const axes = natural(x.shape.length).slice(axis);
  const { normal, mean, spread } = standardized(ctx, x, axes, node.float("epsilon", 1e-5));
  const product = combine(ctx, "mul", [normal, node.input(1)]);
  const offset = node.optional(2);
  return [offset ? combine(ctx, "add", [product, offset]) : product, mean, spread];
}

/** A normalization of groups of channels. Scale and offset are given by group before opset 21, and by channel since. */
function groupNormalization(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const [n = 1, c = 1, ...rest] = x.shape;
  const groups = node.int("num_groups");
  if (!(groups >= 1) || c % groups !== 0)
    refuse("bad-model", `${c} channels cannot be divided into ${groups} groups`);
  const normal = groupNormalized(ctx, x, groups, node.float("epsilon", 1e-5));
  const [scale, offset] = [node.input(1), node.input(2)];
  if (elements(scale.shape) !== groups || groups === c) return scaled(ctx, normal, scale, offset);
  const split = reshaped(ctx, normal, [n, groups, c / groups, ...rest]);
  return reshaped(ctx, scaled(ctx, split, scale, offset), x.shape);
}

/** x divided by its p-norm ‖x‖ₚ along an axis. */
function lpNormalization(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const axis = axisOf(node.int("axis", -1), x.shape.length);
  const isOne = node.int("p", 2) === 1;
  const powers = map(ctx, isOne ? "abs" : "square", x);
  const sum = reduced(ctx, "reduce_sum", powers, [axis], true);
  return combine(ctx, "div", [x, isOne ? sum : map(ctx, "sqrt", sum)]);
}

/** (x − mean) / √variance over the axes; 10⁻⁹ is added against a variance of 0. */
function meanVarianceNormalization(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const axes = (node.ints("axes") ?? [0, 2, 3]).map((axis) => axisOf(axis, x.shape.length));
  const centered = combine(ctx, "sub", [x, reduced(ctx, "reduce_mean", x, axes, true)]);
  const variance = reduced(ctx, "reduce_mean", map(ctx, "square", centered), axes, true);
  return combine(ctx, "div", [
    centered,
    combine(ctx, "add", [map(ctx, "sqrt", variance), scalar(ctx, 1e-9)]),
  ]);
}

/** x / (bias + α/size · Σ x²)^β, where the sum is over neighbouring channels. A mean pool that counts its padding gives sum / size. */
function localResponse(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const size = node.int("size");
  const rank = x.shape.length;
  if (rank < 3 || !(size >= 1))
    refuse("bad-model", `LRN cannot take ${size} channels of [${x.shape.join(", ")}]`);
  const order = channelsLast(rank);
  const ref = ctx.build.arranged(x, order);
  const c = x.shape[1] ?? 1;
  const squares = ctx.build.emit("square", [ref]);
  const n = ref.shape[0] ?? 1;
  const rows = ctx.build.emit("reshape", [squares], { shape: [n, elements(ref.shape) / (n * c), c, 1] });
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const means = ctx.build.emit("avg_pool", [rows], {
    kernel: [1, size],
    stride: [1, 1],
    padding: [0, 0, before, after],
    count_include_pad: true,
  });
  const mean = ordered(ctx, ctx.build.emit("reshape", [means], { shape: ref.shape }), order);
  const scaledMean = combine(ctx, "mul", [mean, scalar(ctx, node.float("alpha", 1e-4))]);
  const base = combine(ctx, "add", [scaledMean, scalar(ctx, node.float("bias", 1))]);
  return combine(ctx, "div", [x, combine(ctx, "pow", [base, scalar(ctx, node.float("beta", 0.75))])]);
}

/** The place of the largest or least value along an axis. */
const place =
  (ofLargest: boolean): OperatorImport =>
  (node, ctx) => {
    const x = node.input(0);
    return argExtreme(ctx, x, {
      axis: axisOf(node.int("axis", 0), x.shape.length),
      keepdims: node.int("keepdims", 1) === 1,
      ofLargest,
      last: node.int("select_last_index", 0) === 1,
    });
  };

export const reductions: OperatorTable = {
  ArgMax: place(true),
  ArgMin: place(false),
  ReduceSum: reduction(13, (_, x, over) => over("reduce_sum", x)),
  ReduceMean: plain("reduce_mean"),
  ReduceMax: plain("reduce_max"),
  ReduceMin: plain("reduce_min"),
  ReduceProd: plain("reduce_prod"),
  ReduceL1: reduction(18, (ctx, x, over) => over("reduce_sum", map(ctx, "abs", x))),
  ReduceL2: reduction(18, (ctx, x, over) => map(ctx, "sqrt", over("reduce_sum", map(ctx, "square", x)))),
  ReduceSumSquare: reduction(18, (ctx, x, over) => over("reduce_sum", map(ctx, "square", x))),
  ReduceLogSum: reduction(18, (ctx, x, over) => map(ctx, "log", over("reduce_sum", x))),
  ReduceLogSumExp: logSumExp,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  Hardmax: hardmax,
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  LRN: localResponse,
};
