// The one tolerance for results computed in f32 in any order.

import { operands } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { elements } from "#ir/type.js";
import { macsOf } from "#ops/index.js";

/**
 * How far an f32 result may be from the reference: 2⁻²³ · (8 + 4·√K) · max|reference|, K the longest reduction on the
 * way. Rounding errors of a sum of K terms grow like √K when they are independent (Higham and Mary 2019, "A New Approach
 * to Probabilistic Rounding Error Analysis"); 4 is four standard deviations, and 8 covers what is not a sum.
 */
export function tolerance(longest: number, reference: ArrayLike<number>): number {
  let largest = 0;
  for (let index = 0; index < reference.length; index += 1) {
    const size = Math.abs(reference[index] ?? 0);
    if (Number.isFinite(size) && size > largest) largest = size;
  }
  return 2 ** -23 * (8 + 4 * Math.sqrt(longest)) * largest;
}

/** The longest reduction of a graph, in terms: per-element MACs, or the elements that one result of a reduction reads. */
export function longestReduction(module: Module): number {
  let longest = 1;
  for (const node of module.graph.nodes.values()) {
    const inputs = operands(module.graph, node).map((input) => input.type);
    const results = elements(node.type.shape);
    const terms = macsOf(node, inputs) / results;
    const gathered = Math.max(0, ...inputs.map((type) => elements(type.shape) / results));
    longest = Math.max(longest, terms, node.op === "constant" ? 1 : gathered);
  }
  return longest;
}

/**
 * The index of the first element that is further off than the tolerance (NaN and ∞ must agree), or −1. `scale` holds the
 * values whose size sets the tolerance. A sum of few results may cancel to nearly nothing; its error is then in
 * proportion to the sum of |terms| (Higham 2002, "Accuracy and Stability of Numerical Algorithms", §4.2), which is the op's
 * value on the absolute values of its operands.
 */
export function firstDifference(
  actual: ArrayLike<number>,
  reference: ArrayLike<number>,
  longest: number,
  scale: ArrayLike<number> = reference,
): number {
  const allowed = tolerance(longest, scale);
  for (let index = 0; index < reference.length; index += 1) {
    const a = actual[index] ?? Number.NaN;
    const b = reference[index] ?? Number.NaN;
    if (Object.is(a, b) || a === b) continue;
    if (!(Math.abs(a - b) <= allowed)) return index;
  }
  return actual.length === reference.length ? -1 : reference.length;
}
