// Moves the weights of a module into one new weight file, under the names of its constants.

import type { Node, NodeId, WeightId } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module, WeightSource, WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import { ownForm } from "./compact.js";
import { createWeightStore } from "./store.js";
import type { TensorToWrite } from "./write-safetensors.js";

/** The element types of files by those of graphs. */
const fileTypes = { f32: "F32", i8: "I8", u8: "U8", i16: "I16", i32: "I32" } as const;

/** Most elements of a weight that stays in the text as a literal. */
const inText = 16;

/**
 * The module with every larger weight as an entry of `file` under its constant's name, and the entries to write.
 * Weights are computed when they are written, one after another; the values of one are valid until the next one is requested.
 */
export function ownFile(
  { graph, weights }: Module,
  file: string,
): { readonly module: Module; readonly tensors: readonly TensorToWrite[] } {
  const store = createWeightStore();
  const nodes = new Map<NodeId, Node>();
  const written = new Map<string, WeightId>();
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
    if (!isShort) written.set(node.name, weight);
  }
  return { module: { graph: { ...graph, nodes }, weights: store }, tensors: tensorsOf(weights, written) };
}

/** Entries of a store as tensors of a file, by their keys. Each is computed when it is written, into the same memory. */
export function tensorsOf(weights: WeightStore, written: ReadonlyMap<string, WeightId>): TensorToWrite[] {
  let memory = new Float32Array();
  return [...written].map(([name, id]) => {
    const { shape, dtype } = entryOf(weights, id).type;
    const count = elements(shape);
    return {
      name,
      shape,
      dtype: isHalves(weights, id) ? "F16" : fileTypes[dtype],
      values: () => {
        if (memory.length < count) memory = new Float32Array(count);
        return weights.readF32(id, memory);
      },
    };
  });
}

/** Whether a file stores a weight as halves, so that nothing is lost if it is written so again. */
function isHalves(weights: WeightStore, id: WeightId): boolean {
  const form = ownForm(weights, id);
  return form !== undefined && !("why" in form) && form.codes === "float16" && !form.factors;
}
