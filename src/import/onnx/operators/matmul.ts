// Matrix products.

import { elements } from "#ir/type.js";
import { combine } from "../broadcast.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";
import { ordered, valueOf } from "../operator.js";
import { refuse, unsupported } from "../refusal.js";
import type { Ref, Value } from "../value.js";
import { natural } from "#onnx/order.js";
import { reduced } from "./reduce.js";
import { reshaped, transposed } from "./reshape.js";

const number = (ctx: Context, value: number): Value => valueOf(ctx.build.literal([value], []));

function matMul(node: OnnxNode, ctx: Context): Value {
  return product(ctx, node.input(0), node.input(1));
}

/** The product of the last two axes; a vector is a row on the left and a column on the right. */
function product(ctx: Context, a: Value, b: Value): Value {
  if (a.shape.length === 0 || b.shape.length === 0) refuse("shape-mismatch", "a product of scalars");
  const left = a.shape.length === 1 ? reshaped(ctx, a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? reshaped(ctx, b, [...b.shape, 1]) : b;
  const result = times(ctx, left, right);
  const shape = result.shape.filter(
    (_, axis) =>
      !(a.shape.length === 1 && axis === result.shape.length - 2) &&
      !(b.shape.length === 1 && axis === result.shape.length - 1),
  );
  return shape.length === result.shape.length ? result : reshaped(ctx, result, shape);
}

function times(ctx: Context, a: Value, b: Value, bias: readonly Ref[] = []): Value {
  const w = ctx.build.arranged(b);
  if (b.ref.kind === "constant" && b.shape.length === 2) {
    // Every row of x is a dense layer's: only the last axis has to be the last.
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
 * An image that was brought into ONNX's order only to be flattened: its rows of the weight are brought into ours instead,
 * so that nothing moves when the network runs.
 */
function unflattened(ctx: Context, a: Value, w: Ref): { x: Ref; w: Ref } | undefined {
  if (a.ref.kind !== "node" || a.shape.length !== 2) return undefined;
  const flat = ctx.build.nodes.get(a.ref.id);
  if (flat?.op !== "reshape") return undefined;
  const moved = ctx.build.nodes.get(flat.inputs[0] ?? -1);
  if (moved?.op !== "transpose") return undefined;
  const image = ctx.build.nodes.get(moved.inputs[0] ?? -1);
  const { perm } = moved.attributes;
  const [rows = 1, columns = 1] = a.shape;
  if (!image || perm[0] !== 0 || moved.type.shape[0] !== rows) return undefined;
  // Row (i, j, k) of the weight stands for axes 1, 2, 3 of the moved image, which are axes perm[1…] of the image.
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
export function timesMatrix(ctx: Context, x: Value, axis: number, matrix: Float64Array, rows: number): Value {
  const place = x.order.indexOf(axis);
  const { shape } = x.ref;
  const { build } = ctx;
  const extent = shape[place] ?? 1;
  // Axis 0 stays alone: samples of a batch are not mixed.
  const lead = place === 0 ? [1] : [shape[0] ?? 1, elements(shape.slice(1, place))];
  const flat = build.emit("reshape", [x.ref], { shape: [...lead, extent, elements(shape.slice(place + 1))] });
  const factor = build.literal(matrix, [...lead.map(() => 1), rows, extent]);
  const result = build.emit("matmul", [factor, flat]);
  return ordered(ctx, build.emit("reshape", [result], { shape: shape.with(place, rows) }), x.order, x.type);
}

/** α · A · B + β · C. */
function gemm(node: OnnxNode, ctx: Context): Value {
  const turned = (value: Value, isTurned: boolean): Value => {
    if (value.shape.length !== 2) refuse("shape-mismatch", `Gemm of [${value.shape.join(", ")}]`);
    return isTurned ? transposed(ctx, value, [1, 0]) : value;
  };
  const scaled = (value: Value, factor: number): Value =>
    factor === 1 ? value : combine(ctx, "mul", [value, number(ctx, factor)]);
  const a = turned(node.input(0), node.int("transA", 0) === 1);
  const b = turned(node.input(1), node.int("transB", 0) === 1);
  const alpha = node.float("alpha", 1);
  const beta = node.float("beta", 1);
  const c = node.optional(2);
  const units = b.shape[1] ?? 1;
  // Scaling a weight costs nothing.
  if (
    b.ref.kind === "constant" &&
    c?.ref.kind === "constant" &&
    elements(c.shape) === units &&
    c.shape.at(-1) === units
  )
    return times(ctx, a, scaled(b, alpha), [reshaped(ctx, scaled(c, beta), [units]).ref]);
  const result =
    b.ref.kind === "constant" ? times(ctx, a, scaled(b, alpha)) : scaled(times(ctx, a, b), alpha);
  return c && beta !== 0 ? combine(ctx, "add", [result, scaled(c, beta)]) : result;
}

/** Sums over letters of one or two operands, by transposes and one matrix product. */
function einsum(node: OnnxNode, ctx: Context): Value {
  const equation = node.text("equation").replaceAll(/\s/g, "");
  const [left = "", given] = equation.split("->");
  const terms = left.split(",");
  const no = (): never =>
    unsupported(`Einsum \`${equation}\``, "one or two operands without repeated letters are known");
  if (!/^[A-Za-z,]*(->[A-Za-z]*)?$/.test(equation) || terms.length > 2) no();
  if (terms.some((term) => new Set(term).size !== term.length)) no();
  const letters = [...left].filter((letter) => letter !== ",");
  const single = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  const output = given ?? [...new Set(single)].sort().join("");
  const values = terms.map((term, at) => {
    const value = node.input(at);
    if (value.shape.length !== term.length)
      refuse("shape-mismatch", `Einsum \`${equation}\` of [${value.shape.join(", ")}]`);
    return { term: [...term], value };
  });
  const [a, b] = values;
  if (!a) return no();
  if (!b) {
    const summed = natural(a.term.length).filter((at) => !output.includes(a.term[at] ?? ""));
    const left = a.term.filter((letter) => output.includes(letter));
    const sum = reduced(ctx, "reduce_sum", a.value, summed, false);
    return transposed(
      ctx,
      sum,
      [...output].map((letter) => left.indexOf(letter)),
    );
  }
  const shared = a.term.filter((letter) => b.term.includes(letter));
  const batch = shared.filter((letter) => output.includes(letter));
  const inner = shared.filter((letter) => !output.includes(letter));
  const rows = a.term.filter((letter) => !shared.includes(letter));
  const columns = b.term.filter((letter) => !shared.includes(letter));
  if ([...rows, ...columns].some((letter) => !output.includes(letter))) return no();
  if (output.length !== batch.length + rows.length + columns.length) return no();
  const extents = new Map<string, number>();
  for (const { term, value } of values)
    for (const [at, letter] of term.entries()) extents.set(letter, value.shape[at] ?? 1);
  const count = (group: readonly string[]): number =>
    elements(group.map((letter) => extents.get(letter) ?? 1));
  const lead = batch.map((letter) => extents.get(letter) ?? 1);
  const shaped = ({ term, value }: (typeof values)[number], order: string[], last: number[]): Value =>
    reshaped(
      ctx,
      transposed(
        ctx,
        value,
        order.map((letter) => term.indexOf(letter)),
      ),
      [...lead, ...last],
    );
  const x = shaped(a, [...batch, ...rows, ...inner], [count(rows), count(inner)]);
  const y = shaped(b, [...batch, ...inner, ...columns], [count(inner), count(columns)]);
  const all = [...batch, ...rows, ...columns];
  const result = reshaped(
    ctx,
    times(ctx, x, y),
    all.map((letter) => extents.get(letter) ?? 1),
  );
  return transposed(
    ctx,
    result,
    [...output].map((letter) => all.indexOf(letter)),
  );
}

export const products: OperatorTable = { MatMul: matMul, Gemm: gemm, Einsum: einsum };
