// Operators of onnxruntime's own domain, com.microsoft, which its offline optimization and its quantization tools write. Source of their
// meaning: onnxruntime's ContribOperators.md.

import type { OpName } from "#ir/graph.js";
import { combine, combineAll } from "#import/operators/broadcast.js";
import { map, scalar } from "#import/lowering.js";
import { geluTanh } from "#import/operators/math.js";
import { product } from "#import/operators/product.js";
import { reduced, standardized } from "#import/operators/reduce.js";
import { unsupported } from "#import/refusal.js";
import { transposed } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";
import { withOperands } from "../operator.js";
import { products } from "./matmul.js";
import { quantized, quantizedOperators } from "./quantized.js";
import { reductions } from "./reduce.js";
import { pools } from "./pools.js";
import { windows } from "./windows.js";

const add = (ctx: Context, ...values: readonly (Value | undefined)[]): Value => {
  return combineAll(
    ctx,
    "add",
    values.filter((value) => value !== undefined),
  );
};

/** An operator of the main domain under another name, for other operands. */
function as(
  table: OperatorTable,
  op: string,
  node: OnnxNode,
  ctx: Context,
  operands: readonly Value[],
): Value {
  const result = table[op]?.(withOperands({ ...node, op }, operands), ctx);
  return (Array.isArray(result) ? (result as readonly Value[])[0] : result) as Value;
}

/** Activations without parameters by their name in ONNX. */
const activations: Readonly<Record<string, OpName>> = {
  Relu: "relu",
  Tanh: "tanh",
  Sigmoid: "sigmoid",
  HardSwish: "hard_swish",
};

/** The activation that a fused operator applies to its result. */
function activated(ctx: Context, x: Value, name: string, parameters: readonly (number | undefined)[]): Value {
  const simple = activations[name];
  if (simple) return map(ctx, simple, x);
  const [first, second] = parameters;
  switch (name) {
    case "":
      return x;
    case "LeakyRelu":
      return map(ctx, "leaky_relu", x, { alpha: first ?? 0.01 });
    case "Elu":
      return map(ctx, "elu", x, { alpha: first ?? 1 });
    case "HardSigmoid":
      return map(ctx, "hard_sigmoid", x, { alpha: first ?? 0.2, beta: second ?? 0.5 });
    case "Clip":
      return map(ctx, "clip", x, { low: first ?? -Infinity, high: second ?? Infinity });
    default:
      return unsupported(`the activation \`${name.slice(0, 40)}\``);
  }
}

/** A convolution, the addition of the fourth operand if there is one, and an activation. */
function fusedConv(node: OnnxNode, ctx: Context): Value {
  const [x, w, bias, sum] = [node.input(0), node.input(1), node.optional(2), node.optional(3)];
  const result = as(windows, "Conv", node, ctx, bias ? [x, w, bias] : [x, w]);
  return activated(
    ctx,
    add(ctx, result, sum),
    node.text("activation", ""),
    node.floats("activation_params") ?? [],
  );
}

function fusedGemm(node: OnnxNode, ctx: Context): Value {
  const c = node.optional(2);
  const result = as(products, "Gemm", node, ctx, [node.input(0), node.input(1), ...(c ? [c] : [])]);
  const parameter = (name: string): number | undefined => {
    const value = node.float(name, Number.NaN);
    return Number.isNaN(value) ? undefined : value;
  };
  return activated(ctx, result, node.text("activation", ""), [
    parameter("activation_alpha"),
    parameter("activation_beta"),
  ]);
}

/** α · A · B, each transposed over its last two axes if the attributes say so. */
function fusedMatMul(node: OnnxNode, ctx: Context): Value {
  if (node.int("transBatchA", 0) !== 0 || node.int("transBatchB", 0) !== 0)
    unsupported("FusedMatMul with transBatchA or transBatchB");
  const turned = (value: Value, is: boolean): Value => {
    const rank = value.shape.length;
    return is && rank > 1 ? transposed(ctx, value, [...natural(rank - 2), rank - 1, rank - 2]) : value;
  };
  const a = turned(node.input(0), node.int("transA", 0) === 1);
  const b = turned(node.input(1), node.int("transB", 0) === 1);
  const alpha = node.float("alpha", 1);
  const result = product(ctx, a, b);
  return alpha === 1 ? result : combine(ctx, "mul", [result, scalar(ctx, alpha)]);
}

