// Simpler cases with the same nodes: smaller extents, default attributes, plain values.

import type { AttributeValue, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological, users } from "#ir/node-order.js";
import type { Tensor } from "#ir/tensor.js";
import { denseStrides } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { elements, sameShape, sameType } from "#ir/type.js";
import { entryOf } from "#ir/weights.js";
import { inferType, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import type { Case } from "./case.js";

/** Most pairs of axes that are made smaller together. */
const mostPairs = 60;

/** Most elements of a value that is made plain. */
const mostElements = 4096;

/** With smaller inputs and weights: all axes of one extent together, single ones, and pairs, since layers join two of them. */
export function* simplerExtents(of: Case): Iterable<Case> {
  const axes = sourcesOf(of).flatMap(({ id, type }) =>
    type.shape.map((extent, axis) => ({ id, axis, extent })),
  );
  const extents = [...new Set(axes.map(({ extent }) => extent))].filter((extent) => extent > 1);
  for (const extent of extents.toSorted((a, b) => b - a)) {
    const own = axes.filter((one) => one.extent === extent);
    const pairs = own.flatMap((a, at) => own.slice(at + 1).map((b) => [a, b])).slice(0, mostPairs);
    for (const smaller of new Set([1, 2, Math.ceil(extent / 2), extent - 1])) {
      if (smaller >= extent) continue;
      const attributes = (node: Node): Attributes => replaced(node.attributes, extent, smaller);
      yield* made(of, { extents: extentsOf(own, smaller), attributes });
      for (const some of [own, ...own.map((one) => [one]), ...pairs])
        yield* made(of, { extents: extentsOf(some, smaller) });
    }
  }
}

/** With the default of one attribute. */
export function* simplerAttributes(of: Case): Iterable<Case> {
  for (const { id, op, attributes } of of.module.graph.nodes.values()) {
    if (op === "constant") continue;
    for (const [name, kind] of Object.entries(opOf(op).attributes)) {
      const { default: usual } = kind;
      if (usual === undefined) continue;
      const own: Attributes = { ...attributes, [name]: usual };
      yield* made(of, { attributes: (node) => (node.id === id ? own : node.attributes) });
    }
  }
}

/** With zeros, ones or whole numbers in one input or weight. */
export function* simplerValues(of: Case): Iterable<Case> {
  for (const { id, type } of sourcesOf(of)) {
    if (elements(type.shape) > mostElements) continue;
    for (const plain of [(): number => 0, (): number => 1, Math.sign, Math.round])
      yield* made(of, {
        values: (node, value) => (node === id ? value.map((one) => plain(one) + 0) : value),
      });
  }
}

/** What the values of a case say: nothing for zeros, and the more the less plain numbers are. */
export function valueCost(of: Case): number {
  let cost = 0;
  for (const node of sourcesOf(of)) {
    const count = elements(node.type.shape);
    if (count > mostElements) cost += 4 * count;
    else for (const value of valueOf(of, node).data) cost += costOfNumber(value);
  }
  return cost;
}

function costOfNumber(value: number): number {
  if (value === 0 || value === 1) return value;
  if (value === -1) return 2;
  return Number.isInteger(value) && Math.abs(value) < 10 ? 3 : 4;
}

/** Inputs and weights, without the zeros for omitted operands. */
function sourcesOf(of: Case): Node[] {
  return [...of.module.graph.nodes.values()].filter(
    (node) => node.op === "input" || (node.op === "constant" && !isAbsent(of, node)),
  );
}

function isAbsent({ module: { weights } }: Case, node: Node): boolean {
  return node.op === "constant" && entryOf(weights, node.attributes.weight).source.kind === "absent";
}

function valueOf({ module, inputs }: Case, node: Node): Tensor {
  const value = node.op === "constant" ? module.weights.read(node.attributes.weight) : inputs.get(node.name);
  return value ?? { shape: node.type.shape, data: new Float64Array(elements(node.type.shape)) };
}

interface Axis {
  readonly id: NodeId;
  readonly axis: number;
}

function extentsOf(axes: readonly Axis[], extent: number): NonNullable<Changes["extents"]> {
  return (id, shape) =>
    shape.map((old, axis) => (axes.some((one) => one.id === id && one.axis === axis) ? extent : old));
}

/** The attributes with one number in place of another, also in lists. */
function replaced(attributes: Readonly<Record<string, unknown>>, from: number, to: number): Attributes {
  const one = (value: number): number => (value === from ? to : value);
  return Object.fromEntries(
    Object.entries(attributes as Attributes).map(([key, value]): [string, AttributeValue] => {
      if (typeof value === "number") return [key, one(value)];
      return [key, typeof value === "object" ? value.map(one) : value];
    }),
  );
}

interface Changes {
  readonly extents?: (id: NodeId, shape: readonly number[]) => readonly number[];
  readonly attributes?: (node: Node) => Attributes;
  readonly values?: (id: NodeId, values: Float64Array) => Float64Array;
}

/** The case with changes, if it is one: types and operands must fit. */
function made(of: Case, changes: Changes): readonly Case[] {
  const { graph, weights } = of.module;
  const nodes = new Map<NodeId, Node>();
  const inputs = new Map<string, Tensor>();
  for (const node of topological(graph)) {
    if (node.op === "input" || node.op === "constant") {
      const shape = changes.extents?.(node.id, node.type.shape) ?? node.type.shape;
      const old = valueOf(of, node);
      const cut = sameShape(shape, node.type.shape) ? old.data : sliceOf(old, shape);
      const data = changes.values?.(node.id, cut) ?? cut;
      const type = { dtype: node.type.dtype, shape };
      if (node.op === "input") {
        inputs.set(node.name, { shape, data });
        nodes.set(node.id, makeNode({ ...node, type }));
      } else if (data === old.data) nodes.set(node.id, node);
      else {
        const weight = weights.add(node.name, type, { kind: "literal", data: Float32Array.from(data) });
        nodes.set(node.id, makeNode({ ...node, type, attributes: { weight } }));
      }
      continue;
    }
    fitAbsent(of, nodes, node);
    const types = node.inputs.map((id) => nodes.get(id)?.type ?? nodeOf(graph, id).type);
    const fitted = fittedNode(node, types, changes.attributes?.(node) ?? node.attributes);
    if (!fitted) return [];
    nodes.set(node.id, fitted);
  }
  return [{ module: { graph: { ...graph, nodes }, weights }, inputs }];
}

/** Gives the zeros for an omitted operand the shape that its node now needs, if no other node reads them. */
function fitAbsent(of: Case, nodes: Map<NodeId, Node>, user: Node): void {
  const { graph, weights } = of.module;
  for (const [at, id] of user.inputs.entries()) {
    const node = nodes.get(id);
    if (!node || !isAbsent(of, node) || users(graph).get(id)?.length !== 1) continue;
    const types = user.inputs.slice(0, at).map((one) => nodes.get(one)?.type ?? nodeOf(graph, one).type);
    const type = opOf(user.op).optionalType?.(types, at);
    if (!type || sameType(type, node.type)) continue;
    const weight = weights.add(node.name, type, { kind: "absent" });
    nodes.set(id, makeNode({ ...node, type, attributes: { weight } }));
  }
}

/** A node on operands of these types; undefined if they do not fit. */
function fittedNode(node: Node, types: readonly TensorType[], wanted: Attributes): Node | undefined {
  const attributes = normalizeAttributes(node.op, types, wanted);
  if (isProblem(attributes)) return undefined;
  const type = inferType(node.op, types, attributes);
  if (isProblem(type)) return undefined;
  const own = Object.keys(opOf(node.op).attributes);
  const kept = Object.fromEntries(own.flatMap((key) => (key in attributes ? [[key, attributes[key]]] : [])));
  return makeNode({ ...node, attributes: kept, type });
}

/** The first elements of a value along each axis. */
function sliceOf({ shape, data }: Tensor, wanted: readonly number[]): Float64Array {
  const strides = denseStrides(shape);
  const inner = denseStrides(wanted);
  return Float64Array.from({ length: elements(wanted) }, (_, flat) => {
    const at = wanted.reduce(
      (sum, extent, axis) => sum + (Math.floor(flat / (inner[axis] ?? 1)) % extent) * (strides[axis] ?? 1),
      0,
    );
    return data[at] ?? 0;
  });
}
