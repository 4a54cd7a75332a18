// Elementwise operators and activations.

import { natural } from "#ir/axis-order.js";
import { elements, integerRanges, isInteger } from "#ir/type.js";
import type { OpName } from "#ir/graph.js";
import { combine, combineAll } from "#import/operators/broadcast.js";
import { bool } from "#import/element-type.js";
import { map, numberOf, scalar } from "#import/lowering.js";
import { unsupported } from "#import/refusal.js";
import { reshaped } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import {
  remainder,
  geluTanh,
  functionsOfOne,
  inverted,
  selu,
  thresholdedRelu,
  truncate,
} from "#import/operators/math.js";
import type { Context, OnnxNode, OperatorImport, OperatorTable } from "../operator.js";

/** Operators of one operand that are one of our ops. */
const simple: Readonly<Record<string, OpName>> = {
  Relu: "relu",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
  HardSwish: "hard_swish",
  Softplus: "softplus",
  Mish: "mish",
  Erf: "erf",
  Exp: "exp",
  Log: "log",
  Sqrt: "sqrt",
  Reciprocal: "reciprocal",
  Abs: "abs",
  Neg: "neg",
  Floor: "floor",
  Ceil: "ceil",
  Round: "round",
  Sin: "sin",
  Cos: "cos",
  Sign: "sign",
  Atan: "atan",
};

/** Operators of two operands. */
const binary: Readonly<Record<string, OpName>> = { Add: "add", Sub: "sub", Mul: "mul", Pow: "pow" };

/** Operators of any number of operands. */
const variadic: Readonly<Record<string, OpName>> = { Min: "min", Max: "max", Sum: "add" };

const compared: Readonly<Record<string, OpName>> = {
  Equal: "equal",
  Less: "less",
  LessOrEqual: "less_equal",
};

function clip(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  if (node.opset < 11) return clipped(ctx, x, node.float("min", -Infinity), node.float("max", Infinity));
  const [low, high] = [node.optional(1), node.optional(2)];
  if ([low, high].every((bound) => bound === undefined || bound.ref.kind === "constant"))
    return clipped(
      ctx,
      x,
      low ? numberOf(low, "the least value of Clip") : -Infinity,
      high ? numberOf(high, "the greatest value of Clip") : Infinity,
    );
  const raised = low ? combine(ctx, "max", [x, low]) : x;
  return high ? combine(ctx, "min", [raised, high]) : raised;
}

/** Clips x. A bound that is NaN is ignored: the standard does not say what it means, and onnxruntime ignores it. */
function clipped(ctx: Context, x: Value, least: number, greatest: number): Value {
  const low = Number.isNaN(least) ? -Infinity : least;
  const high = Number.isNaN(greatest) ? Infinity : greatest;
  const { ref } = x;
  const type = (ref.kind === "node" ? ctx.build.nodes.get(ref.id)?.type.dtype : undefined) ?? "f32";
  if (!isInteger(type) || low > high) return map(ctx, "clip", x, { low, high });
  // Integers stay integers. Bounds beyond their type are those of the type.
  const [from, to] = integerRanges[type];
  const bounds = { low: Math.min(Math.max(low, from), to), high: Math.max(Math.min(high, to), from) };
  const one = ctx.build.literal([1]);
  const real = ctx.build.emit("dequantize", [ref, one]);
  return { ...x, ref: ctx.build.emit("quantize", [real, one], { ...bounds, type }) };
}

/** The two operands. Up to opset 6, the axes of b are those of a from `axis` on. */
function pair(node: OnnxNode, ctx: Context): readonly [Value, Value] {
  const [a, b] = [node.input(0), node.input(1)];
  if (node.opset >= 7) return [a, b];
  const axis = node.int("axis", a.shape.length - b.shape.length);
  const trailing = a.shape.length - axis - b.shape.length;
  if (trailing <= 0) return [a, b];
  return [a, reshaped(ctx, b, [...b.shape, ...new Array<number>(trailing).fill(1)])];
}

