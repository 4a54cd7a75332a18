// Facts about constants that rules ask for. The answers are kept, since a sweep asks many times.

import type { Node, WeightId } from "#ir/graph.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";

/** The least and greatest element; `NaN` if any element is. */
interface Bounds {
  readonly least: number;
  readonly greatest: number;
}

const memo = new WeakMap<WeightStore, Map<WeightId, Bounds>>();

/** The number that all elements of a constant equal, as f32; undefined if they differ or the node is not a constant. */
export function uniformValue(weights: WeightStore, node: Node): number | undefined {
  const bounds = boundsOf(weights, node);
  return bounds && bounds.least === bounds.greatest ? bounds.least : undefined;
}

/** The least and greatest element of a constant, as f32; undefined for a node that is not a constant. */
export function boundsOf(weights: WeightStore, node: Node): Bounds | undefined {
  if (node.op !== "constant") return undefined;
  let known = memo.get(weights);
  if (!known) memo.set(weights, (known = new Map()));
  const id = node.attributes.weight;
  let bounds = known.get(id);
  if (!bounds) known.set(id, (bounds = measure(weights, id)));
  return bounds;
}

function measure(weights: WeightStore, id: WeightId): Bounds {
  const { source } = entryOf(weights, id);
  if (source.kind === "absent") return { least: 0, greatest: 0 };
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (const value of weights.readF32(id)) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  return { least, greatest };
}
