// What of a graph its outputs depend on, in the order of computation.

import { circle, dependencyOrder } from "#import/dependency-order.js";
import { quote } from "#import/refusal.js";
import type { GraphProto, NodeProto } from "#onnx/proto/onnx_pb.js";

/** The nodes that outputs depend on, each after those that it reads of, and every name that one of them or an output reads. */
export interface Reached {
  readonly nodes: readonly NodeProto[];
  readonly used: ReadonlySet<string>;
}

/**
 * Walks from the outputs to the inputs; nodes keep the order of the file as far as they can. Two nodes that make the same name, and
 * nodes that need their own results are an error, as a text.
 */
export function reach(graph: GraphProto, outputs: readonly string[]): Reached | string {
  const makers = new Map<string, NodeProto>();
  const given = new Set([...graph.input, ...graph.initializer].map(({ name }) => name));
  for (const node of graph.node) {
    for (const name of node.output) {
      if (name === "") continue;
      if (makers.has(name)) return `two nodes make ${quote(name)}`;
      if (given.has(name)) return `${quote(name)} is made by a node, and is an input or a weight too`;
      makers.set(name, node);
    }
  }
  const used = new Set(outputs);
  const reads = new Map<NodeProto, readonly NodeProto[]>();
  // A set may grow while it is walked, and then the new names are walked too.
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

/** What a node reads of the graph that it stands in or those around: its operands, and what its graphs do not make themselves. */
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
