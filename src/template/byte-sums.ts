// Sums of products of bytes, which targets with integers compute exactly.

import { greatest, least } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { memoise, topological } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import type { Shape } from "#ir/type.js";
import { channels, integerRanges, isInteger } from "#ir/type.js";
import { opOf } from "#ops/index.js";

/** A sum of products with constant weights. */
type Product = NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d"> | NodeOf<"dense">;

function isProduct(node: Node): node is Product {
  return node.op === "conv2d" || node.op === "depthwise_conv2d" || node.op === "dense";
}

/**
 * Whether a target computes the exact sums of a node, of 32 bits: x has 8 bits, the weights are constants of 8 bits, and the bias is a constant; in words, four
 * channels after another are products of one sum, or have a sum each. All other sums of integers are computed as f32.
 */
export function isByteSum(
  graph: Graph,
  node: Node,
  { integers, words, lanes, transforms }: Pick<Target, "integers" | "words" | "lanes" | "transforms">,
): boolean {
  if (!integers || !isProduct(node) || node.type.dtype !== "i32") return false;
  // Scalar code has transforms of f32 alone, and they save more than bytes do.
  if (lanes === 1 && transforms !== undefined && isForTransforms(graph, node)) return false;
  const [x, w, b] = operands(graph, node);
  const isByte = x?.type.dtype === "i8" || x?.type.dtype === "u8";
  if (!isByte || w?.op !== "constant" || w.type.dtype !== "i8" || b?.op !== "constant") return false;
  return (
    !words || (channels(x.type.shape) % 4 === 0 && fitsWords(node, channels(x.type.shape), w.type.shape))
  );
}

/** Whether a node is a convolution for Winograd's algorithm, with enough channels that its transforms pay. */
function isForTransforms(graph: Graph, node: Product): boolean {
  if (node.op !== "conv2d" || node.attributes.groups !== 1) return false;
  const { stride, dilation } = node.attributes;
  const [height, width, depth = 1] = operands(graph, node)[1]?.type.shape ?? [];
  const isPlain = [...stride, ...dilation].every((extent) => extent === 1);
  return isPlain && height === 3 && width === 3 && Math.min(depth, channels(node.type.shape)) >= 32;
}

/** The most taps of which products of bytes are exact as f32: 2²⁴ / (255 · 128). */
const mostTaps = 512;

function fitsWords(node: Product, inputs: number, [height = 1, width = 1]: Shape): boolean {
  if (node.op === "depthwise_conv2d")
    return channels(node.type.shape) === inputs && height * width <= mostTaps;
  return node.op === "dense" || node.attributes.groups === 1;
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
