// The nodes and names of a graph that its outputs depend on, in the order of computation.

import { circle, dependencyOrder } from "#import/dependency-order.js";
import { quote } from "#import/refusal.js";
import type { GraphProto, NodeProto } from "#onnx/proto/onnx_pb.js";

/** The nodes that outputs depend on, each after those that it reads from, and every name that one of them or an output reads. */
export interface Reached {
  readonly nodes: readonly NodeProto[];
  readonly used: ReadonlySet<string>;
}

/**
 * Walks from the outputs to the inputs; nodes keep the order of the file as far as possible. A string reports two nodes that make the same
 * name, or nodes that need their own results.
 */
export function reach(graph: GraphProto, outputs: readonly string[]): Reached | string {
  const makers = new Map<string, NodeProto>();
  const given = new Set([...graph.input, ...graph.initializer].map(({ name }) => name));
  for (const node of graph.node) {
    for (const name of node.output) {
      if (name === "") continue;
      if (makers.has(name)) return `two nodes make ${quote(name)}`;
      if (given.has(name)) return `${quote(name)} is made by a node, but is an input or a weight too`;
      makers.set(name, node);
    }
  }
  const used = new Set(outputs);
  const reads = new Map<NodeProto, readonly NodeProto[]>();
  // Iterating over a set also visits the names added during the iteration.
  for (const name of used) {
    const maker = makers.get(name);
    if (!maker || reads.has(maker)) continue;
    const names = namesRead(maker);
    reads.set(maker, [...new Set(names.flatMap((read) => makers.get(read) ?? []))]);
    for (const read of names) used.add(read);
  }
  try {
    const nodes = dependencyOrder(
      graph.node.filter((node) => reads.has(node)),
      { key: (node) => node, needs: (node) => reads.get(node) ?? [], cycle: foundCycle },
    );
    return { nodes, used };
  } catch (cause) {
    if (cause instanceof Cycle) return cause.message;
    throw cause;
  }
}

class Cycle extends Error {}

function foundCycle(nodes: readonly NodeProto[]): never {
  const names = nodes.map((node) => node.name || (node.output.find((name) => name !== "") ?? ""));
  throw new Cycle(circle(names, "node"));
}

/** The names that a node reads from its own graph or the graphs around it: its operands, and what its subgraphs read but do not make. */
export function namesRead(node: NodeProto): string[] {
  return [...node.input.filter((name) => name !== ""), ...subgraphs(node).flatMap(freeNames)];
}

function freeNames(graph: GraphProto): string[] {
  const own = new Set(
    [...graph.input, ...graph.initializer]
      .map(({ name }) => name)
      .concat(graph.node.flatMap(({ output }) => output)),
  );
  const read = [...graph.node.flatMap(namesRead), ...graph.output.map(({ name }) => name)];
  return [...new Set(read)].filter((name) => !own.has(name));
}

function subgraphs(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));
}
