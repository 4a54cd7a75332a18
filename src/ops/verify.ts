// The constraints that a graph satisfies between any two passes. Each has a label, which tests and messages quote.

import { expectModule } from "#diagnostic/argument.js";
import type { Graph, Node, NodeId, WeightId } from "#ir/graph.js";
import { groupsOf, nodesByKernel, outputIds, users } from "#ir/node-order.js";
import type { TensorType } from "#ir/type.js";
import { printType, sameType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { batchProblem } from "./batch.js";
import { inferType, isOp, normalizeAttributes, opOf } from "./index.js";
import { isProblem } from "./op.js";
import { attributeProblems } from "./verify-attributes.js";
import { formProblems } from "./verify-form.js";
import { weightProblem } from "./verify-weights.js";
import { wrongExtents } from "./window.js";

/** The constraints by label, in the order in which they are checked. */
export const constraints = {
  form: "a module has all parts, each of its kind",
  ids: "the key of a node is its id, and all ids are below `nextId`",
  operands: "operands are nodes of the graph, as many as the op takes",
  acyclic: "no node reads itself, directly or through others",
  names: "names of nodes are unique, and so are names of outputs",
  outputs: "the graph has an output, and outputs are nodes of the graph",
  types: "extents are whole numbers from 1 up, and types are those of `infer`",
  attributes: "attributes are those of the op, each of its kind, in normal form",
  weights:
    "the store has the entry of a constant and all entries from which it is computed, and the entry has the constant's type",
  kernels: "kernels have labels and members that compute",
  "one result": "one node of a kernel is used outside it or is an output",
  convex: "no path leaves a kernel and comes back, and kernels do not wait for each other",
  batch:
    "with an open batch, inputs and outputs have it in axis 0, except outputs that are given `once`, and no op mixes its samples",
} as const;

export type Constraint = keyof typeof constraints;

/**
 * The violated constraints of a module, each as `label: where and what`; empty if the module is valid. A constraint is checked
 * only if the graph satisfies those that it needs.
 */
export function verify(module: Module): string[] {
  expectModule("verifyModule", module);
  const { graph } = module;
  const found: string[] = [];
  const report = (label: Constraint, message: string): void => void found.push(`${label}: ${message}`);
  for (const problem of formProblems(module)) report("form", problem);
  if (found.length > 0) return found;
  checkIds(graph, report);
  checkNames(graph, report);
  checkOutputs(graph, report);
  if (found.length > 0) return found;
  const order = sorted(graph);
  if (!order) {
    report("acyclic", `graph ${graph.name} has a cycle`);
    return found;
  }
  const sound = new Set<WeightId>();
  for (const node of order) checkNode(module, node, sound, report);
  checkKernels(graph, report);
  if (found.length === 0 && graph.batch !== undefined) checkBatch(graph, graph.batch, order, report);
  return found;
}

type Report = (label: Constraint, message: string) => void;

function checkIds(graph: Graph, report: Report): void {
  for (const [id, node] of graph.nodes) {
    if (node.id !== id) report("ids", `${node.name} has id ${node.id}, but its key is ${id}`);
    if (id >= graph.nextId) report("ids", `${node.name} has id ${id}, which is not below nextId`);
    if (!isOp(node.op)) {
      report("operands", `${(node as Node).name} has the unknown op ${String((node as Node).op)}`);
      continue;
    }
    for (const input of node.inputs)
      if (!graph.nodes.has(input))
        report("operands", `${node.name} reads node ${input}, which does not exist`);
    const table = opOf(node.op).operands;
    const fits = table.at(-1)?.variadic
      ? node.inputs.length >= table.length
      : node.inputs.length === table.length;
    if (!fits)
      report(
        "operands",
        `${node.name} has ${node.inputs.length} operands, but ${node.op} takes ${table.length}`,
      );
  }
}

function checkNames(graph: Graph, report: Report): void {
  const seen = new Set<string>();
  for (const { name } of graph.nodes.values()) {
    if (seen.has(name)) report("names", `two nodes are named ${name}`);
    if (name === "") report("names", "a node has an empty name");
    seen.add(name);
  }
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    if (outputs.has(name)) report("names", `two outputs are named ${name}`);
    outputs.add(name);
  }
}

function checkOutputs(graph: Graph, report: Report): void {
  if (graph.outputs.length === 0) report("outputs", `graph ${graph.name} has no output`);
  for (const { name, node } of graph.outputs)
    if (!graph.nodes.has(node)) report("outputs", `output ${name} is node ${node}, which does not exist`);
}

function checkNode(module: Module, node: Node, sound: Set<WeightId>, report: Report): void {
  const { shape } = node.type;
  const wrong = wrongExtents(shape, node.name);
  if (wrong !== undefined) {
    report("types", wrong);
    return;
  }
  const misfits = attributeProblems(node.op, node.attributes);
  for (const misfit of misfits) report("attributes", `${node.name} ${misfit}`);
  if (misfits.length > 0) return;
  if (node.op === "input") return;
  if (node.op === "constant") {
    const { weight } = node.attributes;
    const problem = weightProblem(module.weights, weight, sound);
    const entry = module.weights.entries.get(weight);
    if (problem !== undefined) report("weights", `${node.name} has the weight ${weight}, ${problem}`);
    else if (entry && !sameType(entry.type, node.type))
      report("weights", `${node.name} is ${printType(node.type)}, but its weight ${printType(entry.type)}`);
    return;
  }
  const types = typesOf(module.graph, node);
  const type = inferType(node.op, types, node.attributes);
  if (isProblem(type)) {
    report("types", `${node.name}: ${node.op}: ${type.problem}`);
    return;
  }
  if (!sameType(type, node.type))
    report("types", `${node.name} is declared as ${printType(node.type)}, but is ${printType(type)}`);
  const normal = normalizeAttributes(node.op, types, node.attributes);
  if (isProblem(normal)) report("attributes", `${node.name}: ${node.op}: ${normal.problem}`);
  else if (JSON.stringify(sortedEntries(normal)) !== JSON.stringify(sortedEntries(node.attributes)))
    report(
      "attributes",
      `${node.name} has ${JSON.stringify(node.attributes)}, in normal form ${JSON.stringify(normal)}`,
    );
}

