// Reshapes and transposes: a transpose only notes the order of the axes, and a reshape moves no more than it has to.

import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";
import { axisOf, numbersOf, ordered, valueOf } from "../operator.js";
import { refuse } from "../refusal.js";
import type { Value } from "../value.js";
import { natural, permuted, reshapeOrders, sameOrder } from "#onnx/order.js";

/** The value with another shape of as many elements. */
export function reshaped(ctx: Context, x: Value, shape: Shape): Value {
  if (
    x.ref.kind === "constant" &&
    x.ref.small &&
    elements(shape) === elements(x.shape) &&
    elements(shape) === 0
  )
    return { ...x, shape, ref: ctx.build.literal([], shape), order: natural(shape.length) };
  if (!shape.every((extent) => extent >= 1) || elements(shape) !== elements(x.shape))
    refuse("shape-mismatch", `[${x.shape.join(", ")}] does not fit into [${shape.join(", ")}]`);
  if (x.ref.kind === "constant") {
    const ref = ctx.build.emit("reshape", [x.ref], { shape });
    return valueOf(ref, x.type);
  }
  const { from, to } = reshapeOrders(x, shape);
  const wanted = permuted(shape, to);
  // Where only axes of extent 1 change places, the elements lie as they should.
  const long = (order: readonly number[]): number[] => order.filter((axis) => x.shape[axis] !== 1);
  const ref = sameOrder(long(from), long(x.order)) ? x.ref : ctx.build.arranged(x, from);
  const same = wanted.length === ref.shape.length && wanted.every((extent, at) => extent === ref.shape[at]);
  return ordered(ctx, same ? ref : ctx.build.emit("reshape", [ref], { shape: wanted }), to, x.type);
}

function reshape(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const wanted = [...numbersOf(node.input(1), "the shape of Reshape")];
  const allowZero = node.int("allowzero", 0) === 1;
  const shape = wanted.map((extent, axis) => (extent === 0 && !allowZero ? (x.shape[axis] ?? 0) : extent));
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const known = elements(shape.filter((_, axis) => axis !== open));
    shape[open] = elements(x.shape) / known;
    if (!Number.isInteger(shape[open]))
      refuse("shape-mismatch", `[${x.shape.join(", ")}] does not fit into [${wanted.join(", ")}]`);
  }
  return reshaped(ctx, x, shape);
}

function flatten(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  const given = node.int("axis", 1);
  const axis = given === rank ? rank : given < 0 ? given + rank : given;
  if (axis < 0 || axis > rank) refuse("bad-model", `axis ${given} of a value with ${rank} axes`);
  return reshaped(ctx, x, [elements(x.shape.slice(0, axis)), elements(x.shape.slice(axis))]);
}

/** Axes of an attribute up to opset 12, of an operand since. */
export function axesOf(node: OnnxNode, since: number): readonly number[] | undefined {
  if (node.opset < since) return node.ints("axes");
  const given = node.optional(1);
  return given && numbersOf(given, `the axes of ${node.op}`);
}

function squeeze(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const given = axesOf(node, 13);
  const axes = given
    ? given.map((axis) => axisOf(axis, x.shape.length))
    : natural(x.shape.length).filter((axis) => x.shape[axis] === 1);
  for (const axis of axes)
    if (x.shape[axis] !== 1) refuse("shape-mismatch", `axis ${axis} of [${x.shape.join(", ")}] is not 1`);
  return reshaped(
    ctx,
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

function unsqueeze(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const given = axesOf(node, 13) ?? refuse("bad-model", "Unsqueeze has no axes");
  const rank = x.shape.length + given.length;
  const axes = new Set(given.map((axis) => axisOf(axis, rank)));
  if (axes.size !== given.length) refuse("bad-model", `Unsqueeze has the axes [${given.join(", ")}]`);
  let at = 0;
  const shape = natural(rank).map((axis) => (axes.has(axis) ? 1 : (x.shape[at++] ?? 1)));
  return reshaped(ctx, x, shape);
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
    refuse("bad-model", `[${perm.join(", ")}] is no permutation of ${rank} axes`);
  return transposed(ctx, x, perm);
}

/** Axis i of the result is axis `perm[i]` of x. Nothing moves: what lay as axis a is the axis that perm makes of it. */
export function transposed(ctx: Context, x: Value, perm: readonly number[]): Value {
  const shape = permuted(x.shape, perm);
  if (x.ref.kind === "constant") {
    if (sameOrder(perm, natural(perm.length))) return x;
    return valueOf(ctx.build.emit("transpose", [x.ref], { perm }), x.type);
  }
  return { ...x, shape, order: x.order.map((axis) => perm.indexOf(axis)) };
}

/** Blocks of channels become blocks of pixels: [n, h, w, b, b, c] → [n, h, b, w, b, c]. */
function depthToSpace(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const [n, c, h, w, size] = imageShape(x, node);
  if (c % size ** 2 !== 0) refuse("shape-mismatch", `${c} channels are no multiple of ${size}²`);
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
  if (h % size !== 0 || w % size !== 0) refuse("shape-mismatch", `${h}x${w} is no multiple of ${size}`);
  const split = reshaped(ctx, x, [n, c, h / size, size, w / size, size]);
  const moved = transposed(ctx, split, [0, 3, 5, 1, 2, 4]);
  return reshaped(ctx, moved, [n, c * size ** 2, h / size, w / size]);
}

function imageShape(x: Value, node: OnnxNode): [number, number, number, number, number] {
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  const size = node.int("blocksize");
  if (x.shape.length !== 4 || !(size >= 1))
    refuse("bad-model", `blocks of ${size} of [${x.shape.join(", ")}]`);
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
