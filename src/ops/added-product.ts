// The sum of two convolutions in one kernel: `conv2d(x, w) + conv2d(y, v)` is a single sum of products, [x y] · [w; v].

import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import { sameShape } from "#ir/type.js";
import { macsOf, opOf } from "./index.js";

/** A convolution whose products a kernel adds to the sums of its own convolution. */
export interface AddedProduct {
  readonly product: NodeOf<"conv2d">;
  /** The sum of both. */
  readonly sum: NodeOf<"add">;
}

/**
 * The added convolution of a kernel, found from its nodes: of two convolutions whose results are only added, the one with fewer
 * multiply-accumulates (of equal ones, the second). Its operands come from outside the kernel. Undefined if the kernel has no such pair.
 */
export function addedProduct(graph: Graph, nodes: readonly Node[]): AddedProduct | undefined {
  const stages = nodes.filter((node) => opOf(node.op).scalar === undefined);
  if (stages.length !== 2) return undefined;
  const sum = nodes.find((node) => node.op === "add" && stages.every(({ id }) => node.inputs.includes(id)));
  if (sum?.op !== "add") return undefined;
  const [first, second] = operands(graph, sum);
  if (!first || !second || !isAddend(graph, first, sum) || !isAddend(graph, second, sum)) return undefined;
  const inside = new Set<NodeId>(nodes.map(({ id }) => id));
  const [product] = [second, first]
    .filter(({ inputs }) => !inputs.some((id) => inside.has(id)))
    .toSorted((a, b) => macs(graph, a) - macs(graph, b));
  return product && { product, sum };
}

/** Whether a node is a convolution without groups, with constant weights, whose result only the sum reads. */
function isAddend(graph: Graph, node: Node, sum: Node): node is NodeOf<"conv2d"> {
  return (
    node.op === "conv2d" &&
    node.attributes.groups === 1 &&
    sameShape(node.type.shape, sum.type.shape) &&
    operands(graph, node)
      .slice(1)
      .every(({ op }) => op === "constant") &&
    users(graph).get(node.id)?.length === 1 &&
    !outputIds(graph).has(node.id)
  );
}

function macs(graph: Graph, node: Node): number {
  return macsOf(
    node,
    operands(graph, node).map(({ type }) => type),
  );
}
