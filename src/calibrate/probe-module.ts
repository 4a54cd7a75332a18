// Cuts a module to chosen values: they become its outputs, and others may become its inputs.

import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";

/**
 * The module whose outputs are the values of nodes, under the nodes' names. Nodes of `from` become inputs. Everything that is not needed,
 * also inputs, is left out. The batch is 1, and nothing is fused, because a value within a kernel cannot be an output.
 */
export function probeModule(module: Module, values: readonly NodeId[], from: readonly NodeId[] = []): Module {
  const { graph } = module;
  const cut = new Set(from);
  const nodes = new Map<NodeId, Node>();
  const waiting = [...values];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (nodes.has(id)) continue;
    const node = cut.has(id) ? inputFor(graph, id) : withoutKernel(nodeOf(graph, id));
    nodes.set(id, node);
    for (const input of node.inputs) waiting.push(input);
  }
  const { batch: _, ...fixed } = graph;
  const outputs = [...new Set(values)].map((node) => ({ name: nodeOf(graph, node).name, node }));
  return { weights: module.weights, graph: { ...fixed, nodes, outputs, kernels: new Map() } };
}

function inputFor(graph: Graph, id: NodeId): Node {
  const { name, type, position, origin } = nodeOf(graph, id);
  return makeNode({ id, name, type, position, origin, op: "input", inputs: [], attributes: {} });
}

function withoutKernel(node: Node): Node {
  if (node.kernel === undefined) return node;
  const { kernel: _, ...rest } = node;
  return makeNode(rest);
}
