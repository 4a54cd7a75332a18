// Pools over windows and over all axes, the places of their greatest elements, and unpooling.

import { channelsLast } from "#ir/axis-order.js";
import type { OpName } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import { filled } from "#import/batch.js";
import { combine } from "#import/operators/broadcast.js";
import { scatteredRows } from "#import/operators/gather.js";
import type { Lowering } from "#import/lowering.js";
import { map, numbersOf, ordered, scalar } from "#import/lowering.js";
import { reduced } from "#import/operators/reduce.js";
import { refuse } from "#import/refusal.js";
import { reshaped } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { placesOfGreatest } from "#import/operators/window-places.js";
import type { Along, PoolKind, PoolOp } from "#import/operators/windows.js";
import { pooled, still, volumePool, whole } from "#import/operators/windows.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";
import { imageOf, valueOfImage, windowAlong } from "./windows.js";

/** The window of a pool along each axis; an attribute gives its size. */
function poolWindow(node: OnnxNode, x: Value): Along[] {
  const sizes = node.ints("kernel_shape") ?? [];
  const axes = x.shape.length - 2;
  if (sizes.length !== axes || !sizes.every((extent) => extent >= 1 && extent < 2 ** 31))
    refuse(
      "bad-model",
      `kernel_shape is [${sizes.join(", ")}]; ${axes} whole numbers from 1 up are expected`,
    );
  return windowAlong(node, x.shape.slice(2), sizes);
}

function isCeil(node: OnnxNode): boolean {
  return node.int("ceil_mode", 0) === 1;
}

/** A pool over one to three axes. */
function poolOver(ctx: Context, x: Value, along: readonly Along[], kind: PoolKind, name: string): Value {
  if (along.length === 3) return volumePool(ctx, x, along, kind);
  const image = imageOf(ctx, x, name);
  const [rows, columns] = [along.at(-2), along.at(-1)];
  const window = [rows ?? { ...still, extent: 1 }, columns ?? { ...still, extent: 1 }] as const;
  return valueOfImage(ctx, pooled(ctx, image, window, kind), x);
}

function pool(op: PoolOp, name: string): (node: OnnxNode, ctx: Context) => Value {
  return (node, ctx) => {
    const x = node.input(0);
    const kind = { op, isCeil: isCeil(node), counts: node.int("count_include_pad", 0) === 1 };
    return poolOver(ctx, x, poolWindow(node, x), kind, name);
  };
}

/**
 * The greatest elements, and their places in the whole input. `storage_order` says whether the places are counted by rows or by columns.
 */
function maxPool(node: OnnxNode, ctx: Context): readonly (Value | undefined)[] {
  const values = pool("max_pool", "MaxPool")(node, ctx);
  if (node.outputs[1] === undefined) return [values];
  const x = node.input(0);
  const along = poolWindow(node, x).map((one) => (isCeil(node) ? whole(one) : one));
  const [, c = 1, ...sizes] = x.shape;
  const isByColumns = node.int("storage_order", 0) === 1;
  const inner = sizes.map((_, axis) => elements(isByColumns ? sizes.slice(0, axis) : sizes.slice(axis + 1)));
  const channel = elements(sizes);
  return [values, placesOfGreatest(ctx, x, along, [c * channel, channel, ...inner])];
}

/** The elements of x at the places where a pool found them, and zeros elsewhere. */
function maxUnpool(node: OnnxNode, ctx: Context): Value {
  const [x, places, size] = [node.input(0), node.input(1), node.optional(2)];
  const kernel = node.ints("kernel_shape") ?? [];
  const along = windowAlong(node, x.shape.slice(2), kernel);
  const [n = 1, c = 1] = x.shape;
  const inferred = along.map((one) => (one.extent - 1) * one.stride + one.kernel - one.before - one.after);
  const shape = size ? numbersOf(size, "the size of MaxUnpool") : [n, c, ...inferred];
  if (
    kernel.length !== x.shape.length - 2 ||
    shape.length !== x.shape.length ||
    !shape.every((extent) => Number.isInteger(extent) && extent >= 1) ||
    elements(places.shape) !== elements(x.shape)
  )
    refuse(
      "shape-mismatch",
      `MaxUnpool cannot put [${x.shape.join(", ")}] at the places [${places.shape.join(", ")}] of [${shape.join(", ")}]`,
    );
  const count = elements(x.shape);
  const flat = filled(ctx, { shape: [elements(shape)], batch: undefined }, 0, x.type);
  const rows = reshaped(ctx, places, [count, 1]);
  return reshaped(ctx, scatteredRows(ctx, flat, rows, reshaped(ctx, x, [count]), "replace"), shape);
}

/** A pool over all axes but n and c; the other axes get the extent 1. */
function globalPool(op: OpName): (node: OnnxNode, ctx: Context) => Value {
  return (node, ctx) => {
    const x = node.input(0);
    const rank = x.shape.length;
    if (rank < 3)
      refuse("bad-model", `${node.op} needs an axis behind n and c, but gets [${x.shape.join(", ")}]`);
    const order = channelsLast(rank);
    const ref = ctx.build.arranged(x, order);
    const axes = order.slice(1, -1).map((_, at) => at + 1);
    return ordered(ctx, ctx.build.emit(op, [ref], { axes, keepdims: true }), order, x.type);
  };
}

/** The p-norm of each window: (Σ |x|ᵖ)^(1/p). Padding is 0. */
function normPool(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  const p = exponent(node);
  const along = poolWindow(node, x).map((one) => (isCeil(node) ? whole(one) : one));
  const kind = { op: "avg_pool", isCeil: false, counts: true } as const;
  const means = poolOver(ctx, powers(ctx, x, p), along, kind, "LpPool");
  const count = scalar(ctx, elements(along.map(({ kernel }) => kernel)));
  return root(ctx, combine(ctx, "mul", [means, count]), p);
}

function globalNormPool(node: OnnxNode, ctx: Context): Value {
  const x = node.input(0);
  if (x.shape.length < 3)
    refuse("bad-model", `${node.op} needs an axis behind n and c, but gets [${x.shape.join(", ")}]`);
  const p = exponent(node);
  const axes = x.shape.slice(2).map((_, at) => at + 2);
  return root(ctx, reduced(ctx, "reduce_sum", powers(ctx, x, p), axes, true), p);
}

/** The exponent p, 2 by default. The first version of the operators had a float here. */
function exponent(node: OnnxNode): number {
  const p = node.opset < 2 ? node.float("p", 2) : node.int("p", 2);
  if (!(p > 0)) refuse("bad-model", `p is ${p}; a number above 0 is expected`);
  return p;
}

function powers(ctx: Lowering, x: Value, p: number): Value {
  if (p === 2) return map(ctx, "square", x);
  const size = map(ctx, "abs", x);
  return p === 1 ? size : combine(ctx, "pow", [size, scalar(ctx, p)]);
}

function root(ctx: Lowering, x: Value, p: number): Value {
  if (p === 1) return x;
  return p === 2 ? map(ctx, "sqrt", x) : combine(ctx, "pow", [x, scalar(ctx, 1 / p)]);
}

export const pools: OperatorTable = {
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
  AveragePool: pool("avg_pool", "AveragePool"),
  LpPool: normPool,
  GlobalAveragePool: globalPool("reduce_mean"),
  GlobalMaxPool: globalPool("reduce_max"),
  GlobalLpPool: globalNormPool,
};
