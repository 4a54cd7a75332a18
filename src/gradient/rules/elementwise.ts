// Gradients of elementwise ops, from the scalar expressions that define them.

import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId, OpName } from "#ir/graph.js";
import { sameShape } from "#ir/type.js";
import type { Shape } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { Scalar } from "#ops/scalar.js";
import { add, div, logistic, mul, operand, select, sub, unary } from "#ops/scalar.js";
import type { GradientBuilder } from "../gradient-builder.js";
import { differentiate } from "../differentiate.js";
import type { Backward, Rule } from "../rule.js";

/** ∂y/∂x for each operand. */
type Partials = (operands: readonly Scalar[]) => readonly Scalar[];

/**
 * Derivatives that are better than the derivative of the expression, which would cancel, or be as long as a series. For minimum and
 * maximum, each operand gets half of the gradient where both are equal.
 */
const known: Partial<Record<OpName, Partials>> = {
  softplus: ([x = operand(0)]) => [logistic(x)],
  atan: ([x = operand(0)]) => [div(1, add(1, mul(x, x)))],
  atan2: ([a = operand(0), b = operand(1)]) => {
    const square = add(mul(a, a), mul(b, b));
    return [div(b, square), div(unary("neg", a), square)];
  },
  asinh: ([x = operand(0)]) => [div(1, unary("sqrt", add(mul(x, x), 1)))],
  acosh: ([x = operand(0)]) => [div(1, mul(unary("sqrt", sub(x, 1)), unary("sqrt", add(x, 1))))],
  atanh: ([x = operand(0)]) => [div(1, mul(sub(1, x), add(1, x)))],
  min: ([a = operand(0), b = operand(1)]) => [firstIsLess(a, b), firstIsLess(b, a)],
  max: ([a = operand(0), b = operand(1)]) => [firstIsLess(b, a), firstIsLess(a, b)],
};

function firstIsLess(a: Scalar, b: Scalar): Scalar {
  return select("lt", a, b, 1, select("eq", a, b, 0.5, 0));
}

export const elementwiseRule: Rule = (backward) => {
  const { node } = backward;
  const op = opOf(node.op);
  const operands = node.inputs.map((_, at) => operand(at));
  const exact = known[node.op]?.(operands);
  const value = op.scalar?.(operands, node.attributes as Readonly<Record<string, never>>);
  return byPartials(
    backward,
    (at) => exact?.[at] ?? differentiate(value ?? bug(`${node.op} is not elementwise`), at),
  );
};

/** (x − mean) / √(variance + epsilon) · scale + offset is elementwise too, with operands [c]. */
export const batchNormRule: Rule<"batch_norm"> = (backward) => {
  const [x, scale, mean, variance] = [operand(0), operand(1), operand(3), operand(4)];
  const spread = unary("sqrt", add(variance, backward.node.attributes.epsilon));
  const value = add(mul(div(sub(x, mean), spread), scale), operand(2));
  return byPartials(backward, (at) => differentiate(value, at));
};

/** The gradient of each operand that needs it: g · ∂y/∂x, summed where x was repeated. */
function byPartials(
  { build, node, gradient, needs }: Backward,
  partial: (operand: number) => Scalar,
): (NodeId | undefined)[] {
  const made: Known = new Map();
  return node.inputs.map((id, at) => {
    if (!needs(at)) return undefined;
    const slope = partial(at);
    if (slope.kind === "number" && slope.value === 0) return undefined;
    const scaled =
      slope.kind === "number" && slope.value === 1
        ? gradient
        : build.op("mul", [gradient, nodeOf(slope, node.inputs, build, made)]);
    return sumTo(build, scaled, build.shape(id));
  });
}

/** Nodes by expression, and by op and operands, so that parts that occur twice are made once. */
type Known = Map<Scalar | string, NodeId>;

/** The value of an expression over nodes. */
function nodeOf(e: Scalar, inputs: readonly NodeId[], build: GradientBuilder, known: Known): NodeId {
  const of = (inner: Scalar): NodeId => nodeOf(inner, inputs, build, known);
  const op = (name: OpName, ...operands: readonly NodeId[]): NodeId => {
    const key = `${name} ${operands.join(" ")}`;
    const id = known.get(key) ?? build.op(name, operands);
    known.set(key, id);
    return id;
  };
  const id = known.get(e) ?? make(e, inputs, build, of, op);
  known.set(e, id);
  return id;
}

const comparisons = { lt: "less", le: "less_equal", eq: "equal" } as const;

function make(
  e: Scalar,
  inputs: readonly NodeId[],
  build: GradientBuilder,
  of: (inner: Scalar) => NodeId,
  op: (name: OpName, ...operands: readonly NodeId[]) => NodeId,
): NodeId {
  switch (e.kind) {
    case "operand":
      return inputs[e.index] ?? bug(`an expression has no operand ${e.index}`);
    case "number":
      return build.constant([], e.value);
    case "unary":
      return e.fn === "f32" ? of(e.x) : op(e.fn, of(e.x));
    case "binary":
      return op(e.fn, of(e.a), of(e.b));
    case "select":
      return op("where", op(comparisons[e.compare], of(e.a), of(e.b)), of(e.then), of(e.otherwise));
    default:
      return e satisfies never;
  }
}

/** The sum over the axes along which a value of `shape` was repeated. */
export function sumTo(build: GradientBuilder, x: NodeId, shape: Shape): NodeId {
  const from = build.shape(x);
  if (sameShape(from, shape)) return x;
  const lead = from.length - shape.length;
  const axes = from.flatMap((extent, axis) =>
    axis < lead || (shape[axis - lead] === 1 && extent > 1) ? [axis] : [],
  );
  return build.reshape(build.sum(x, axes), shape);
}
