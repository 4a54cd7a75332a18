// A case: a module and inputs for it, and the parts into which it can be cut.

import { bug } from "#diagnostic/diagnostic.js";
import { interpretAll } from "#interpret/interpret.js";
import type { Graph, KernelId, Node, NodeId, Output } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { batchedNodes, topological, users } from "#ir/node-order.js";
import type { Tensor } from "#ir/tensor.js";
import { tensor } from "#ir/tensor.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";

/** A module, and values for its inputs. */
export interface Case {
  readonly module: Module;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** The value of each node of a case, in f32. */
export type CaseValues = (id: NodeId) => Tensor;

/** The values of a case, which are computed once if one is needed. */
export function valuesOf({ module, inputs }: Case): CaseValues {
  let values: ReadonlyMap<NodeId, Tensor> | undefined;
  return (id) => {
    values ??= interpretAll(module, inputs);
    const { shape, data } = values.get(id) ?? bug(`node ${id} has no value`);
    return { shape, data: Float64Array.from(data, Math.fround) };
  };
}

/** Values for cases in which they do not matter. */
export function zerosOf({ module }: Case): CaseValues {
  return (id) => tensor(nodeOf(module.graph, id).type.shape);
}

/** The nodes of a graph that compute something, in order. */
export function computedNodes(graph: Graph): Node[] {
  return topological(graph).filter(({ op }) => op !== "input" && op !== "constant");
}

/**
 * The part of a case that computes only the nodes `kept`. What they read of others becomes an input, with the value that it has. The outputs
 * are the nodes of `outputs`, or by default those kept nodes that were outputs, or whose values others read.
 */
export function partOf(
  { module, inputs }: Case,
  kept: ReadonlySet<NodeId>,
  values: CaseValues,
  outputs: readonly NodeId[] = openNodes(module.graph, kept),
): Case {
  const { graph } = module;
  const nodes = new Map<NodeId, Node>();
  const given = new Map<string, Tensor>();
  const waiting = [...outputs];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (nodes.has(id)) continue;
    const node = nodeOf(graph, id);
    const isCut = node.op !== "constant" && !kept.has(id);
    nodes.set(id, isCut ? inputFor(node) : node);
    if (isCut) given.set(node.name, (node.op === "input" ? inputs.get(node.name) : undefined) ?? values(id));
    else for (const input of node.inputs) waiting.push(input);
  }
  return { module: { graph: withNodes(graph, nodes, outputs), weights: module.weights }, inputs: given };
}

/** The graph with these nodes and outputs alone. The batch stays open if all inputs have it. */
function withNodes(graph: Graph, nodes: ReadonlyMap<NodeId, Node>, outputs: readonly NodeId[]): Graph {
  const batched = batchedNodes(graph);
  const isOpen =
    graph.batch !== undefined && [...nodes.values()].every(({ op, id }) => op !== "input" || batched.has(id));
  const used = new Set<KernelId | undefined>([...nodes.values()].map(({ kernel }) => kernel));
  const { batch, pictures: _, labels: __, ...rest } = graph;
  const fixed: Graph = {
    ...rest,
    nodes,
    outputs: namedOutputs(graph, outputs),
    kernels: new Map([...graph.kernels].filter(([kernel]) => used.has(kernel))),
  };
  if (!isOpen || batch === undefined) return withoutOnce(fixed);
  const open: Graph = { ...fixed, batch };
  const still = batchedNodes(open);
  return {
    ...open,
    outputs: open.outputs.map(({ name, node }) =>
      still.has(node) ? { name, node } : { name, node, once: true },
    ),
  };
}

function withoutOnce(graph: Graph): Graph {
  return { ...graph, outputs: graph.outputs.map(({ name, node }) => ({ name, node })) };
}

/** Outputs for nodes: under the names that they had as outputs, or their own. */
function namedOutputs(graph: Graph, ids: readonly NodeId[]): Output[] {
  const names = new Map(graph.outputs.map(({ name, node }) => [node, name]));
  const taken = new Set(ids.flatMap((id) => names.get(id) ?? []));
  return ids.map((node) => {
    const known = names.get(node);
    if (known !== undefined) return { name: known, node };
    const own = nodeOf(graph, node).name;
    let name = own;
    for (let count = 2; taken.has(name); count += 1) name = `${own}.${count}`;
    taken.add(name);
    return { name, node };
  });
}

function inputFor({ id, name, type, position, origin }: Node): Node {
  return makeNode({ id, name, type, position, origin, op: "input", inputs: [], attributes: {} });
}

/** The kept nodes that were outputs, that others read, or that nothing reads. */
function openNodes(graph: Graph, kept: ReadonlySet<NodeId>): NodeId[] {
  const outputs = new Set(graph.outputs.map(({ node }) => node));
  return [...kept].filter((id) => {
    const readers = users(graph).get(id) ?? [];
    return outputs.has(id) || readers.length === 0 || readers.some((reader) => !kept.has(reader));
  });
}
