// Edits a graph: adds nodes whose types follow from their operands, and lets readers of a value read another one. For passes of callers.

import { castDraft, produce } from "immer";
import { expectArgument, expectList, expectModule, expectText, hasProperties } from "#diagnostic/argument.js";
import { given } from "#diagnostic/given.js";
import { createFresh } from "#ir/fresh.js";
import type { AttributeValue, Graph, KernelId, Node, NodeId, OpAttributes, OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import type { Module, WeightSource } from "#ir/weights.js";
import { inferType, isOp, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import type { Problem } from "#ops/op.js";
import { isProblem } from "#ops/op.js";

/** What an edit may do to a graph. `site` is the node in whose place a new node stands: it gives its position, origin and kernel. */
export interface GraphEditor {
  /** A node of the graph, or a new one, with its new operands. */
  node(id: NodeId): Node;
  /**
   * A new node. Its type follows from the operands; omitted optional operands are zeros, and omitted attributes have their defaults.
   * Throws a `TypeError` with the reason if operands or attributes do not fit the op.
   */
  add<O extends OpName>(
    site: Node,
    op: O,
    operands: readonly NodeId[],
    attributes?: Partial<OpAttributes[O]>,
  ): NodeId;
  /** A new constant: a number, or a tensor, rounded to f32. */
  constant(site: Node, value: number | Tensor): NodeId;
  /**
   * Lets all readers of a value read another one, and outputs of the net give it. Nodes that this edit made do not count as readers, so that
   * `replace(x, add(node, "relu", [x]))` puts a node behind x.
   */
  replace(value: NodeId, by: NodeId): void;
}

/**
 * The module after an edit, without nodes that no output needs any more; the same module if the edit changes nothing. `pass` is the name of
 * the pass, which becomes part of the origin of new nodes.
 */
export function editGraph(module: Module, pass: string, edit: (editor: GraphEditor) => void): Module {
  expectModule("editGraph", module);
  expectText("editGraph", "the name of a pass", pass);
  expectArgument("editGraph", "a function that edits", edit, typeof edit === "function");
  const { graph, weights } = module;
  const fresh = createFresh(graph);
  const made = new Map<NodeId, Node>();
  const aliases = new Map<NodeId, NodeId>();

  const node = (id: NodeId): Node => {
    const known = made.get(id) ?? graph.nodes.get(id);
    if (!known)
      throw new TypeError(
        `the graph has no node ${JSON.stringify(id) ?? String(id)}: an editor takes the \`id\` of a node`,
      );
    return known;
  };
  const put = (
    site: Node,
    name: string,
    parts: Pick<Node, "type" | "inputs"> & { op: OpName; attributes: object },
  ): NodeId => {
    const { op, type, inputs, attributes } = parts;
    const id = fresh.nextId();
    const origin = { pass, spans: site.origin.spans };
    const computes = op !== "constant";
    const kernel = given({ kernel: computes ? site.kernel : undefined });
    const base = { id, name: fresh.unique(name), type, inputs, origin, position: site.position, ...kernel };
    made.set(id, makeNode({ ...base, op, attributes: { ...attributes } }));
    return id;
  };
  const constant = (site: Node, name: string, type: TensorType, source: WeightSource): NodeId => {
    const weight = weights.add(name, type, source);
    return put(site, name, { op: "constant", type, inputs: [], attributes: { weight } });
  };
  const add = (
    site: Node,
    op: OpName,
    operands: readonly NodeId[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): NodeId => {
    expectSite("add", site);
    if (!isOp(op)) throw new TypeError(`there is no op ${String(op)}`);
    expectList("add", "ids of nodes as operands", operands);
    const types = operands.map((id) => node(id).type);
    const zeros = omitted(op, types);
    const all = [...types, ...zeros.map(({ type }) => type)];
    const complete = completeAttributes(op, attributes);
    const normal = fitting(op, normalizeAttributes(op, all, complete));
    const type = fitting(op, inferType(op, all, normal));
    const inputs = [
      ...operands,
      ...zeros.map(({ name, type }) => constant(site, `${site.name}.${name}`, type, { kind: "absent" })),
    ];
    return put(site, `${site.name}.${op}`, { op, type, inputs, attributes: normal });
  };
  edit({
    node,
    add: (site, op, operands, attributes) =>
      add(site, op, operands, attributes as Readonly<Record<string, AttributeValue>> | undefined),
    constant: (site, value) => {
      expectSite("constant", site);
      const isTensor = hasProperties(value, "shape", "data");
      expectArgument("constant", "a number or a tensor", value, typeof value === "number" || isTensor);
      const { shape, data } = typeof value === "number" ? { shape: [], data: [value] } : value;
      const source = { kind: "literal", data: Float32Array.from(data) } as const;
      return constant(site, `${site.name}.constant`, { dtype: "f32", shape }, source);
    },
    replace: (value, by) => {
      // Both must exist.
      node(value);
      node(by);
      if (resolve(aliases, by) === value)
        throw new TypeError(`${node(value).name} cannot be replaced by what replaces it`);
      if (value !== by) aliases.set(value, by);
    },
  });
  if (made.size === 0 && aliases.size === 0) return module;
  return { graph: applied(graph, made, aliases, fresh.next), weights };
}

function expectSite(call: string, site: unknown): void {
  expectArgument(call, "a node as the site", site, hasProperties(site, "name", "origin", "position"));
}

/** The value that a value is replaced by, in the end. */
function resolve(aliases: ReadonlyMap<NodeId, NodeId>, id: NodeId): NodeId {
  let to = id;
  for (let next = aliases.get(to); next !== undefined; next = aliases.get(to)) to = next;
  return to;
}

function applied(
  graph: Graph,
  made: ReadonlyMap<NodeId, Node>,
  aliases: ReadonlyMap<NodeId, NodeId>,
  nextId: NodeId,
): Graph {
  const changed = new Map(made);
  for (const node of graph.nodes.values()) {
    if (!node.inputs.some((id) => aliases.has(id))) continue;
    changed.set(node.id, { ...node, inputs: node.inputs.map((id) => resolve(aliases, id)) });
  }
  const outputs = graph.outputs.map((output) => ({ ...output, node: resolve(aliases, output.node) }));
  const nodes = new Map([...graph.nodes, ...changed]);
  const live = needed(
    nodes,
    outputs.map(({ node }) => node),
  );
  const isLive = (node: Node): boolean => live.has(node.id) || node.op === "input";
  const dead = [...nodes.values()].filter((node) => !isLive(node));
  for (const [value, by] of aliases) inheritName(changed, nodes, dead, value, by);
  const kernels = new Set<KernelId | undefined>(
    [...nodes.values()].filter(isLive).map(({ kernel }) => kernel),
  );
  return produce(graph, (draft) => {
    for (const [id, node] of changed) draft.nodes.set(id, castDraft(node));
    for (const { id } of dead) draft.nodes.delete(id);
    draft.outputs = castDraft(outputs);
    for (const kernel of graph.kernels.keys()) if (!kernels.has(kernel)) draft.kernels.delete(kernel);
    draft.nextId = nextId;
  });
}

/** A new node that replaces one which disappears takes its name. */
function inheritName(
  changed: Map<NodeId, Node>,
  nodes: ReadonlyMap<NodeId, Node>,
  dead: readonly Node[],
  value: NodeId,
  by: NodeId,
): void {
  const node = changed.get(by);
  const old = nodes.get(value);
  const isNew = node !== undefined && !dead.includes(node);
  if (isNew && old && dead.some(({ id }) => id === value)) changed.set(by, { ...node, name: old.name });
}

/** The nodes that outputs need. */
function needed(nodes: ReadonlyMap<NodeId, Node>, outputs: readonly NodeId[]): ReadonlySet<NodeId> {
  const live = new Set(outputs);
  // The loop also visits nodes that are added to the set in it.
  for (const id of live) for (const input of nodes.get(id)?.inputs ?? []) live.add(input);
  return live;
}

/** The omitted optional operands of an op, with their types. */
function omitted(name: OpName, types: readonly TensorType[]): { name: string; type: TensorType }[] {
  const op = opOf(name);
  const zeros: { name: string; type: TensorType }[] = [];
  for (let at = types.length; op.operands[at]?.optional; at += 1) {
    const type = op.optionalType?.([...types, ...zeros.map((zero) => zero.type)], at);
    if (!type) break;
    zeros.push({ name: op.operands[at]?.name ?? "x", type });
  }
  return zeros;
}

/** All attributes of an op. */
function completeAttributes(
  name: OpName,
  attributes: Readonly<Record<string, AttributeValue>>,
): Readonly<Record<string, AttributeValue>> {
  const kinds = opOf(name).attributes;
  for (const key of Object.keys(attributes))
    if (!Object.hasOwn(kinds, key)) throw new TypeError(`${name} has no attribute ${key}`);
  const complete: Record<string, AttributeValue> = {};
  for (const [key, kind] of Object.entries(kinds)) {
    const value = attributes[key] ?? kind.default;
    if (value === undefined) throw new TypeError(`${name} needs ${key}: ${kind.expects}`);
    complete[key] = value;
  }
  return complete;
}

function fitting<T extends object>(op: OpName, value: T | Problem): T {
  if (isProblem(value)) throw new TypeError(`${op}: ${value.problem}`);
  return value;
}
