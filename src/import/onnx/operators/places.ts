// Operators that read or write elements at places: gathers, scatters, masks, one-hot tables.

import { elements } from "#ir/type.js";
import { batchAxis, mixed } from "#import/batch.js";
import type { ScatterReduction } from "#ops/gather.js";
import { combine } from "#import/operators/broadcast.js";
import {
  gathered,
  gatheredAlong,
  gatheredRows,
  pickedIn,
  scatteredAlong,
  scatteredRows,
} from "#import/operators/gather.js";
import { axisOf, numberOf, numbersOf, scalar, valueOf } from "#import/lowering.js";
import { joined, sliced } from "#import/operators/parts.js";
import { refuse, unsupported } from "#import/refusal.js";
import { reshaped, unsqueezed } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

/** The indices in an operand; negative ones count from the end. Refuses indices outside the extent. */
function indicesOf(node: OnnxNode, indices: Value, extent: (at: number) => number): number[] {
  return numbersOf(indices, `the indices of ${node.op}`).map((place, at) => {
    const size = extent(at);
    const found = place < 0 ? place + size : place;
    if (!Number.isInteger(found) || found < 0 || found >= size)
      refuse("bad-model", `index ${place} of ${node.op} lies outside the ${size} elements`);
    return found;
  });
}

function gather(node: OnnxNode, ctx: Context): Value {
  const [x, indices] = [node.input(0), node.input(1)];
  const axis = axisOf(node.int("axis", 0), x.shape.length);
  if (indices.ref.kind !== "constant") return gathered(ctx, x, indices, axis);
  const places = indicesOf(node, indices, () => x.shape[axis] ?? 1);
  return pickedIn(ctx, x, axis, places, indices.shape);
}

/** For each index the element of x at the index along the axis, and at the same place along the others. */
function gatherElements(node: OnnxNode, ctx: Context): Value {
  const [x, indices] = [node.input(0), node.input(1)];
  const axis = axisOf(node.int("axis", 0), x.shape.length);
  if (indices.ref.kind === "constant") indicesOf(node, indices, () => x.shape[axis] ?? 1);
  return gatheredAlong(ctx, x, indices, axis);
}

/** A gather by rows of indices: after the `batch_dims` axes that both operands have, a row gives a place along each of the next axes. */
function gatherNd(node: OnnxNode, ctx: Context): Value {
  const [x, indices] = [node.input(0), node.input(1)];
  const batch = node.int("batch_dims", 0);
  const depth = depthOf(node, x, indices);
  if (indices.ref.kind === "constant") indicesOf(node, indices, (at) => x.shape[batch + (at % depth)] ?? 1);
  return gatheredRows(ctx, x, indices, batch);
}

/** The number of axes for which a row of indices gives a place. */
function depthOf(node: OnnxNode, x: Value, indices: Value): number {
  const depth = indices.shape.at(-1) ?? 0;
  const batch = node.int("batch_dims", 0);
  if (depth < 1 || batch < 0 || batch + depth > x.shape.length || batch >= indices.shape.length)
    refuse(
      "shape-mismatch",
      `the indices [${indices.shape.join(", ")}] of ${node.op} do not fit [${x.shape.join(", ")}]`,
    );
  return depth;
}

function strides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => elements(shape.slice(axis + 1)));
}

/**
 * Writes updates at rows of indices. If the indices are known and form a box, as for `x[a:b, c:d] = y`, the result is the updates joined to
 * the parts of x around the box.
 */
function scatterNd(node: OnnxNode, ctx: Context): Value {
  const [x, indices, updates] = [node.input(0), node.input(1), node.input(2)];
  const reduction = reductionOf(node);
  const depth = depthOf(node, x, indices);
  if ((batchAxis(ctx, x) ?? depth) < depth) mixed(ctx, "it puts elements into single samples");
  const isKnown = indices.ref.kind === "constant";
  const all = isKnown ? indicesOf(node, indices, (at) => x.shape[at % depth] ?? 1) : [];
  const box = isKnown && reduction === "replace" ? boxOf(all, depth) : undefined;
  if (!box) return scatteredRows(ctx, x, indices, updates, reduction);
  const inner = reshaped(ctx, updates, [...box.map(({ size }) => size), ...x.shape.slice(depth)]);
  const put = (around: Value, axis: number): Value => {
    const side = box[axis];
    if (!side) return inner;
    const { begin, size } = side;
    const extent = x.shape[axis] ?? 1;
    const part = (from: number, count: number): Value[] =>
      count === 0 ? [] : [sliced(ctx, around, axis, from, count)];
    const middle = put(sliced(ctx, around, axis, begin, size), axis + 1);
    const end = begin + size;
    return joined(ctx, [...part(0, begin), middle, ...part(end, extent - end)], axis);
  };
  return put(x, 0);
}

