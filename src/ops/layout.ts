// Finds the order of an input's axes from the ops that read it.

import type { Graph, Node, NodeId, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Layout } from "#ir/preprocess.js";
import { sameShape } from "#ir/type.js";

/** Ops that take images, whose channels are last. */
const takesImages: ReadonlySet<OpName> = new Set<OpName>([
  "conv2d",
  "depthwise_conv2d",
  "conv2d_transpose",
  "max_pool",
  "avg_pool",
  "global_avg_pool",
  "global_max_pool",
  "batch_norm",
  "resize",
]);

/**
 * The order of the axes of an input of rank 4, by the first ops that read it as an image; undefined if none does, or if they differ. Only
 * ops that keep the shape may come before: an imported model moves its channels to the end before it computes with images.
 */
export function layoutOf(graph: Graph, input: Node): Layout | undefined {
  if (input.type.shape.length !== 4) return undefined;
  const found = new Set<Layout>();
  const seen = new Set<NodeId>([input.id]);
  // The loop also visits nodes that are added to the set in it.
  for (const id of seen) {
    const { type } = nodeOf(graph, id);
    for (const user of (users(graph).get(id) ?? []).map((one) => nodeOf(graph, one))) {
      if (takesImages.has(user.op)) found.add("nhwc");
      else if (movesChannels(user, type.shape)) found.add("nchw");
      else if (sameShape(user.type.shape, type.shape) && keepsPlaces(user)) seen.add(user.id);
    }
  }
  const [layout] = found;
  return found.size === 1 ? layout : undefined;
}

/** The values whose channels are axis 1: inputs, by what is said of their pictures or else by the ops that read them, and what is computed from them place by place. */
export function channelsFirst(graph: Graph): ReadonlySet<NodeId> {
  const found = new Set<NodeId>();
  for (const node of graph.nodes.values()) {
    const { id, op, name, type, inputs } = node;
    if (op === "input") {
      const layout = graph.pictures?.get(name)?.layout ?? layoutOf(graph, node);
      if (layout === "nchw" && type.shape.length === 4) found.add(id);
    } else if (
      keepsPlaces(node) &&
      inputs.some((one) => found.has(one) && sameShape(nodeOf(graph, one).type.shape, type.shape))
    )
      found.add(id);
  }
  return found;
}

/** Whether an op moves axis 1 to the end: a transpose, or a reshape where that axis has one extent. */
function movesChannels(node: Node, [n = 0, c = 0, h = 0, w = 0]: readonly number[]): boolean {
  if (node.op === "transpose") return node.attributes.perm.join() === "0,2,3,1";
  return node.op === "reshape" && c === 1 && sameShape(node.type.shape, [n, h, w, c]) && w !== 1;
}

/** Whether values stay where they are; a transpose may keep the shape of equal extents. */
function keepsPlaces({ op }: Node): boolean {
  return op !== "transpose" && op !== "reshape" && op !== "gather" && op !== "scatter";
}
