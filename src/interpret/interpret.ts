// The reference interpreter: evaluates every node of a graph in float64, simple and slow.

import { expectMap, expectModule } from "#diagnostic/argument.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological, users } from "#ir/node-order.js";
import type { Tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { elements } from "#ir/type.js";
import { evalNode } from "#ops/index.js";

/**
 * The outputs by name, for inputs by name of exactly the graph's shapes (1 for an open batch). Values are dropped after
 * their last use. `visit` is called with every node's value. Throws `RangeError` if an input is missing or has another length.
 */
export function interpret(
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  visit?: (id: NodeId, value: Tensor) => void,
): Map<string, Tensor> {
  expectModule("interpret", module);
  expectMap("interpret", "the inputs by name, as a Map", inputs);
  const { graph, weights } = module;
  return walk(graph, (node, operands: readonly Tensor[]) => {
    let value: Tensor;
    if (node.op === "input") value = inputOf(inputs, node.name, node.type.shape);
    else if (node.op === "constant") value = weights.read(node.attributes.weight);
    else value = evalNode(node, operands);
    visit?.(node.id, value);
    return value;
  });
}

/** The outputs by name, where `evaluate` computes a node's value from the values of its operands. Values are dropped after their last use. */
export function walk<T>(graph: Graph, evaluate: (node: Node, operands: readonly T[]) => T): Map<string, T> {
  const values = new Map<NodeId, T>();
  const left = new Map([...users(graph)].map(([id, uses]) => [id, uses.length]));
  for (const output of graph.outputs) left.set(output.node, Number.POSITIVE_INFINITY);
  for (const node of topological(graph)) {
    const operands = node.inputs.map(
      (id) => values.get(id) ?? bug(`${node.name} reads a value that is gone`),
    );
    const value = evaluate(node, operands);
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

/** The values of all nodes, for calibration and for finding where two graphs start to differ. All values stay in memory. */
export function interpretAll(module: Module, inputs: ReadonlyMap<string, Tensor>): Map<NodeId, Tensor> {
  const values = new Map<NodeId, Tensor>();
  interpret(module, inputs, (id, value) => values.set(id, value));
  return values;
}

/**
 * The outputs for `batch` samples of a graph with an open batch: inputs and outputs have that extent along axis 0, and each
 * sample is evaluated separately, as in the emitted module. Outputs that do not depend on the inputs are given once.
 */
export function interpretBatch(
  module: Module,
  inputs: ReadonlyMap<string, Tensor>,
  batch: number,
): Map<string, Tensor> {
  const samples = Array.from({ length: batch }, (_, sample) =>
    interpret(module, new Map([...inputs].map(([name, value]) => [name, sampleOf(value, sample, batch)]))),
  );
  return new Map(
    module.graph.outputs.map(({ name, once }) => {
      const parts = samples.map((outputs) => outputs.get(name) ?? bug(`no output ${name}`));
      const [first] = parts;
      if (once && first) return [name, first];
      const length = first?.data.length ?? 0;
      const data = new Float64Array(batch * length);
      for (const [sample, part] of parts.entries()) data.set(part.data, sample * length);
      return [name, { shape: [batch, ...(first?.shape.slice(1) ?? [])], data }];
    }),
  );
}

function sampleOf({ shape, data }: Tensor, sample: number, batch: number): Tensor {
  const length = data.length / batch;
  return { shape: [1, ...shape.slice(1)], data: data.subarray(sample * length, (sample + 1) * length) };
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
