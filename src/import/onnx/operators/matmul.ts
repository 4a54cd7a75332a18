// Matrix products.

import { elements } from "#ir/type.js";
import { combine } from "#import/operators/broadcast.js";
import { scalar } from "#import/lowering.js";
import { product, times } from "#import/operators/product.js";
import { reduced } from "#import/operators/reduce.js";
import { quote, refuse, unsupported } from "#import/refusal.js";
import { reshaped, transposed } from "#import/operators/reshape.js";
import type { Value } from "#import/value.js";
import { natural } from "#ir/axis-order.js";
import type { Context, OnnxNode, OperatorTable } from "../operator.js";

function matMul(node: OnnxNode, ctx: Context): Value {
  return product(ctx, node.input(0), node.input(1));
}

/** α · A · B + β · C. */
function gemm(node: OnnxNode, ctx: Context): Value {
  const turned = (value: Value, isTurned: boolean): Value => {
    if (value.shape.length !== 2)
      refuse("shape-mismatch", `Gemm takes matrices, not [${value.shape.join(", ")}]`);
    return isTurned ? transposed(ctx, value, [1, 0]) : value;
  };
  const scaled = (value: Value, factor: number): Value =>
    factor === 1 ? value : combine(ctx, "mul", [value, scalar(ctx, factor)]);
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

/** Einsum of one or two operands, by transposes, sums and one matrix product. */
function einsum(node: OnnxNode, ctx: Context): Value {
  const equation = node.text("equation").replaceAll(/\s/g, "");
  const [left = "", given] = equation.split("->");
  const terms = left.split(",");
  const no = (): never =>
    unsupported(`Einsum ${quote(equation)}`, "one or two operands without repeated letters are supported");
  if (!/^[A-Za-z,]*(->[A-Za-z]*)?$/.test(equation) || terms.length > 2) no();
  if (terms.some((term) => new Set(term).size !== term.length)) no();
  const letters = [...left].filter((letter) => letter !== ",");
  const single = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  const output = given ?? [...new Set(single)].sort().join("");
  // Each output letter must be an axis of an operand, and occur once.
  if ([...output].some((letter) => !letters.includes(letter)) || new Set(output).size < output.length) no();
  const values = terms.map((term, at) => {
    const value = node.input(at);
    if (value.shape.length !== term.length)
      refuse("shape-mismatch", `Einsum ${quote(equation)} does not fit [${value.shape.join(", ")}]`);
    return { term: [...term], value };
  });
  // A letter that only one operand has and that is not in the result is summed first.
  const summed = (own: (typeof values)[number] | undefined, other: (typeof values)[number] | undefined) => {
    if (!own || !other) return own;
    const isLeft = (letter: string): boolean => output.includes(letter) || other.term.includes(letter);
    const axes = natural(own.term.length).filter((at) => !isLeft(own.term[at] ?? ""));
    return {
      term: own.term.filter(isLeft),
      value: reduced(ctx, "reduce_sum", own.value, axes, false),
    };
  };
  const [a, b] = [summed(values[0], values[1]), summed(values[1], values[0])];
  if (!a) return no();
  if (!b) {
    const gone = natural(a.term.length).filter((at) => !output.includes(a.term[at] ?? ""));
    const left = a.term.filter((letter) => output.includes(letter));
    const sum = reduced(ctx, "reduce_sum", a.value, gone, false);
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
  for (const { term, value } of [a, b])
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
