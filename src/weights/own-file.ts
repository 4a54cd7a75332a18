// Weights in a file of their own: what a graph was imported with becomes tensors under the names of its constants.

import type { Node, NodeId, WeightId } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module, WeightSource } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import { createWeightStore } from "./store.js";
import type { TensorToWrite } from "./write-safetensors.js";

/** Most elements of a literal that stays in the text. */
const inText = 16;

/**
 * The module with every larger weight as an entry of `file` under its constant's name, and these entries to be written.
 * Weights are computed when they are written, one after another; the values of one are gone when the next one's are asked for.
 */
export function ownFile(
  { graph, weights }: Module,
  file: string,
): { readonly module: Module; readonly tensors: readonly TensorToWrite[] } {
  const store = createWeightStore();
  const tensors: TensorToWrite[] = [];
  const nodes = new Map<NodeId, Node>();
  let memory = new Float32Array();
  /** The values, in memory that the next weight takes again. */
  const values = (weight: WeightId, count: number): Float32Array => {
    if (memory.length < count) memory = new Float32Array(count);
    return weights.readF32(weight, memory);
  };
  for (const node of graph.nodes.values()) {
    if (node.op !== "constant") {
      nodes.set(node.id, node);
      continue;
    }
    const { weight } = node.attributes;
    const { source, type } = entryOf(weights, weight);
    const isShort =
      source.kind === "absent" ||
      source.kind === "seeded" ||
      (source.kind === "literal" && elements(type.shape) <= inText);
    const kept: WeightSource = isShort
      ? source
      : { kind: "file", file, key: node.name, read: (into) => weights.readF32(weight, into) };
    const id: WeightId = store.add(node.name, type, kept);
    nodes.set(node.id, makeNode({ ...node, attributes: { weight: id } }));
    if (!isShort)
      tensors.push({
        name: node.name,
        shape: type.shape,
        values: () => values(weight, elements(type.shape)),
      });
  }
  return { module: { graph: { ...graph, nodes }, weights: store }, tensors };
}
