// Elementwise operators, softmax and reductions.

import type { OpName } from "#ir/graph.js";
import { argExtreme } from "#import/operators/arg-extreme.js";
import { combine, combineAll } from "#import/operators/broadcast.js";
import { bool } from "#import/element-type.js";
import type { Lowering } from "#import/lowering.js";
import { axisOf, map, numberOf, numbersOf, scalar } from "#import/lowering.js";
import { remainder, castTo, functionsOfOne, inverted, selu } from "#import/operators/math.js";
import type { Reduction } from "#import/operators/reduce.js";
import { reduced } from "#import/operators/reduce.js";
import { unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import { logSoftmax, softmax } from "../activations.js";
import { elementTypes } from "../element-type.js";
import type { GraphNode, OperatorImport, OperatorTable } from "./operator.js";

/** Operators of one operand that are one of our ops. */
const simple: Readonly<Record<string, OpName>> = {
  Relu: "relu",
  Relu6: "relu6",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
  Softplus: "softplus",
  Exp: "exp",
  Log: "log",
  Sqrt: "sqrt",
  Rsqrt: "rsqrt",
  Square: "square",
  Reciprocal: "reciprocal",
  Inv: "reciprocal",
  Abs: "abs",
  Neg: "neg",
  Floor: "floor",
  Ceil: "ceil",
  Round: "round",
  Erf: "erf",
  Sin: "sin",
  Cos: "cos",
  Sign: "sign",
  Atan: "atan",
};

/** Operators of two operands. */
const binary: Readonly<Record<string, OpName>> = {
  Add: "add",
  AddV2: "add",
  Sub: "sub",
  Mul: "mul",
  Maximum: "max",
  Minimum: "min",
  Pow: "pow",
  Atan2: "atan2",
};

const two = (node: GraphNode): [Value, Value] => [node.input(0), node.input(1)];

/** Division of integers rounds down in TensorFlow.js. */
function div(node: GraphNode, ctx: Lowering): Value {
  const quotient = combine(ctx, "div", two(node));
  return quotient.type.kind === "int" ? map(ctx, "floor", quotient) : quotient;
}

function floorMod(node: GraphNode, ctx: Lowering): Value {
  const [a, b] = two(node);
  const whole = map(ctx, "floor", combine(ctx, "div", [a, b]));
  return remainder(ctx, a, b, whole);
}

/** A comparison, whose truth values are 1 and 0. */
function compare(op: "equal" | "less" | "less_equal", isSwapped = false): OperatorImport {
  return (node, ctx) => {
    const [a, b] = two(node);
    return combine(ctx, op, isSwapped ? [b, a] : [a, b], { type: bool });
  };
}

function select(node: GraphNode, ctx: Lowering): Value {
  const [condition, then, otherwise] = [node.input(0), node.input(1), node.input(2)];
  return combine(ctx, "where", [condition, then, otherwise], { type: then.type });
}

function cast(node: GraphNode, ctx: Lowering): Value {
  const to = elementTypes.get(node.type("DstT") ?? "");
  if (!to) return unsupported(`Cast to ${(node.type("DstT") ?? "nothing").slice(0, 30)}`);
  return castTo(ctx, node.input(0), to);
}

/** A reduction over the axes in operand 1. */
function reduction(op: Reduction): OperatorImport {
  return (node, ctx) => {
    const x = node.input(0);
    const axes = numbersOf(node.input(1), `the axes of ${node.op}`).map((axis) =>
      axisOf(axis, x.shape.length),
    );
    const keepdims = node.flag("keep_dims", node.flag("keepdims", false));
    return reduced(ctx, op, x, [...new Set(axes)], keepdims);
  };
}

/** The place of the extreme value along the axis in operand 1; of equal values, the first. */
function argument(ofLargest: boolean): OperatorImport {
  return (node, ctx) => {
    const x = node.input(0);
    const axis = axisOf(numberOf(node.input(1), `the axis of ${node.op}`), x.shape.length);
    return argExtreme(ctx, x, { axis, keepdims: false, ofLargest, last: false });
  };
}

function clip(node: GraphNode, ctx: Lowering): Value {
  return map(ctx, "clip", node.input(0), {
    low: numberOf(node.input(1), "the least value"),
    high: numberOf(node.input(2), "the greatest value"),
  });
}

const composed: OperatorTable = {
  AddN: ({ inputs }, ctx) => combineAll(ctx, "add", inputs),
  Div: div,
  RealDiv: div,
  DivNoNan: (node, ctx) => {
    const [a, b] = two(node);
    const isZero = combine(ctx, "equal", [b, scalar(ctx, 0)]);
    return combine(ctx, "where", [isZero, scalar(ctx, 0), combine(ctx, "div", [a, b])], { type: a.type });
  },
  FloorDiv: (node, ctx) => map(ctx, "floor", combine(ctx, "div", two(node))),
  FloorMod: floorMod,
  SquaredDifference: (node, ctx) => map(ctx, "square", combine(ctx, "sub", two(node))),
  Elu: (node, ctx) => map(ctx, "elu", node.input(0), { alpha: 1 }),
  Selu: (node, ctx) => selu(ctx, node.input(0)),
  LeakyRelu: (node, ctx) => map(ctx, "leaky_relu", node.input(0), { alpha: node.float("alpha", 0.2) }),
  Prelu: (node, ctx) => combine(ctx, "prelu", two(node)),
  Expm1: (node, ctx) => combine(ctx, "sub", [map(ctx, "exp", node.input(0)), scalar(ctx, 1)]),
  Log1p: (node, ctx) => map(ctx, "log", combine(ctx, "add", [node.input(0), scalar(ctx, 1)])),
  ClipByValue: clip,
  Softmax: (node, ctx) => softmax(ctx, node.input(0), -1),
  LogSoftmax: (node, ctx) => logSoftmax(ctx, node.input(0), -1),
  Cast: cast,
  Select: select,
  SelectV2: select,
  Equal: compare("equal"),
  NotEqual: (node, ctx) => inverted(ctx, combine(ctx, "equal", two(node), { type: bool })),
  Less: compare("less"),
  LessEqual: compare("less_equal"),
  Greater: compare("less", true),
  GreaterEqual: compare("less_equal", true),
  LogicalAnd: (node, ctx) => combine(ctx, "mul", two(node)),
  LogicalOr: (node, ctx) => combine(ctx, "max", two(node)),
  LogicalNot: (node, ctx) => inverted(ctx, node.input(0)),
  Mean: reduction("reduce_mean"),
  Sum: reduction("reduce_sum"),
  Max: reduction("reduce_max"),
  Min: reduction("reduce_min"),
  Prod: reduction("reduce_prod"),
  ArgMax: argument(true),
  ArgMin: argument(false),
  All: reduction("reduce_min"),
  Any: reduction("reduce_max"),
  L2Loss: (node, ctx) => {
    const x = node.input(0);
    const sum = reduced(ctx, "reduce_sum", map(ctx, "square", x), natural(x.shape.length), false);
    return combine(ctx, "mul", [sum, scalar(ctx, 0.5)]);
  },
};

export const elementwise: OperatorTable = {
  ...Object.fromEntries(
    Object.entries(simple).map(([name, op]): [string, OperatorImport] => [
      name,
      (node, ctx) => map(ctx, op, node.input(0)),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(binary).map(([name, op]): [string, OperatorImport] => [
      name,
      (node, ctx) => combine(ctx, op, two(node)),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(functionsOfOne).map(([name, of]): [string, OperatorImport] => [
      name,
      (node, ctx) => ({ ...of(ctx, node.input(0)), type: node.input(0).type }),
    ]),
  ),
  ...composed,
};