/** The nodes with operands before users, or undefined if the graph has a cycle (`topological` would throw). */
function sorted(graph: Graph): readonly Node[] | undefined {
  return order([...graph.nodes.values()], (node) => node.inputs.flatMap((id) => graph.nodes.get(id) ?? []));
}

/** The items, each after those that it reads (Kahn 1962); undefined if they have a cycle. */
function order<T>(items: readonly T[], reads: (item: T) => readonly T[]): T[] | undefined {
  const waiting = new Map<T, number>();
  const readers = new Map<T, T[]>();
  for (const item of items) {
    const others = new Set(reads(item));
    waiting.set(item, others.size);
    for (const other of others) {
      const list = readers.get(other);
      if (list) list.push(item);
      else readers.set(other, [item]);
    }
  }
  const result = items.filter((item) => waiting.get(item) === 0);
  for (let at = 0; at < result.length; at += 1) {
    for (const reader of readers.get(result[at] as T) ?? []) {
      const left = (waiting.get(reader) ?? 0) - 1;
      waiting.set(reader, left);
      if (left === 0) result.push(reader);
    }
  }
  return result.length === items.length ? result : undefined;
}

function checkKernels(graph: Graph, report: Report): void {
  const groups = nodesByKernel(graph.nodes.values());
  const members = groupsOf(graph.nodes.values());
  for (const node of graph.nodes.values()) {
    if (node.kernel === undefined) continue;
    if (node.op === "input" || node.op === "constant")
      report(
        "kernels",
        `${node.name} is a${node.op === "input" ? "n input" : " constant"}, but is in kernel ${node.kernel}`,
      );
    if (!graph.kernels.has(node.kernel))
      report("kernels", `${node.name} is in kernel ${node.kernel}, which has no label`);
  }
  for (const [kernel, nodes] of groups) {
    const results = nodes.filter((node) => isResult(graph, kernel, node)).map((node) => node.name);
    if (results.length !== 1) report("one result", `${kernel} has ${results.join(", ") || "none"}`);
  }
  const headOf = (node: Node): Node => members(node)[0] ?? node;
  const heads = [...new Set([...graph.nodes.values()].map(headOf))];
  const reads = (head: Node): Node[] =>
    members(head)
      .flatMap((node) => node.inputs.flatMap((id) => graph.nodes.get(id) ?? []))
      .map(headOf)
      .filter((other) => other !== head);
  if (order(heads, reads)) return;
  const torn = [...groups].filter(([, nodes]) => !isConvex(graph, nodes)).map(([kernel]) => kernel);
  report(
    "convex",
    torn.length > 0 ? `a path leaves ${torn.join(", ")} and comes back` : "kernels wait for each other",
  );
}

function isResult(graph: Graph, kernel: string, node: Node): boolean {
  const uses = users(graph).get(node.id) ?? [];
  return outputIds(graph).has(node.id) || uses.some((id) => graph.nodes.get(id)?.kernel !== kernel);
}

/** Whether no path from a node of the group through one outside comes back to it. */
function isConvex(graph: Graph, nodes: readonly Node[]): boolean {
  const inside = new Set(nodes.map((node) => node.id));
  const outside = (id: NodeId): NodeId[] => (users(graph).get(id) ?? []).filter((user) => !inside.has(user));
  const seen = new Set<NodeId>(nodes.flatMap((node) => outside(node.id)));
  // The loop also visits elements that are added to the set in it.
  for (const id of seen) {
    if ((users(graph).get(id) ?? []).some((user) => inside.has(user))) return false;
    for (const user of outside(id)) seen.add(user);
  }
  return true;
}

function checkBatch(graph: Graph, batch: string, nodes: readonly Node[], report: Report): void {
  const batched = new Set<NodeId>();
  for (const node of nodes) {
    if (node.op === "input") {
      if (node.type.shape[0] !== 1)
        report("batch", `input ${node.name} is ${printType(node.type)}, without ${batch}`);
      batched.add(node.id);
      continue;
    }
    const carries = node.inputs.map((id) => batched.has(id));
    if (!carries.includes(true)) continue;
    batched.add(node.id);
    const problem = batchProblem(node.op, typesOf(graph, node), node.attributes, node.type, carries);
    if (problem !== undefined) report("batch", `${node.name}: ${node.op} ${problem} ${batch}`);
  }
  for (const { name, node, once } of graph.outputs) {
    const isBatched = batched.has(node);
    if (once && isBatched) report("batch", `output ${name} is given once, but depends on ${batch}`);
    if (!once && !isBatched && graph.nodes.get(node)?.type.shape[0] !== 1)
      report("batch", `output ${name} does not depend on ${batch}`);
  }
}

function typesOf(graph: Graph, node: Node): TensorType[] {
  return node.inputs.flatMap((id) => graph.nodes.get(id)?.type ?? []);
}

function sortedEntries(values: object): [string, unknown][] {
  return Object.entries(values)
    .map(([key, value]): [string, unknown] => [key, printable(value)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** A value as JSON, which lacks ∞ and NaN. */
function printable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(printable);
  return typeof value === "number" ? String(value) : value;
}
