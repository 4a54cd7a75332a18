// The tolerance for results that are computed in f32 in any order.

import { expectModule } from "#diagnostic/argument.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { termsOf } from "#ops/index.js";
import { interpret } from "./interpret.js";

/** For a net that stores values as f16: the number of kernels that do, and `scale` of `interpretScaled`. */
export interface Halves {
  readonly kernels: number;
  readonly scale: number;
}

/**
 * The allowed difference between an f32 result and the reference: 2⁻²³ · (8 + 4·√K) · max|reference|, where K is the number of terms of the
 * longest reduction. Rounding errors of a sum of K terms grow like √K if they are independent (Higham and Mary 2019, "A New Approach
 * to Probabilistic Rounding Error Analysis"); 4 means four standard deviations, and 8 covers ops that are not sums.
 *
 * If kernels store f16, 2⁻¹¹ · 4·√kernels · scale is added. Each kernel rounds every value that it stores, and reads rounded
 * weights: to 11 bits, so by at most 2⁻¹¹ of the value, uniformly distributed, a standard deviation of 2⁻¹¹/√3. Two such errors per kernel,
 * which are independent, add up to √(2·kernels/3) of 2⁻¹¹, and four standard deviations of that are 3.3·√kernels.
 */
export function tolerance(longest: number, reference: ArrayLike<number>, halves?: Halves): number {
  const single = 2 ** -23 * (8 + 4 * Math.sqrt(longest)) * greatest(reference);
  return halves ? single + 2 ** -11 * 4 * Math.sqrt(halves.kernels) * halves.scale : single;
}

/** The number of kernels of a loaded net that store f16, for `tolerance`; 0 if the net stores f32. */
export function halfKernels(net: {
  readonly precision?: string;
  readonly launches: { readonly length: number };
}): number {
  return net.precision === "f16" ? net.launches.length : 0;
}

/** A reference value, and the greatest magnitude in its computation. */
export interface Scaled {
  readonly value: Tensor;
  /** The greatest finite |value| of the output, of the intermediate results, and of the inputs that they read. */
  readonly scale: number;
}

/**
 * The outputs by name, each with the greatest intermediate value: a kernel that stores f16 makes an error relative to the stored value,
 * and later ops propagate this error. Weights do not count, since they are read, not computed. Throws like `interpret`.
 */
export function interpretScaled(
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  visit?: (id: NodeId) => void,
): Map<string, Scaled> {
  expectModule("interpretScaled", module);
  const { graph } = module;
  const scales = new Map<NodeId, number>();
  const values = interpret(module, inputs, (id, value) => {
    visit?.(id);
    const node = nodeOf(graph, id);
    const own = node.op === "constant" ? 0 : greatest(value.data);
    scales.set(
      id,
      node.inputs.reduce((most, input) => Math.max(most, scales.get(input) ?? 0), own),
    );
  });
  return new Map(
    graph.outputs.flatMap(({ name, node }) => {
      const value = values.get(name);
      return value ? [[name, { value, scale: scales.get(node) ?? 0 }] as const] : [];
    }),
  );
}

/** The greatest |value| that is finite in f32; 0 if all are infinite or NaN. */
function greatest(values: ArrayLike<number>): number {
  let most = 0;
  for (let index = 0; index < values.length; index += 1) {
    const size = Math.abs(Math.fround(values[index] ?? 0));
    if (Number.isFinite(size) && size > most) most = size;
  }
  return most;
}

/** The number of terms of the longest reduction of a graph. */
export function longestReduction(module: Module): number {
  expectModule("longestReduction", module);
  const { graph } = module;
  let longest = 1;
  for (const node of graph.nodes.values()) {
    const types = operands(graph, node).map(({ type }) => type);
    longest = Math.max(longest, termsOf(node, types));
  }
  return longest;
}

/** The element of a result that is closest to its tolerance, or exceeds it the most. */
export interface Nearest {
  readonly agrees: boolean;
  /** The index of the element; −1 if all are equal. */
  readonly at: number;
  /** NaN if only one side is NaN or ∞. */
  readonly largestDifference: number;
  readonly allowed: number;
}

/** Compares a result with the reference. The allowed difference is the larger of `least` and the error of the element. */
export function nearestToTolerance(
  actual: ArrayLike<number>,
  reference: ArrayLike<number>,
  least: number,
  errors: ArrayLike<number> = [],
): Nearest {
  let nearest: Nearest = { agrees: true, at: -1, largestDifference: 0, allowed: least };
  let most = 0;
  for (let index = 0; index < Math.max(reference.length, actual.length); index += 1) {
    const a = actual[index] ?? Number.NaN;
    const exact = reference[index] ?? Number.NaN;
    const b = Math.fround(exact);
    const allowed = Math.max(least, errors[index] ?? 0);
    const difference = Math.abs(a - exact);
    const isSame = Object.is(a, b) || a === b;
    // The nearest float always agrees.
    if (isSame && !(difference <= allowed)) continue;
    if (!isSame && !Number.isFinite(Math.abs(a - b)))
      return { agrees: false, at: index, largestDifference: Number.NaN, allowed };
    if (difference === 0 || difference / allowed <= most) continue;
    most = difference / allowed;
    const agrees = isSame || difference <= allowed;
    nearest = { agrees, at: index, largestDifference: difference, allowed };
  }
  return nearest;
}

/**
 * The index of the first element that differs by more than the tolerance, or −1. NaN and ∞ must agree; a reference beyond
 * the range of f32 counts as ∞. The magnitude of `scale` determines the tolerance: for a single op, use its value on the absolute values of
 * its operands, since the error of a sum that cancels is proportional to the sum of |terms| (Higham 2002, "Accuracy and Stability of Numerical Algorithms", §4.2).
 */
export function firstDifference(
  actual: ArrayLike<number>,
  reference: ArrayLike<number>,
  longest: number,
  scale: ArrayLike<number> = reference,
  halves?: Halves,
): number {
  const allowed = tolerance(longest, scale, halves);
  for (let index = 0; index < reference.length; index += 1) {
    const a = actual[index] ?? Number.NaN;
    const b = Math.fround(reference[index] ?? Number.NaN);
    if (Object.is(a, b) || a === b) continue;
    if (!(Math.abs(a - b) <= allowed)) return index;
  }
  return actual.length === reference.length ? -1 : reference.length;
}
