// Operators on shapes and constants. They are computed during the import and leave no node in the graph.

import { countedRange } from "#import/counted/first-rows.js";
import { filled, shapeValue, sizeValue, sizesIn } from "#import/batch.js";
import { float32, int64 } from "#import/element-type.js";
import { axisOf, intsValue, numberOf, valueOf } from "#import/lowering.js";
import { timesMatrix } from "#import/operators/product.js";
import { unsupported } from "#import/refusal.js";
import type { Value } from "#import/value.js";
import { castTo, range } from "#import/operators/math.js";
import { elementTypes, typeName } from "../element-type.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

function constant(node: OnnxNode, ctx: Context): Value {
  const tensor = node.tensor("value");
  if (tensor) return ctx.constant(tensor);
  const float = node.floats("value_floats");
  if (float) return valueOf(ctx.build.literal(float, [float.length]));
  const ints = node.ints("value_ints");
  if (ints) return intsValue(ctx, ints);
  const int = node.int("value_int", Number.NaN);
  if (!Number.isNaN(int)) return intsValue(ctx, [int], []);
  const single = node.float("value_float", Number.NaN);
  if (Number.isNaN(single)) unsupported("a Constant that is not a dense tensor of numbers");
  return valueOf(ctx.build.literal([single], []));
}

function constantOfShape(node: OnnxNode, ctx: Context): Value {
  const sizes = sizesIn(ctx, node.input(0), "the shape of ConstantOfShape");
  const tensor = node.tensor("value");
  const value = tensor ? ctx.constant(tensor) : valueOf(ctx.build.literal([0], []), float32);
  const number = numberOf({ ...value, shape: [] }, "the value of ConstantOfShape");
  return filled(ctx, sizes, number, value.type);
}

function shapeOf(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  const clamp = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  return shapeValue(ctx, x, int64, [clamp(node.int("start", 0)), clamp(node.int("end", rank))]);
}

function rangeOf(node: OnnxNode, ctx: Context): Value {
  const rows = countedRange(
    ctx,
    [0, 1, 2].map((at) => node.input(at)),
  );
  if (rows) return rows;
  const [start = 0, limit = 0, step = 1] = [0, 1, 2].map((at) =>
    numberOf(node.input(at), "an operand of Range"),
  );
  const { type } = node.input(0);
  const count = Math.max(0, Math.ceil(type.round(limit - start) / step));
  return range(ctx, start, step, count, type);
}

function cast(node: OnnxNode, ctx: Context): Value {
  const to = elementTypes.get(node.int("to"));
  if (!to) unsupported(`Cast to ${typeName(node.int("to"))}`);
  return castTo(ctx, node.input(0), to);
}

/** The sums of all elements up to each along an axis, as a product with a triangular matrix of ones. */
function cumSum(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const axis = axisOf(numberOf(node.input(1), "the axis of CumSum"), x.shape.length);
  const extent = x.shape[axis] ?? 1;
  if (extent > 2048) unsupported(`CumSum over ${extent} elements`);
  const [isExclusive, isReverse] = [node.int("exclusive", 0) === 1, node.int("reverse", 0) === 1];
  const matrix = new Float64Array(extent * extent);
  for (let row = 0; row < extent; row += 1)
    for (let column = 0; column < extent; column += 1) {
      const distance = isReverse ? column - row : row - column;
      if (distance > 0 || (distance === 0 && !isExclusive)) matrix[row * extent + column] = 1;
    }
  return timesMatrix(ctx, x, axis, matrix, extent);
}

export const shapes: OperatorTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: shapeOf,
  Size: (node, ctx) => sizeValue(ctx, node.input(0)),
  Range: rangeOf,
  Cast: cast,
  CastLike: (node, ctx) => castTo(ctx, node.input(0), node.input(1).type),
  CumSum: cumSum,
};
