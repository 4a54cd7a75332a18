// Reshapes and transposes: a transpose only notes the order of the axes, and a reshape moves no more elements than it must.

import { batchAxis, sizesIn } from "#import/batch.js";
import { axisOf, numbersOf } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import {
  flattened,
  reshaped,
  reshapedTo,
  squeezed,
  transposed,
  unsqueezed,
} from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { natural, sameOrder } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

function reshape(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const wanted = sizesIn(ctx, node.input(1), "the shape of Reshape");
  const allowZero = node.int("allowzero", 0) === 1;
  let { batch } = wanted;
  const shape = wanted.shape.map((extent, axis) => {
    if (extent !== 0 || allowZero) return extent;
    if (axis === batchAxis(ctx, x)) batch ??= axis;
    return x.shape[axis] ?? 0;
  });
  return reshapedTo(ctx, x, { shape, batch });
}

function flatten(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  const given = node.int("axis", 1);
  const axis = given === rank ? rank : given < 0 ? given + rank : given;
  if (axis < 0 || axis > rank)
    refuse("bad-model", `a value with ${rank} axes does not have the axis ${given}`);
  return flattened(ctx, x, axis);
}

/** The axes, which are an attribute before opset `since` and an operand from then on. */
export function axesOf(node: OnnxNode, since: number): readonly number[] | undefined {
  if (node.opset < since) return node.ints("axes");
  const given = node.optional(1);
  return given && numbersOf(given, `the axes of ${node.op}`);
}

function squeeze(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  return squeezed(
    ctx,
    x,
    axesOf(node, 13)?.map((axis) => axisOf(axis, x.shape.length)),
  );
}

function unsqueeze(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const given = axesOf(node, 13) ?? refuse("bad-model", "Unsqueeze has no axes");
  const rank = x.shape.length + given.length;
  const axes = new Set(given.map((axis) => axisOf(axis, rank)));
  if (axes.size !== given.length) refuse("bad-model", `Unsqueeze has an axis twice: [${given.join(", ")}]`);
  return unsqueezed(ctx, x, [...axes]);
}

function transpose(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  const perm = node.ints("perm") ?? natural(rank).toReversed();
  if (
    !sameOrder(
      [...perm].sort((a, b) => a - b),
      natural(rank),
    )
  )
    refuse("bad-model", `[${perm.join(", ")}] is not a permutation of ${rank} axes`);
  return transposed(ctx, x, perm);
}

/** Blocks of channels become blocks of pixels: [n, h, w, b, b, c] → [n, h, b, w, b, c]. */
function depthToSpace(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const [n, c, h, w, size] = imageShape(x, node);
  if (c % size ** 2 !== 0) refuse("shape-mismatch", `${c} channels are not a multiple of ${size}²`);
  const rest = c / size ** 2;
  const isColumnFirst = node.text("mode", "DCR") === "DCR";
  const split = isColumnFirst ? [n, size, size, rest, h, w] : [n, rest, size, size, h, w];
  const perm = isColumnFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  const moved = transposed(ctx, reshaped(ctx, x, split), perm);
  return reshaped(ctx, moved, [n, rest, h * size, w * size]);
}

function spaceToDepth(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const [n, c, h, w, size] = imageShape(x, node);
  if (h % size !== 0 || w % size !== 0) refuse("shape-mismatch", `${h}x${w} is not a multiple of ${size}`);
  const split = reshaped(ctx, x, [n, c, h / size, size, w / size, size]);
  const moved = transposed(ctx, split, [0, 3, 5, 1, 2, 4]);
  return reshaped(ctx, moved, [n, c * size ** 2, h / size, w / size]);
}

function imageShape(x: Value, node: OnnxNode): [number, number, number, number, number] {
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  const size = node.int("blocksize");
  if (x.shape.length !== 4 || !(size >= 1))
    refuse("bad-model", `blocks of ${size} do not fit [${x.shape.join(", ")}]`);
  return [n, c, h, w, size];
}

export const reshapes: OperatorTable = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