function scatterElements(node: OnnxNode, ctx: Context): Value {
  const [x, indices, updates] = [node.input(0), node.input(1), node.input(2)];
  const axis = axisOf(node.int("axis", 0), x.shape.length);
  if (indices.ref.kind === "constant") indicesOf(node, indices, () => x.shape[axis] ?? 1);
  return scatteredAlong(ctx, x, indices, updates, axis, reductionOf(node));
}

const reductions: Readonly<Record<string, ScatterReduction>> = {
  none: "replace",
  add: "accumulate",
  mul: "multiply",
  max: "maximum",
  min: "minimum",
};

function reductionOf(node: OnnxNode): ScatterReduction {
  const name = node.text("reduction", "none");
  return Object.hasOwn(reductions, name)
    ? (reductions[name] ?? "replace")
    : refuse("bad-model", `${node.op} has the unknown reduction \`${name.slice(0, 20)}\``);
}

/** The box that rows of indices form in reading order, or undefined. */
function boxOf(
  all: readonly number[],
  depth: number,
): { readonly begin: number; readonly size: number }[] | undefined {
  const rows = all.length / depth;
  const box = natural(depth).map((axis) => {
    const begin = all[axis] ?? 0;
    return { begin, size: (all[(rows - 1) * depth + axis] ?? 0) - begin + 1 };
  });
  const sizes = box.map(({ size }) => size);
  if (sizes.some((size) => size < 1) || elements(sizes) !== rows) return undefined;
  const steps = strides(sizes);
  const isBox = natural(rows).every((row) =>
    box.every(
      ({ begin, size }, axis) =>
        all[row * depth + axis] === begin + (Math.floor(row / (steps[axis] ?? 1)) % size),
    ),
  );
  return isBox ? box : undefined;
}

/** 1 where an index equals the place along a new axis, else 0; or the two given values. */
function oneHot(node: OnnxNode, ctx: Context): Value {
  const [indices, values] = [node.input(0), node.input(2)];
  const depth = numberOf(node.input(1), "the depth of OneHot");
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= 65_536))
    refuse("bad-model", `OneHot cannot have the depth ${depth}`);
  const axis = axisOf(node.int("axis", -1), indices.shape.length + 1);
  const shape = indices.shape.toSpliced(axis, 0, 1);
  const places = valueOf(
    ctx.build.literal(
      natural(depth),
      shape.map((_, at) => (at === axis ? depth : 1)),
    ),
  );
  // Negative indices count from the end.
  const isNegative = combine(ctx, "less", [indices, scalar(ctx, 0)]);
  const fromEnd = combine(ctx, "add", [indices, scalar(ctx, depth)]);
  const positive = combine(ctx, "where", [isNegative, fromEnd, indices]);
  const isHot = combine(ctx, "equal", [unsqueezed(ctx, positive, [axis]), places]);
  const [off = 0, on = 1] = numbersOf(values, "the values of OneHot");
  return combine(ctx, "where", [isHot, scalar(ctx, on), scalar(ctx, off)], { type: values.type });
}

/** Keeps the elements above or below a diagonal; the others are 0. */
function trilu(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const rank = x.shape.length;
  const [rows = 1, columns = 1] = x.shape.slice(-2);
  if (rank < 2) refuse("shape-mismatch", `Trilu takes two axes or more, not [${x.shape.join(", ")}]`);
  const diagonal = node.optional(1);
  const k = diagonal ? numberOf(diagonal, "the diagonal of Trilu") : 0;
  const isUpper = node.int("upper", 1) === 1;
  if ((batchAxis(ctx, x) ?? -1) >= rank - 2) mixed(ctx, "it masks samples by their place in the batch");
  if (rows * columns > 2 ** 22) unsupported(`Trilu of ${rows}x${columns}`);
  const mask = natural(rows * columns).map((at) => {
    const distance = (at % columns) - Math.floor(at / columns);
    return Number(isUpper ? distance >= k : distance <= k);
  });
  const stays = valueOf(ctx.build.literal(mask, [rows, columns]));
  return combine(ctx, "where", [stays, x, scalar(ctx, 0)], { type: x.type });
}

/** A matrix with ones on a diagonal, and the shape of the operand. */
function eyeLike(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const { shape, type } = x;
  const [rows = 1, columns = 1] = shape;
  if (batchAxis(ctx, x) !== undefined) mixed(ctx, "it makes a matrix with a row for each sample");
  if (shape.length !== 2 || rows * columns > 2 ** 22) unsupported(`EyeLike of [${shape.join(", ")}]`);
  const k = node.int("k", 0);
  const numbers = natural(rows * columns).map((at) =>
    Number((at % columns) - Math.floor(at / columns) === k),
  );
  return valueOf(ctx.build.literal(numbers, shape), type);
}

export const places: OperatorTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterND: scatterNd,
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  OneHot: oneHot,
  Trilu: trilu,
  EyeLike: eyeLike,
};
