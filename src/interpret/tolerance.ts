// The one tolerance for results computed in f32 in any order.

import type { NodeId } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { topological } from "#ir/order.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { elements } from "#ir/type.js";
import { macsOf, opOf } from "#ops/index.js";
import { interpret } from "./interpret.js";

/**
 * How far an f32 result may be from the reference: 2⁻²³ · (8 + 4·√K) · max|scale|, K the longest reduction on the way and
 * `scale` the values on the way (`interpretScaled`). Rounding errors of a sum of K terms grow like √K when they are
 * independent (Higham and Mary 2019, "A New Approach to Probabilistic Rounding Error Analysis"); 4 is four standard
 * deviations, and 8 covers what is not a sum.
 *
 * Where `kernels` of them store f16 (0: none does), 2⁻¹¹ · 4·√kernels · max|scale| is added. Each rounds every value that it stores,
 * and has read rounded weights: to 11 bits, so by at most 2⁻¹¹ of itself, evenly spread, which is a deviation of 2⁻¹¹/√3. Two
 * such errors a kernel, independent of each other, make √(2·kernels/3) of 2⁻¹¹, and four standard deviations of that are 3.3·√kernels.
 */
export function tolerance(longest: number, scale: ArrayLike<number>, kernels = 0): number {
  const single = 2 ** -23 * (8 + 4 * Math.sqrt(longest));
  const half = kernels > 0 ? 2 ** -11 * 4 * Math.sqrt(kernels) : 0;
  return (single + half) * greatest(scale);
}

/** How many kernels of a loaded net round what they store to f16, for `tolerance`: 0 where f32 is stored. */
export function halfKernels(net: {
  readonly precision?: string;
  readonly launches: { readonly length: number };
}): number {
  return net.precision === "f16" ? net.launches.length : 0;
}

/** A reference value, and the size of what it is computed from. */
export interface Scaled {
  readonly value: Tensor;
  /** The greatest finite |value| among the output, the results on the way to it and the inputs that they read. */
  readonly scale: number;
}

/**
 * The outputs by name, each with the scale of its tolerance. A rounding error is relative to the value that is rounded, and
 * later ops carry it along as it is: with a = 1000.001 and b = 1000, a − b = 0.001 has the errors of a and b, which are 10⁶
 * times larger than any of its own. Relative to the result alone no tolerance holds, so it is relative to the
 * greatest value on the way (Higham 2002, "Accuracy and Stability of Numerical Algorithms", §1.7). Weights do not count: they
 * are read, not computed. Throws as `interpret` does.
 */
export function interpretScaled(
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  visit?: (id: NodeId) => void,
): Map<string, Scaled> {
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

/** The greatest finite |value|; 0 if there is none. */
function greatest(values: ArrayLike<number>): number {
  let most = 0;
  for (let index = 0; index < values.length; index += 1) {
    const size = Math.abs(values[index] ?? 0);
    if (Number.isFinite(size) && size > most) most = size;
  }
  return most;
}

/**
 * The longest reduction of a graph, in terms: per-element MACs, the elements that one result of a reduction reads, or the ops of
 * a row of elementwise ones, since a sum that is written out is rounded as often as one that is a single op.
 */
export function longestReduction({ graph }: Module): number {
  let longest = 1;
  const rows = new Map<NodeId, number>();
  for (const node of topological(graph)) {
    if (opOf(node.op).scalar) {
      const row = 1 + node.inputs.reduce((most, id) => Math.max(most, rows.get(id) ?? 0), 0);
      rows.set(node.id, row);
      longest = Math.max(longest, row);
    }
    const inputs = operands(graph, node).map((input) => input.type);
    const results = elements(node.type.shape);
    const terms = macsOf(node, inputs) / results;
    const gathered = inputs.reduce((most, type) => Math.max(most, elements(type.shape) / results), 0);
    longest = Math.max(longest, terms, node.op === "constant" ? 1 : gathered);
  }
  return longest;
}

/**
 * The index of the first element that is further off than the tolerance (NaN and ∞ must agree), or −1. `scale` holds the
 * values whose size sets the tolerance: `[scale]` of `interpretScaled`, or for one op alone its value on the absolute values
 * of its operands, since the error of a sum that cancels is in proportion to the sum of |terms| (Higham 2002, §4.2).
 */
export function firstDifference(
  actual: ArrayLike<number>,
  reference: ArrayLike<number>,
  longest: number,
  scale: ArrayLike<number> = reference,
  kernels = 0,
): number {
  const allowed = tolerance(longest, scale, kernels);
  for (let index = 0; index < reference.length; index += 1) {
    const a = actual[index] ?? Number.NaN;
    const b = reference[index] ?? Number.NaN;
    if (Object.is(a, b) || a === b) continue;
    if (!(Math.abs(a - b) <= allowed)) return index;
  }
  return actual.length === reference.length ? -1 : reference.length;
}
