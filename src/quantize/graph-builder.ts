// Adds nodes of integers and their conversions to a graph under construction.

import { bug } from "#diagnostic/diagnostic.js";
import { createFresh } from "#ir/fresh.js";
import type { Graph, Node, NodeId, OpName } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { inferType, makeNode } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";

/** A new graph that is built from the nodes of another one, in their order. */
export interface IntegerBuilder {
  /**
   * Adds a node beside one of the old graph, which gives it its position and origin. With `keep` it takes the id and the name of that node;
   * otherwise both are new.
   */
  add(near: Node, op: OpName, inputs: readonly NodeId[], attributes: object, name: string | Keep): NodeId;
  /** A constant; without data, an omitted operand of zeros. */
  constant(near: Node, name: string, type: TensorType, data?: Float32Array): NodeId;
  /** The real numbers of integers; a scale has one element, or one for each channel. */
  dequantize(near: Node, of: NodeId, scale: Float32Array, zero: number, name: string | Keep): NodeId;
  /** Integers of type u8. */
  quantize(near: Node, of: NodeId, scale: Float32Array, bounds: Bounds, name: string | Keep): NodeId;
  /** Adds a node unchanged. */
  copy(node: Node): void;
  /** The graph of what the outputs need, and of all inputs. */
  finish(outputs: Graph["outputs"]): Graph;
}

/** The zero point of integers, and the least and the greatest of them. */
interface Bounds {
  readonly zero: number;
  readonly low: number;
  readonly high: number;
}

/** Marks the node that stands for a node of the old graph. */
export const keep = Symbol("keep");
type Keep = typeof keep;

export function createIntegerBuilder(graph: Graph, weights: WeightStore): IntegerBuilder {
  const nodes = new Map<NodeId, Node>();
  const fresh = createFresh(graph);
  const typeOf = (id: NodeId): TensorType => (nodes.get(id) ?? bug(`there is no node ${id} yet`)).type;
  const place = (near: Node, name: string | Keep) => ({
    id: name === keep ? near.id : fresh.nextId(),
    name: name === keep ? near.name : fresh.unique(name),
    position: near.position,
    origin: near.origin,
  });
  const add: IntegerBuilder["add"] = (near, op, inputs, attributes, name) => {
    const type = inferType(op, inputs.map(typeOf), attributes as Attributes);
    if (isProblem(type)) return bug(`${near.name}: ${type.problem}`);
    const node = makeNode({ ...place(near, name), op, inputs, type, attributes: { ...attributes } });
    nodes.set(node.id, node);
    return node.id;
  };
  const constant: IntegerBuilder["constant"] = (near, name, type, data) => {
    const weight = weights.add(name, type, data ? { kind: "literal", data } : { kind: "absent" });
    const node = makeNode({ ...place(near, name), op: "constant", inputs: [], type, attributes: { weight } });
    nodes.set(node.id, node);
    return node.id;
  };
  const scaleOf = (near: Node, scale: Float32Array): NodeId => {
    const shape = scale.length === 1 ? [] : [scale.length];
    return constant(near, `${near.name}.scale`, { dtype: "f32", shape }, scale);
  };
  return {
    add,
    constant,
    dequantize: (near, of, scale, zero, name) =>
      add(near, "dequantize", [of, scaleOf(near, scale)], { zero }, name),
    quantize: (near, of, scale, { zero, low, high }, name) => {
      // A bound that the type has anyway is left out.
      const bounds = { low: low > 0 ? low : Number.NEGATIVE_INFINITY, high };
      return add(near, "quantize", [of, scaleOf(near, scale)], { zero, ...bounds, type: "u8" }, name);
    },
    copy: (node) => void nodes.set(node.id, node),
    finish(outputs) {
      const needed = new Set(outputs.map(({ node }) => node));
      for (const id of needed) for (const input of nodes.get(id)?.inputs ?? []) needed.add(input);
      const living = new Map([...nodes].filter(([id, { op }]) => needed.has(id) || op === "input"));
      return { ...graph, nodes: living, outputs, kernels: new Map(), nextId: fresh.next };
    },
  };
}
