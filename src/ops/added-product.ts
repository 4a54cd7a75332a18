// Sums of two convolutions in one kernel: `conv2d(x, w) + conv2d(y, v)` is one sum of products over both, [x y] · [w; v].

import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import { sameShape } from "#ir/type.js";
import { macsOf, opOf } from "./index.js";

/** A convolution that a kernel adds to its own as it sums. */
export interface AddedProduct {
  readonly product: NodeOf<"conv2d">;
  /** The sum of both. */
  readonly sum: NodeOf<"add">;
}

/**
 * What the nodes of a kernel say of it: of two convolutions that are only added, the one with fewer multiply-accumulates (the
 * second, of equal ones) is the added one. Its operands come from outside of the kernel. Undefined where there are no such two.
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

/** A convolution without groups, with weights of its own, whose whole result is read by the sum alone. */
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