/** Division of integers drops the fraction. */
function div(node: OnnxNode, ctx: Context): Value {
  const [a, b] = pair(node, ctx);
  const quotient = combine(ctx, "div", [a, b]);
  return a.type.kind === "int" ? truncate(ctx, quotient) : quotient;
}

/** a − b · ⌊a / b⌋; with `fmod` the result has the sign of a. */
function mod(node: OnnxNode, ctx: Context): Value {
  const [a, b] = [node.input(0), node.input(1)];
  const quotient = combine(ctx, "div", [a, b]);
  const whole = node.int("fmod", 0) === 1 ? truncate(ctx, quotient) : map(ctx, "floor", quotient);
  return remainder(ctx, a, b, whole);
}

function fold(op: OpName): OperatorImport {
  return (node, ctx) =>
    combineAll(
      ctx,
      op,
      natural(node.inputs).map((at) => node.input(at)),
    );
}

function mean(node: OnnxNode, ctx: Context): Value {
  const sum = fold("add")(node, ctx) as Value;
  return node.inputs === 1 ? sum : combine(ctx, "div", [sum, scalar(ctx, node.inputs)]);
}

/** max(0, x) + min(0, α(e^(x/α) − 1)) = α · elu(x / α) for α > 0. */
function celu(node: OnnxNode, ctx: Context): Value {
  const alpha = node.float("alpha", 1);
  if (!(alpha > 0)) unsupported(`Celu with alpha=${alpha}`);
  const scaled = combine(ctx, "mul", [node.input(0), scalar(ctx, 1 / alpha)]);
  return combine(ctx, "mul", [map(ctx, "elu", scaled, { alpha: 1 }), scalar(ctx, alpha)]);
}

function gelu(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  return node.text("approximate", "none") === "none" ? map(ctx, "gelu", x) : geluTanh(ctx, x);
}

/** Shifts of unsigned integers as products and quotients with powers of two. Bits that a left shift moves out of the type are lost. */
function bitShift(node: OnnxNode, ctx: Context): Value {
  const [x, by] = [node.input(0), node.input(1)];
  if (x.type.kind !== "int" || x.type.low < 0) unsupported(`BitShift of ${x.type.name}`);
  const power = combine(ctx, "pow", [scalar(ctx, 2), by]);
  const { type } = x;
  if (node.text("direction") === "RIGHT")
    return { ...map(ctx, "floor", combine(ctx, "div", [x, power])), type };
  const shifted = combine(ctx, "mul", [x, power], { type });
  const count = scalar(ctx, 2 ** (8 * type.size));
  const turns = map(ctx, "floor", combine(ctx, "div", [shifted, count]));
  return combine(ctx, "sub", [shifted, combine(ctx, "mul", [turns, count])], { type });
}

/** x + bias below −λ, x − bias above λ, 0 between. */
function shrink(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const [lambda, bias] = [node.float("lambd", 0.5), scalar(ctx, node.float("bias", 0))];
  const low = combine(ctx, "less", [x, scalar(ctx, -lambda)]);
  const high = combine(ctx, "less", [scalar(ctx, lambda), x]);
  const above = combine(ctx, "where", [high, combine(ctx, "sub", [x, bias]), scalar(ctx, 0)]);
  return combine(ctx, "where", [low, combine(ctx, "add", [x, bias]), above], { type: x.type });
}

function where(node: OnnxNode, ctx: Context): Value {
  const [condition, then, otherwise] = [node.input(0), node.input(1), node.input(2)];
  return combine(ctx, "where", [condition, then, otherwise], { type: then.type });
}

/** A comparison, whose truth values are 1 and 0. */
function compare(op: OpName, swap = false): OperatorImport {
  return (node, ctx) => {
    const [a, b] = [node.input(0), node.input(1)];
    return combine(ctx, op, swap ? [b, a] : [a, b], { type: bool });
  };
}

