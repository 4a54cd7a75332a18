// Splits a convolution or dense layer whose weight is too large for one binding into several, by output channels.

import { produce } from "immer";
import { bug } from "#diagnostic/diagnostic.js";
import type { Fresh } from "#ir/fresh.js";
import { createFresh } from "#ir/fresh.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import { channels, elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import { constantNode } from "#rewrite/rule/replacement-builder.js";
import type { Pass } from "#rewrite/pipeline/pass.js";

type Product = NodeOf<"conv2d"> | NodeOf<"dense">;

/** The channels of a part are a multiple of one of these. Of 4, so that it is written in place as whole vecs; of 16, for full tiles too. */
const units = [16, 4];

export const cutWeights: Pass = {
  name: "cut-weights",
  doc: "Cuts convolutions and dense layers whose weight exceeds what the target can bind into several, by output channels.",
  run: (module, { target }) => {
    const { graph } = module;
    const limit = target.buffers?.bindingBytes ?? Number.POSITIVE_INFINITY;
    const fresh = createFresh(graph);
    const cut = [...graph.nodes.values()].flatMap((node) => {
      const widths = partsOf(graph, node, limit);
      return widths && isProduct(node) ? [{ node, nodes: cutNode(module, node, widths, fresh) }] : [];
    });
    if (cut.length === 0) return module;
    const replaced = new Set(cut.map(({ node }) => node.id));
    // Weights that only replaced nodes read are dead now. The store keeps their entries.
    const dead = cut
      .flatMap(({ node }) => node.inputs.slice(1))
      .filter((id) => !outputIds(graph).has(id))
      .filter(
        (id) =>
          users(graph)
            .get(id)
            ?.every((user) => replaced.has(user)) ?? false,
      );
    return {
      weights: module.weights,
      graph: produce(graph, (draft) => {
        for (const { nodes } of cut) for (const node of nodes) draft.nodes.set(node.id, node as never);
        for (const id of dead) draft.nodes.delete(id);
        draft.nextId = fresh.next;
      }),
    };
  },
};

function isProduct(node: Node): node is Product {
  return node.op === "dense" || (node.op === "conv2d" && node.attributes.groups === 1);
}

/** The channels of each part. Undefined if the node may stay whole, or if even the smallest part would exceed the limit. */
function partsOf(graph: Graph, node: Node, limit: number): number[] | undefined {
  if (!isProduct(node)) return undefined;
  const weight = graph.nodes.get(node.inputs[1] ?? -1);
  const bias = graph.nodes.get(node.inputs[2] ?? -1);
  if (weight?.op !== "constant" || bias?.op !== "constant") return undefined;
  const bytes = elements(weight.type.shape) * 4;
  if (bytes <= limit) return undefined;
  const count = channels(weight.type.shape);
  const fitting = Math.floor(limit / (bytes / count));
  const unit = units.find((one) => one <= fitting);
  if (unit === undefined) return undefined;
  const most = Math.floor(fitting / unit) * unit;
  // Parts of nearly equal size have similar kernels.
  const width = Math.ceil(count / Math.ceil(count / most) / unit) * unit;
  return Array.from({ length: Math.ceil(count / width) }, (_, part) => Math.min(width, count - part * width));
}

/** The nodes of the parts, and the concat of them, which takes the id and name of the replaced node. */
function cutNode(module: Module, node: Product, widths: readonly number[], fresh: Fresh): Node[] {
  const origin = { pass: "cut-weights", spans: node.origin.spans };
  const [x = -1, w = -1, b = -1] = node.inputs;
  const { position } = node;
  const made: Node[] = [];
  const add = (one: Node): NodeId => {
    made.push(one);
    return one.id;
  };
  const lead = node.type.shape.slice(0, -1);
  let first = 0;
  const parts = widths.map((width) => {
    const slice = (id: NodeId): NodeId => {
      const weight = sliceWeight(module, nodeOf(module.graph, id), first, width);
      const { type } = entryOf(module.weights, weight);
      return add(
        constantNode({ id: fresh.nextId(), name: fresh.unique(weight), position, type, origin }, weight),
      );
    };
    const inputs = [x, slice(w), slice(b)];
    first += width;
    return add(
      makeNode({
        id: fresh.nextId(),
        name: fresh.unique(`${node.name}.part`),
        op: node.op,
        inputs,
        attributes: { ...node.attributes },
        type: { dtype: node.type.dtype, shape: [...lead, width] },
        position,
        origin,
      }),
    );
  });
  add(
    makeNode({
      id: node.id,
      name: node.name,
      op: "concat",
      inputs: parts,
      attributes: { axis: -1 },
      type: node.type,
      position,
      origin,
    }),
  );
  return made;
}

/** `width` channels of a constant from `first` on, as an expression over its entry. A part of an absent weight is absent. */
function sliceWeight({ weights }: Module, node: Node, first: number, width: number): string {
  if (node.op !== "constant") return bug(`${node.name} is not a constant`);
  const { dtype, shape } = node.type;
  const type = { dtype, shape: [...shape.slice(0, -1), width] };
  const { weight } = node.attributes;
  if (entryOf(weights, weight).source.kind === "absent")
    return weights.add(node.name, type, { kind: "absent" });
  const begin = shape.map((_, axis) => (axis === shape.length - 1 ? first : 0));
  return weights.add(`${weight}.part`, type, {
    kind: "expression",
    op: "slice",
    attributes: { begin, size: type.shape, stride: shape.map(() => 1) },
    inputs: [weight],
  });
}
