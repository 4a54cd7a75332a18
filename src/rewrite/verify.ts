// What holds of a graph between any two passes.

import { InternalError } from "#diagnostic/diagnostic.js";
import type { Graph, Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/order.js";
import { printType, sameType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { inferType, isOp, normalizeAttributes } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { sameValue } from "./match.js";
import type { Attributes } from "./rule.js";

/**
 * Everything that is wrong with a module; empty for a sound one. A graph is sound if it has no cycle, every id that is
 * referred to exists, names are unique and ids unused from `nextId` on, every type is what the op infers, attributes are
 * in normal form, constants have weights of their type, and kernels have labels.
 */
export function verify(module: Module): string[] {
  const { graph } = module;
  const problems = [...graph.nodes].flatMap(([id, node]) => checkEdges(graph, id, node));
  for (const { name, node } of graph.outputs) {
    if (!graph.nodes.has(node)) problems.push(`output ${name} has no node ${node}`);
  }
  if (problems.length > 0) return problems;
  try {
    topological(graph);
  } catch (thrown) {
    if (thrown instanceof InternalError) return [thrown.message];
    throw thrown;
  }
  const seen = new Set<string>();
  for (const node of graph.nodes.values()) {
    if (seen.has(node.name)) problems.push(`two nodes are named ${node.name}`);
    seen.add(node.name);
    problems.push(...checkType(module, node));
  }
  return problems;
}

function checkEdges(graph: Graph, id: number, node: Node): string[] {
  const problems: string[] = [];
  if (node.id !== id) problems.push(`${node.name} has id ${node.id} but stands under ${id}`);
  if (id >= graph.nextId) problems.push(`${node.name} has id ${id}, which counts as unused`);
  for (const input of node.inputs) {
    if (!graph.nodes.has(input)) problems.push(`${node.name} reads node ${input}, which does not exist`);
  }
  if (node.kernel !== undefined && !graph.kernels.has(node.kernel))
    problems.push(`${node.name} is in kernel ${node.kernel}, which has no label`);
  return problems;
}

function checkType({ graph, weights }: Module, node: Node): string[] {
  if (!isOp(node.op)) return [`${node.name} has the unknown op ${String((node as Node).op)}`];
  if (node.op === "input") return [];
  if (node.op === "constant") {
    const entry = weights.entries.get(node.attributes.weight);
    if (!entry) return [`${node.name} has no weight ${node.attributes.weight}`];
    return sameType(entry.type, node.type)
      ? []
      : [`${node.name} is ${printType(node.type)}, but its weight is ${printType(entry.type)}`];
  }
  const types = node.inputs.map((input) => nodeOf(graph, input).type);
  const type = inferType(node.op, types, node.attributes);
  if (isProblem(type)) return [`${node.name}: ${type.problem}`];
  if (!sameType(type, node.type))
    return [`${node.name} is said to be ${printType(node.type)}, but is ${printType(type)}`];
  const normal = normalizeAttributes(node.op, types, node.attributes as never);
  if (isProblem(normal)) return [`${node.name}: ${normal.problem}`];
  return Object.entries(node.attributes as Attributes)
    .filter(([key, value]) => !sameValue((normal as Attributes)[key] ?? "", value))
    .map(([key]) => `${node.name}: attribute ${key} is not in normal form`);
}