const composed: OperatorTable = {
  LeakyRelu: (node, ctx) => map(ctx, "leaky_relu", node.input(0), { alpha: node.float("alpha", 0.01) }),
  Elu: (node, ctx) => map(ctx, "elu", node.input(0), { alpha: node.float("alpha", 1) }),
  HardSigmoid: (node, ctx) =>
    map(ctx, "hard_sigmoid", node.input(0), {
      alpha: node.float("alpha", 0.2),
      beta: node.float("beta", 0.5),
    }),
  Selu: (node, ctx) =>
    selu(
      ctx,
      node.input(0),
      node.float("alpha", 1.673_263_192_176_818_8),
      node.float("gamma", 1.050_700_902_938_842_8),
    ),
  Celu: celu,
  Gelu: gelu,
  Clip: clip,
  Div: div,
  Mod: mod,
  Mean: mean,
  ThresholdedRelu: (node, ctx) => thresholdedRelu(ctx, node.input(0), node.float("alpha", 1)),
  Shrink: shrink,
  BitShift: bitShift,
  PRelu: (node, ctx) => {
    const [x, given] = [node.input(0), node.input(1)];
    // Up to opset 6, slopes by channel are a list.
    const isList = node.opset < 7 && given.shape.length === 1 && x.shape.length > 1;
    const lead = new Array<number>(Math.max(0, x.shape.length - 2)).fill(1);
    const slope = isList ? reshaped(ctx, given, [...given.shape, ...lead]) : given;
    if (elements(slope.shape) === 1 && slope.ref.kind === "constant")
      return map(ctx, "leaky_relu", x, { alpha: numberOf(slope, "the slope of PRelu") });
    return combine(ctx, "prelu", [x, slope]);
  },
  Where: where,
  Greater: compare("less", true),
  GreaterOrEqual: compare("less_equal", true),
  And: (node, ctx) => combine(ctx, "mul", [node.input(0), node.input(1)]),
  Or: (node, ctx) => combine(ctx, "max", [node.input(0), node.input(1)]),
  Xor: (node, ctx) => map(ctx, "abs", combine(ctx, "sub", [node.input(0), node.input(1)])),
  Not: (node, ctx) => inverted(ctx, node.input(0)),
  IsInf: (node, ctx) => {
    const x = node.input(0);
    const is = (value: number): Value => combine(ctx, "equal", [x, scalar(ctx, value)], { type: bool });
    const [down, up] = [node.int("detect_negative", 1) === 1, node.int("detect_positive", 1) === 1];
    if (down && up) return combine(ctx, "max", [is(Number.NEGATIVE_INFINITY), is(Number.POSITIVE_INFINITY)]);
    if (!down && !up)
      return combine(ctx, "mul", [is(Number.POSITIVE_INFINITY), scalar(ctx, 0)], { type: bool });
    return is(up ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
  },
  IsNaN: (node, ctx) => inverted(ctx, combine(ctx, "equal", [node.input(0), node.input(0)], { type: bool })),
};

export const elementwise: OperatorTable = {
  ...entries(simple, (op) => (node, ctx) => map(ctx, op, node.input(0))),
  ...entries(binary, (op) => (node, ctx) => combine(ctx, op, pair(node, ctx))),
  ...entries(variadic, fold),
  ...entries(compared, (op) => compare(op)),
  ...Object.fromEntries(
    Object.entries(functionsOfOne).map(([name, of]): [string, OperatorImport] => [
      name,
      (node, ctx) => ({ ...of(ctx, node.input(0)), type: node.input(0).type }),
    ]),
  ),
  ...composed,
};

function entries(
  names: Readonly<Record<string, OpName>>,
  make: (op: OpName) => OperatorImport,
): OperatorTable {
  return Object.fromEntries(Object.entries(names).map(([name, op]) => [name, make(op)]));
}
