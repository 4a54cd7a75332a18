// Evaluates one value of a graph for a check: in float64 with the range of float32, or rounded to float32 after each op.

import type { Node, NodeId } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { evalNode, termsOf } from "#ops/index.js";

/** Half an ulp above the greatest float32: numbers from here on round to infinity. */
const overflow = 2 ** 128 - 2 ** 103;

export interface Evaluated {
  readonly value: Tensor;
  /** The greatest finite |result| of all evaluated ops, including the last. */
  readonly scale: number;
}

/**
 * Evaluates `root`. `exact` computes in float64, but results outside the range of float32 become infinite, as they do in every
 * emitted module. `rounded` rounds every result to float32, and changes every constant that is not a short binary fraction by one ulp.
 * How far this moves the result is the rounding error of the formula itself, and no fault of a rule.
 */
export function evaluate(
  module: Module,
  root: NodeId,
  inputs: ReadonlyMap<NodeId, Tensor>,
  mode: "exact" | "rounded",
): Evaluated {
  const values = new Map(inputs);
  let scale = 0;
  const valueOf = (id: NodeId): Tensor => {
    const known = values.get(id);
    if (known) return known;
    const node = nodeOf(module.graph, id);
    const constant = node.op === "constant";
    const isExact = isInteger(node.type.dtype);
    const { shape, data } = constant
      ? module.weights.read(node.attributes.weight)
      : evalNode(node, node.inputs.map(valueOf));
    const bend = mode === "exact" ? inRange : constant ? otherConstant : Math.fround;
    const value = { shape, data: isExact ? data : data.map(bend) };
    values.set(id, value);
    if (!constant) scale = Math.max(scale, greatestSize(value));
    return value;
  };
  return { value: valueOf(root), scale };
}

function inRange(value: number): number {
  return Math.abs(value) >= overflow ? Math.sign(value) * Infinity : value;
}

/** A constant that needs more than 12 bits was rounded when it was written. Gives the next float32 for it, as another rounding might. */
function otherConstant(value: number): number {
  const rounded = Math.fround(value);
  if (rounded === 0 || !Number.isFinite(rounded)) return rounded;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(rounded))) - 11);
  return Number.isInteger(rounded / step) ? rounded : Math.fround(rounded * (1 + 2 ** -23));
}

/** The greatest finite |value|; 0 if no value is finite. */
export function greatestSize({ data }: Tensor): number {
  let most = 0;
  for (const value of data) {
    const size = Math.abs(value);
    if (Number.isFinite(size) && size > most) most = size;
  }
  return most;
}

/** The nodes that some values need, themselves included, operands first. */
export function cone({ graph }: Module, roots: readonly NodeId[]): Node[] {
  const seen = new Set<NodeId>();
  const visit = (id: NodeId): Node[] => {
    if (seen.has(id)) return [];
    seen.add(id);
    const node = nodeOf(graph, id);
    return [...node.inputs.flatMap(visit), node];
  };
  return roots.flatMap(visit);
}

/** The number of terms of the longest reduction among the nodes. */
export function longest(module: Module, nodes: readonly Node[]): number {
  return nodes.reduce((most, node) => {
    const types = operands(module.graph, node).map(({ type }) => type);
    return Math.max(most, termsOf(node, types));
  }, 1);
}
