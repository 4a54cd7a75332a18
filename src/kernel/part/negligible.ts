// Weights that are too small to matter are packed as 0. On many processors, products with numbers below 2⁻¹²⁶ (subnormal ones) take up to a
// hundred times as long, in WebAssembly and JavaScript alike, and training leaves whole channels of them.

import type { Graph, WeightId } from "#ir/graph.js";
import { opOf } from "#ops/index.js";

/**
 * Values below this fraction of the greatest finite |value| of their tensor count as 0. A weight w of a tensor with the greatest value m
 * adds w·x to a sum, where m adds m·x′: the difference stays a hundredth of a rounding error of f32 (2⁻²⁴) as long as activations of one
 * layer are within 2⁷⁰ ≈ 10²¹ of each other. The limit is relative, so a tensor that has only tiny values is not changed. The remaining
 * weights give subnormal products only with tiny activations: with m around 1, all weights are above 2⁻¹⁰⁰.
 */
export const negligible = 2 ** -100;

/**
 * The weights that are only used as factors and terms of sums: in a quotient, a comparison or a power, a tiny number does not act like 0.
 */
export function summedWeights(graph: Graph): ReadonlySet<WeightId> {
  const summed = new Set<WeightId>();
  const others = new Set<WeightId>();
  const outputs = new Set(graph.outputs.map(({ node }) => node));
  for (const node of graph.nodes.values()) {
    if (node.op === "constant" && outputs.has(node.id)) others.add(node.attributes.weight);
    for (const id of node.inputs) {
      const operand = graph.nodes.get(id);
      if (operand?.op !== "constant") continue;
      (opOf(node.op).errors === "products" ? summed : others).add(operand.attributes.weight);
    }
  }
  return new Set([...summed].filter((id) => !others.has(id)));
}

/**
 * The values with 0 in place of negligible ones, and the number of these. `values` is not changed unless it is in `memory`, which the
 * result may use.
 */
export function withoutNegligible(
  values: Float32Array,
  memory?: Float32Array,
): { readonly values: Float32Array; readonly flushed: number } {
  let greatest = 0;
  for (let at = 0; at < values.length; at += 1) {
    const size = Math.abs(values[at] as number);
    if (size > greatest && size < Number.POSITIVE_INFINITY) greatest = size;
  }
  const least = greatest * negligible;
  const isNegligible = (value: number): boolean => value !== 0 && Math.abs(value) < least;
  if (!values.some(isNegligible)) return { values, flushed: 0 };
  const inMemory = memory && values.buffer === memory.buffer;
  const room = memory && memory.length >= values.length ? memory.subarray(0, values.length) : undefined;
  const result = inMemory ? values : (room ?? new Float32Array(values.length));
  let flushed = 0;
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] as number;
    const isFlushed = isNegligible(value);
    result[at] = isFlushed ? 0 : value;
    if (isFlushed) flushed += 1;
  }
  return { values: result, flushed };
}
