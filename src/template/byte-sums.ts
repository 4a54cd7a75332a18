// Sums of products of bytes, which targets with integers compute in integers.

import { greatest, least } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { memoise, topological } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { integerRanges, isInteger } from "#ir/type.js";
import { opOf } from "#ops/index.js";

/** A sum of products with constant weights. */
type Product = NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d"> | NodeOf<"dense">;

function isProduct(node: Node): node is Product {
  return node.op === "conv2d" || node.op === "depthwise_conv2d" || node.op === "dense";
}

/**
 * Whether a target computes a node in integers: x has 8 bits, the weights are constants of 8 bits, and the bias is a constant. All other
 * sums of integers are computed as f32.
 */
export function isByteSum(graph: Graph, node: Node, { integers }: Pick<Target, "integers">): boolean {
  if (!integers || !isProduct(node) || node.type.dtype !== "i32") return false;
  const [x, w, b] = operands(graph, node);
  const isByte = x?.type.dtype === "i8" || x?.type.dtype === "u8";
  return isByte && w?.op === "constant" && w.type.dtype === "i8" && b?.op === "constant";
}

/** The most input channels of a 3×3 convolution of bytes whose sums have 32 bits even times four, whatever its integers are. */
export const deepestTransform = Math.floor(2 ** 29 / (9 * 255 * 128));

type Range = readonly [number, number];

/** The range of each value of integers: what `quantize` says, kept by moves; else that of its type. */
const integerRangesOf = memoise((graph: Graph): ReadonlyMap<NodeId, Range> => {
  const ranges = new Map<NodeId, Range>();
  for (const node of topological(graph)) {
    const { dtype } = node.type;
    if (!isInteger(dtype)) continue;
    const [low, high] = integerRanges[dtype];
    if (node.op === "quantize") {
      ranges.set(node.id, [Math.max(low, node.attributes.low), Math.min(high, node.attributes.high)]);
    } else if (opOf(node.op).integers === "moves") {
      const own = node.inputs.flatMap((id) => ranges.get(id) ?? []);
      if (node.op === "pad") own.push(node.attributes.value);
      ranges.set(node.id, [least(own), greatest(own)]);
    } else ranges.set(node.id, [low, high]);
  }
  return ranges;
});

/** The least and the greatest integer that a value can be. */
export function integerRange(graph: Graph, id: NodeId): Range {
  return integerRangesOf(graph).get(id) ?? bug(`node ${id} is no value of integers`);
}
