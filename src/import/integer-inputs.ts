// Inputs of integers keep their type, so that pictures stay pixels from 0 to 255 and other numbers are checked. What a model computes of them
// as floats reads them through `dequantize` with the scale 1.

import { createFresh } from "#ir/fresh.js";
import type { Node, NodeId } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { IntegerType, TensorType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import type { ElementType } from "./element-type.js";

/** The element types of integers that graphs have, by the names of models. */
export const integerTypes: Readonly<Record<string, IntegerType>> = {
  uint8: "u8",
  int8: "i8",
  int16: "i16",
  int32: "i32",
};

/** Those of inputs: an unsigned type whose numbers a wider one holds is that. */
const inputTypes: Readonly<Record<string, IntegerType>> = { ...integerTypes, uint16: "i32" };

/** The module whose inputs have the element types of the model, as far as graphs have them. `types` are those of inputs, by node. */
export function withIntegerInputs(module: Module, types: ReadonlyMap<NodeId, ElementType>): Module {
  const { graph, weights } = module;
  const fresh = createFresh(graph);
  const nodes = new Map(graph.nodes);
  const reals = new Map<NodeId, NodeId>();
  const add = (
    near: Node,
    parts: Pick<Node, "op" | "name" | "inputs" | "type"> & { attributes: object },
  ): NodeId => {
    const id = fresh.nextId();
    const { position } = near;
    const origin = { ...near.origin, pass: "import" };
    nodes.set(id, makeNode({ ...parts, id, name: fresh.unique(parts.name), position, origin } as never));
    return id;
  };
  for (const [id, { name: own }] of types) {
    const node = nodes.get(id);
    const dtype = inputTypes[own];
    if (!node || dtype === undefined) continue;
    const { name, type } = node;
    nodes.set(id, makeNode({ ...node, type: { ...type, dtype } }));
    if (!users(graph).has(id)) continue;
    const scalar: TensorType = { dtype: "f32", shape: [] };
    const weight = weights.add(`${name}.one`, scalar, { kind: "literal", data: Float32Array.of(1) });
    const one = add(node, {
      op: "constant",
      name: `${name}.one`,
      inputs: [],
      type: scalar,
      attributes: { weight },
    });
    const real = {
      op: "dequantize",
      name: `${name}.real`,
      inputs: [id, one],
      type,
      attributes: { zero: 0 },
    } as const;
    reals.set(id, add(node, real));
  }
  if (nodes.size === graph.nodes.size && [...nodes].every(([id, node]) => graph.nodes.get(id) === node))
    return module;
  for (const [id, node] of graph.nodes)
    if (node.inputs.some((input) => reals.has(input)))
      nodes.set(id, makeNode({ ...node, inputs: node.inputs.map((input) => reals.get(input) ?? input) }));
  return { weights, graph: { ...graph, nodes, nextId: fresh.next } };
}
