// Error propagation: bounds of the rounding error of a result, from the bounds of its operands.

import type { Tensor } from "#ir/tensor.js";

/** A value with an error bound for each element, computed in f32: six standard deviations. */
export interface Inexact {
  readonly value: Tensor;
  readonly errors: Float64Array;
}

/**
 * How the errors of operands propagate to the result (`src/interpret/errors.ts` evaluates it):
 * - `moves`: each result is an element of an operand, so nothing is rounded;
 * - `maps`: a formula of single elements, exact to 2⁻²⁰ of its result;
 * - `sums`: a sum, or a mean, of elements. Adjacent elements may be rounded in the same direction, so their errors add up;
 * - `updates`: like sums, but the terms are added in memory, one after another;
 * - `products`: a sum of products, linear in each operand. The errors are independent, so their squares add up;
 * - or a rule of the op.
 */
export type ErrorKind = "moves" | "maps" | "sums" | "updates" | "products";

/** The errors of an op's result; `share` is the relative error that the sums of this op add to each of their terms. */
export type ErrorRule<A> = (
  operands: readonly Inexact[],
  attributes: A,
  result: Tensor,
  share: number,
) => Float64Array;

/** The error of one element by the slope of softmax, y·(Δx − Σ y·Δx). `groupOf` gives the row of an element. */
export function softmaxErrors(
  { errors }: Inexact,
  { data }: Tensor,
  share: number,
  groupOf: (index: number) => number,
): Float64Array {
  // In e^(x − max) the difference is rounded. It is about the logarithm of the result.
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
 * The errors of y = (x − mean) / s, s = √(variance + epsilon), by its slopes: (Δx − Δmean − y · mean(y · Δx)) / s. The error of the mean is
 * that of its terms and of their sum.
 */
export function normErrors(
  { value, errors }: Inexact,
  { data: results }: Tensor,
  { share, epsilon, groupOf }: { share: number; epsilon: number; groupOf: (index: number) => number },
): Float64Array {
  interface Row {
    count: number;
    sum: number;
    /** The sum of the errors of the terms of the mean. */
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

/** The error of a product of elements: its increase if every factor is larger by its error. */
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
