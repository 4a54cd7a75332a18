// What rounding does to values: how far the result of an op may be off, from how far its operands may be.

import type { Tensor } from "#ir/tensor.js";

/** A value, and for each element how far it may be off as f32 computes it: six standard deviations. */
export interface Inexact {
  readonly value: Tensor;
  readonly errors: Float64Array;
}

/**
 * How errors of operands reach the result (`src/interpret/errors.ts` evaluates it):
 * - `moves`: each result is an element of an operand, so that nothing is rounded;
 * - `maps`: a formula of single elements, right to 2⁻²⁰ of its result;
 * - `sums`: a sum, or a mean, of elements as they are. Neighbours may be rounded alike, so their errors add up;
 * - `updates`: as sums, but each term is added in memory, one after another;
 * - `products`: linear in each operand alone, a sum of products. Their errors are independent, so the squares add up;
 * - or an op's own rule.
 */
export type ErrorKind = "moves" | "maps" | "sums" | "updates" | "products";

/** The errors of an op's result; `share` is what the sums of this op make of each of their terms. */
export type ErrorRule<A> = (
  operands: readonly Inexact[],
  attributes: A,
  result: Tensor,
  share: number,
) => Float64Array;

/** The error of one element by the slope of softmax, y·(Δx − Σ y·Δx). `groupOf` says of which row an element is. */
export function softmaxErrors(
  { errors }: Inexact,
  { data }: Tensor,
  share: number,
  groupOf: (index: number) => number,
): Float64Array {
  // e^(x − max) rounds the difference, which is about the logarithm of the result.
  const own = errors.map((error, at) => {
    const y = data[at] as number;
    return error + (y > 0 ? 2 ** -22 * -Math.log(Math.min(y, 1)) : 0);
  });
  const sums = new Map<number, number>();
  for (const [at, error] of own.entries())
    sums.set(groupOf(at), (sums.get(groupOf(at)) ?? 0) + (data[at] as number) * error);
  return own.map((error, at) => {
    const y = data[at] as number;
    return Math.min(1, y * (error + (sums.get(groupOf(at)) ?? 0) + share + 2 ** -20));
  });
}

/**
 * The errors of y = (x − mean) / s, s = √(variance + epsilon), by its slopes: (Δx − Δmean − y · mean(y · Δx)) / s. The mean is off by
 * the errors of its terms and by those of their sum.
 */
export function normErrors(
  { value, errors }: Inexact,
  { data: results }: Tensor,
  { share, epsilon, groupOf }: { share: number; epsilon: number; groupOf: (index: number) => number },
): Float64Array {
  interface Row {
    count: number;
    sum: number;
    /** Of the terms of the mean. */
    error: number;
    squares: number;
    slope: number;
  }
  const rows = new Map<number, Row>();
  const rowOf = (at: number): Row => {
    const known = rows.get(groupOf(at));
    if (known) return known;
    const row = { count: 0, sum: 0, error: 0, squares: 0, slope: 0 };
    rows.set(groupOf(at), row);
    return row;
  };
  for (const [at, x] of value.data.entries()) {
    const row = rowOf(at);
    row.count += 1;
    row.sum += x;
    row.error += (errors[at] as number) + share * Math.abs(x);
  }
  for (const [at, x] of value.data.entries()) {
    const row = rowOf(at);
    row.squares += (x - row.sum / row.count) ** 2;
    row.slope += Math.abs(results[at] as number) * ((errors[at] as number) + row.error / row.count);
  }
  return errors.map((error, at) => {
    const { count, error: sum, squares, slope } = rowOf(at);
    const spread = Math.sqrt(squares / count + epsilon);
    const y = Math.abs(results[at] as number);
    return (error + sum / count + (y * slope) / count) / spread + y * (share + 2 ** -20);
  });
}

/** Of a product of elements: what it is more, where every factor is as much larger as it may be. */
export function productErrors(
  { value, errors }: Inexact,
  result: Tensor,
  share: number,
  multiply: (factors: Tensor) => Tensor,
): Float64Array {
  const sizes = value.data.map(Math.abs);
  const most = multiply({
    shape: value.shape,
    data: sizes.map((size, at) => size * (1 + share) + (errors[at] as number)),
  });
  return most.data.map((size, at) => size - Math.abs(result.data[at] as number));
}
