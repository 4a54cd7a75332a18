// The reference meaning of a graph: every node evaluated in float64, slow and plain.

import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological, users } from "#ir/order.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { elements } from "#ir/type.js";
import { evalNode } from "#ops/index.js";

/**
 * The outputs by name, for inputs by name of exactly the graph's shapes (1 for an open batch). Values are dropped after
 * their last use. `visit` sees every node's value. Throws `RangeError` if an input is missing or has another length.
 */
export function interpret(
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  visit?: (id: NodeId, value: Tensor) => void,
): Map<string, Tensor> {
  const { graph, weights } = module;
  const values = new Map<NodeId, Tensor>();
  const left = new Map([...users(graph)].map(([id, uses]) => [id, uses.length]));
  for (const output of graph.outputs) left.set(output.node, Number.POSITIVE_INFINITY);
  for (const node of topological(graph)) {
    const operands = node.inputs.map(
      (id) => values.get(id) ?? bug(`${node.name} reads a value that is gone`),
    );
    let value: Tensor;
    if (node.op === "input") value = inputOf(inputs, node.name, node.type.shape);
    else if (node.op === "constant") value = weights.read(node.attributes.weight);
    else value = evalNode(node, operands);
    visit?.(node.id, value);
    if ((left.get(node.id) ?? 0) > 0) values.set(node.id, value);
    for (const id of new Set(node.inputs)) {
      const rest = (left.get(id) ?? 0) - 1;
      left.set(id, rest);
      if (rest === 0) values.delete(id);
    }
  }
  return new Map(
    graph.outputs.map((output) => [
      output.name,
      values.get(output.node) ?? bug(`no value for output ${nodeOf(graph, output.node).name}`),
    ]),
  );
}

function inputOf(inputs: ReadonlyMap<string, Tensor>, name: string, shape: readonly number[]): Tensor {
  const value = inputs.get(name);
  if (!value) throw new RangeError(`input ${name} is missing`);
  if (value.data.length !== elements(shape)) {
    throw new RangeError(
      `input ${name} has ${value.data.length} elements, but [${shape.join(", ")}] has ${elements(shape)}`,
    );
  }
  return { shape, data: value.data };
}
