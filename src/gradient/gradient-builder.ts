// Adds nodes to a graph: ops on its values, with inferred types.

import { bug } from "#diagnostic/diagnostic.js";
import type { Node, NodeId, OpName } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { elements, f32, sameShape } from "#ir/type.js";
import type { Module, WeightSource } from "#ir/weights.js";
import { inferType, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";

/** Makes values over the nodes of a graph. Operands that do not fit are a bug of the caller. */
export interface GradientBuilder {
  shape(id: NodeId): Shape;
  node(id: NodeId): Node;
  /** An op. Attributes that are not given have their defaults, and optional operands that are not given are zero. */
  op(op: OpName, operands: readonly NodeId[], attributes?: Attributes): NodeId;
  input(name: string, shape: Shape): NodeId;
  /** A constant with these values, or with one value everywhere. */
  constant(shape: Shape, values: number | ((index: number) => number)): NodeId;
  /** The value with another shape; the same node if it has that shape. */
  reshape(x: NodeId, shape: Shape): NodeId;
  /** The value with its axes permuted; the same node if no axis moves. */
  transpose(x: NodeId, perm: readonly number[]): NodeId;
  /** The sum over axes, which stay with extent 1; the same node without axes. */
  sum(x: NodeId, axes: readonly number[]): NodeId;
  /** The module with all nodes that were added. */
  module(): Module;
}

/** Adds nodes to a module; their names begin with `prefix`. */
export function createBuilder({ graph, weights }: Module, prefix: string): GradientBuilder {
  const nodes = new Map(graph.nodes);
  const names = new Set([...nodes.values()].map(({ name }) => name));
  const first = [...nodes.values()].reduce((most, { position }) => Math.max(most, position), 0) + 1;
  let { nextId } = graph;
  const scalars = new Map<string, NodeId>();

  const unique = (wish: string): string => {
    let name = wish;
    for (let copy = 2; names.has(name); copy += 1) name = `${wish}.${copy}`;
    names.add(name);
    return name;
  };
  const add = (
    op: OpName,
    name: string,
    inputs: readonly NodeId[],
    shape: Shape,
    attributes: object,
  ): NodeId => {
    const id = nextId++;
    const position = first + id - graph.nextId;
    const own = { id, position, name: unique(name), origin: { spans: [] } };
    nodes.set(id, makeNode({ ...own, op, inputs, type: f32(...shape), attributes: { ...attributes } }));
    return id;
  };
  const node = (id: NodeId): Node => nodes.get(id) ?? bug(`there is no node ${id}`);
  const shape = (id: NodeId): Shape => node(id).type.shape;
  const constant = (of: Shape, source: WeightSource): NodeId => {
    const name = `${prefix}.constant.${nextId}`;
    return add("constant", name, [], of, { weight: weights.add(name, f32(...of), source) });
  };

  const builder: GradientBuilder = {
    shape,
    node,
    op(op, given, attributes = {}) {
      const operands = [...given];
      for (let at = operands.length; opOf(op).operands[at]?.optional; at += 1) {
        const type = opOf(op).optionalType?.(
          operands.map((id) => node(id).type),
          at,
        );
        operands.push(constant(type?.shape ?? [], { kind: "absent" }));
      }
      const types = operands.map((id) => node(id).type);
      const complete = Object.fromEntries(
        Object.entries(opOf(op).attributes).map(([key, kind]) => [
          key,
          attributes[key] ?? kind.default ?? bug(`${op} lacks ${key}`),
        ]),
      );
      const normal = normalizeAttributes(op, types, complete);
      if (isProblem(normal)) return bug(`${op}: ${normal.problem}`);
      const type = inferType(op, types, normal);
      if (isProblem(type)) return bug(`${op}: ${type.problem}`);
      return add(op, `${prefix}.${op}.${nextId}`, operands, type.shape, normal);
    },
    input: (name, of) => add("input", name, [], of, {}),
    constant(of, values) {
      if (typeof values === "number" && of.length === 0) {
        const known = scalars.get(String(values));
        if (known !== undefined) return known;
      }
      const data = Float32Array.from({ length: elements(of) }, (_, index) =>
        typeof values === "number" ? values : values(index),
      );
      const id = constant(of, { kind: "literal", data });
      if (typeof values === "number" && of.length === 0) scalars.set(String(values), id);
      return id;
    },
    reshape: (x, to) => (sameShape(shape(x), to) ? x : builder.op("reshape", [x], { shape: to })),
    transpose: (x, perm) =>
      perm.every((from, to) => from === to) ? x : builder.op("transpose", [x], { perm }),
    sum: (x, axes) => (axes.length === 0 ? x : builder.op("reduce_sum", [x], { axes, keepdims: true })),
    module: () => ({ weights, graph: { ...graph, nodes, nextId } }),
  };
  return builder;
}
