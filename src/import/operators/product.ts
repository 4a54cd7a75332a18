// Matrix products.

import { elements } from "#ir/type.js";
import { keepBatch } from "#import/batch.js";
import type { Lowering } from "#import/lowering.js";
import { ordered, valueOf } from "#import/lowering.js";
import { refuse } from "#import/refusal.js";
import { squeezed, unsqueezed } from "./reshape.js";
import type { Ref, Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";

/** The product over the last two axes; a vector is a row on the left and a column on the right. */
export function product(ctx: Lowering, a: Value, b: Value): Value {
  if (a.shape.length === 0 || b.shape.length === 0)
    refuse("shape-mismatch", "an operand of the product has no axes");
  const left = a.shape.length === 1 ? unsqueezed(ctx, a, [0]) : a;
  const right = b.shape.length === 1 ? unsqueezed(ctx, b, [1]) : b;
  const result = times(ctx, left, right);
  const rank = result.shape.length;
  const added = [...(a.shape.length === 1 ? [rank - 2] : []), ...(b.shape.length === 1 ? [rank - 1] : [])];
  return added.length === 0 ? result : squeezed(ctx, result, added);
}

export function times(ctx: Lowering, a: Value, b: Value, bias: readonly Ref[] = []): Value {
  const w = ctx.build.arranged(b);
  if (b.ref.kind === "constant" && b.shape.length === 2) {
    // A dense layer treats every row of x alike, so only the last axis has to stay last.
    const flat = unflattened(ctx, a, w);
    if (flat) return valueOf(ctx.build.emit("dense", [flat.x, flat.w, ...bias]), a.type);
    const last = a.shape.length - 1;
    const order = a.order.at(-1) === last ? a.order : [...natural(last), last];
    const x = ctx.build.arranged(a, order);
    return ordered(ctx, ctx.build.emit("dense", [x, w, ...bias]), order, a.type);
  }
  return valueOf(ctx.build.emit("matmul", [ctx.build.arranged(a), w]), a.type);
}

/**
 * Recognizes an image that was brought into ONNX's order only to be flattened. The rows of the weight are then brought into our order
 * instead, so that nothing moves when the net runs.
 */
function unflattened(ctx: Lowering, a: Value, w: Ref): { x: Ref; w: Ref } | undefined {
  if (a.ref.kind !== "node" || a.shape.length !== 2) return undefined;
  const flat = ctx.build.nodes.get(a.ref.id);
  if (flat?.op !== "reshape") return undefined;
  const moved = ctx.build.nodes.get(flat.inputs[0] ?? -1);
  if (moved?.op !== "transpose") return undefined;
  const image = ctx.build.nodes.get(moved.inputs[0] ?? -1);
  const { perm } = moved.attributes;
  const [rows = 1, columns = 1] = a.shape;
  if (!image || perm[0] !== 0 || moved.type.shape[0] !== rows) return undefined;
  // Row (i, j, k) of the weight belongs to axes 1, 2, 3 of the moved image, which are axes perm[1…] of the image.
  const units = w.shape[1] ?? 1;
  const split = ctx.build.emit("reshape", [w], { shape: [...moved.type.shape.slice(1), units] });
  const back = natural(perm.length)
    .slice(1)
    .map((axis) => perm.indexOf(axis) - 1);
  const permuted = ctx.build.emit("transpose", [split], { perm: [...back, perm.length - 1] });
  const x: Ref = { kind: "node", id: image.id, shape: image.type.shape };
  return {
    x: ctx.build.emit("reshape", [x], { shape: [rows, columns] }),
    w: ctx.build.emit("reshape", [permuted], { shape: [columns, units] }),
  };
}

/** The product of a matrix [rows, extent] with the vectors along an axis. */
export function timesMatrix(
  ctx: Lowering,
  x: Value,
  axis: number,
  matrix: Float64Array,
  rows: number,
): Value {
  keepBatch(ctx, x, axis, "it mixes the samples of the batch");
  const place = x.order.indexOf(axis);
  const { shape } = x.ref;
  const { build } = ctx;
  const extent = shape[place] ?? 1;
  // Axis 0 is kept apart, so that samples of a batch are not mixed.
  const lead = place === 0 ? [1] : [shape[0] ?? 1, elements(shape.slice(1, place))];
  const flat = build.emit("reshape", [x.ref], { shape: [...lead, extent, elements(shape.slice(place + 1))] });
  const factor = build.literal(matrix, [...lead.map(() => 1), rows, extent]);
  const result = build.emit("matmul", [factor, flat]);
  return ordered(ctx, build.emit("reshape", [result], { shape: shape.with(place, rows) }), x.order, x.type);
}