/** x · σ(αx). */
function quickGelu(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const alpha = node.float("alpha", 1.702);
  return combine(ctx, "mul", [x, map(ctx, "sigmoid", combine(ctx, "mul", [x, scalar(ctx, alpha)]))]);
}

/** A layer normalization of the sum of input, skip and bias; that sum is the fourth result. */
function skipLayerNormalization(node: OnnxNode, ctx: Context): Value[] {
  const sum = add(ctx, node.input(0), node.input(1), node.optional(4));
  const axes = [sum.shape.length - 1];
  const { normal, mean, spread } = standardized(ctx, sum, axes, node.float("epsilon", 1e-12));
  const scaled = combine(ctx, "mul", [normal, node.input(2)]);
  return [add(ctx, scaled, node.optional(3)), mean, spread, sum];
}

/** x / √(mean of x² + ε) over the last axis (Zhang and Sennrich 2019), scaled. */
function rootMeanSquare(ctx: Context, x: Value, scale: Value, epsilon: number): Value {
  const mean = reduced(ctx, "reduce_mean", map(ctx, "square", x), [x.shape.length - 1], true);
  const spread = map(ctx, "rsqrt", add(ctx, mean, scalar(ctx, epsilon)));
  return combine(ctx, "mul", [combine(ctx, "mul", [x, spread]), scale]);
}

function skipRootMeanSquare(node: OnnxNode, ctx: Context): (Value | undefined)[] {
  const sum = add(ctx, node.input(0), node.input(1), node.optional(3));
  const normal = rootMeanSquare(ctx, sum, node.input(2), node.float("epsilon", 1e-12));
  return [normal, undefined, undefined, sum];
}

/** A group normalization of an image with its channels last, followed by SiLU if the attributes say so. */
function groupNorm(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  const last = node.int("channels_last", 1) === 1;
  const image = last ? transposed(ctx, x, [0, rank - 1, ...natural(rank - 2).map((axis) => axis + 1)]) : x;
  const named: OnnxNode = {
    ...node,
    int: (name, otherwise) => node.int(name === "num_groups" ? "groups" : name, otherwise),
  };
  const normal = as(reductions, "GroupNormalization", named, ctx, [image, node.input(1), node.input(2)]);
  const result = last
    ? transposed(ctx, normal, [0, ...natural(rank - 2).map((axis) => axis + 2), 1])
    : normal;
  return node.int("activation", 0) === 1 ? map(ctx, "silu", result) : result;
}

/** Pools over images with their channels last. */
function channelsLastPool(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  const image = transposed(ctx, x, [0, rank - 1, ...natural(rank - 2).map((axis) => axis + 1)]);
  const result = as(pools, "MaxPool", node, ctx, [image]);
  return transposed(ctx, result, [0, ...natural(rank - 2).map((axis) => axis + 2), 1]);
}

export const microsoft: OperatorTable = {
  FusedConv: fusedConv,
  FusedGemm: fusedGemm,
  FusedMatMul: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  Gelu: (node, ctx) => map(ctx, "gelu", node.input(0)),
  BiasGelu: (node, ctx) => map(ctx, "gelu", add(ctx, node.input(0), node.input(1))),
  FastGelu: (node, ctx) => geluTanh(ctx, add(ctx, node.input(0), node.optional(1))),
  QuickGelu: quickGelu,
  BiasAdd: (node, ctx) => add(ctx, node.input(0), node.input(1), node.input(2)),
  SkipLayerNormalization: skipLayerNormalization,
  SkipSimplifiedLayerNormalization: (node, ctx) => skipRootMeanSquare(node, ctx) as Value[],
  GroupNorm: groupNorm,
  NhwcMaxPool: channelsLastPool,
  QuantizeLinear: (node, ctx) => as(quantized, "QuantizeLinear", node, ctx, operandsOf(node)),
  DequantizeLinear: (node, ctx) => as(quantized, "DequantizeLinear", node, ctx, operandsOf(node)),
  ...quantizedOperators,
};

function operandsOf(node: OnnxNode): Value[] {
  return natural(node.inputs).flatMap((at) => node.optional(at) ?? []);
}
