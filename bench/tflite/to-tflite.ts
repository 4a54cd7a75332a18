// Converts a graph to a model of TensorFlow Lite, which LiteRT runs: the same weights, and images with their channels last, as here.

import { given } from "../../src/diagnostic/given.js";
import type { Graph, Node, NodeId } from "../../src/ir/graph.js";
import { inputNodes, nodeOf } from "../../src/ir/graph.js";
import type { Shape } from "../../src/ir/type.js";
import { elements } from "../../src/ir/type.js";
import type { Module } from "../../src/ir/weights.js";
import { topological } from "../../src/ir/node-order.js";
import { fusedActivations } from "../activations.js";
import type { Table, Value } from "./flatbuffer.js";
import { writeFlatBuffer } from "./flatbuffer.js";
import { withActivation, write } from "./operators.js";
import type { Activation } from "../activations.js";
import type { Builtin, Options } from "./schema.js";
import { builtins, reshapeOptions } from "./schema.js";

/**
 * The context in which operators are written. Values are identified by numbers: in the graph by ids, in the model by places in the list of
 * tensors.
 */
export interface TfliteBuilder {
  /** The activation to be computed with the node, if its operator can. */
  readonly activation: Activation | undefined;
  shapeOf(id: NodeId): Shape;
  /** The tensor of a value of the graph. */
  tensorOf(id: NodeId): number;
  /** The values of a constant. Throws if the value is not a constant. */
  valuesOf(id: NodeId): Float32Array;
  /** A constant; its values are made when they are written. */
  weight(shape: Shape, values: () => Float32Array): number;
  /** A constant of integers, a list or a list of pairs. */
  ints(values: readonly number[]): number;
  pairs(values: readonly (readonly [number, number])[]): number;
  /** Adds an operator and returns the tensor of its result. */
  add(op: Builtin, inputs: readonly number[], shape: Shape, options?: Options): number;
}

interface Tensor {
  readonly shape: Shape;
  readonly name: string;
  readonly data?: { readonly type: 0 | 2; readonly read: () => ArrayBufferView };
}

/** Throws, with the name of the node, if the graph has an op or attribute that is not supported here. */
export function toTflite({ graph, weights }: Module): Uint8Array {
  const tensors: Tensor[] = [];
  const calls: Table[] = [];
  const codes: Builtin[] = [];
  const places = new Map<NodeId, number>();
  /** Tensors that operators make. */
  const made = new Set<number>();
  let current: Node | undefined;
  const fused = fusedActivations(graph, withActivation);

  const tensor = (shape: Shape, data?: Tensor["data"], name = `${current?.name ?? "x"}.${tensors.length}`) =>
    tensors.push({ shape, name, ...given({ data }) }) - 1;
  const constantOf = (id: NodeId): (() => Float32Array) | undefined => {
    const node = nodeOf(graph, id);
    return node.op === "constant" ? () => weights.readF32(node.attributes.weight) : undefined;
  };
  const build = (activation: Activation | undefined): TfliteBuilder => ({
    activation,
    shapeOf: (id) => nodeOf(graph, id).type.shape,
    tensorOf: (id) => {
      const known = places.get(id);
      if (known !== undefined) return known;
      const read = constantOf(id);
      if (!read) throw new Error(`node ${id} has no value yet`);
      const made = tensor(nodeOf(graph, id).type.shape, { type: 0, read }, nodeOf(graph, id).name);
      places.set(id, made);
      return made;
    },
    valuesOf: (id) => {
      const read = constantOf(id);
      if (!read) throw new Error("it computes with weights that are computed");
      return read();
    },
    weight: (shape, read) => tensor(shape, { type: 0, read }),
    ints: (values) => tensor([values.length], { type: 2, read: () => Int32Array.from(values) }),
    pairs: (values) => tensor([values.length, 2], { type: 2, read: () => Int32Array.from(values.flat()) }),
    add: (op, inputs, shape, options) => {
      if (!codes.includes(op)) codes.push(op);
      const result = tensor(shape);
      made.add(result);
      calls.push([
        { kind: "i32", value: codes.indexOf(op) },
        { kind: "ints", values: inputs },
        { kind: "ints", values: [result] },
        options && { kind: "i8", value: options.type },
        options && { kind: "table", fields: options.fields },
      ]);
      return result;
    },
  });

  for (const node of topological(graph)) {
    // Constants are written where they are used, and a fused activation has been written already.
    if (node.op === "constant" || places.has(node.id)) continue;
    current = node;
    if (node.op === "input") {
      places.set(node.id, tensor(node.type.shape, undefined, node.name));
      continue;
    }
    const activation = fused.get(node.id);
    places.set(activation?.id ?? node.id, write(node, build(activation?.op)));
  }
  const { tensorOf, add, ints } = build(undefined);
  const outputs: number[] = [];
  for (const { node } of graph.outputs) {
    const { shape } = nodeOf(graph, node).type;
    const of = tensorOf(node);
    // The runtime returns nothing for an output that no operator makes.
    const isOwn = made.has(of) && !outputs.includes(of);
    outputs.push(isOwn ? of : add("RESHAPE", [of, ints(shape)], shape, reshapeOptions(shape)));
  }
  return writeModel(graph, {
    tensors,
    calls,
    codes,
    inputs: inputNodes(graph).map(({ id }) => tensorOf(id)),
    outputs,
  });
}

interface Model {
  readonly tensors: readonly Tensor[];
  readonly calls: readonly Table[];
  readonly codes: readonly Builtin[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Buffer 0 is empty; all computed tensors use it. */
function writeModel(graph: Graph, { tensors, calls, codes, inputs, outputs }: Model): Uint8Array {
  const constants = tensors.filter(({ data }) => data);
  const subgraph: Table = [
    { kind: "tables", items: tensors.map((tensor) => tensorTable(tensor, constants.indexOf(tensor) + 1)) },
    { kind: "ints", values: inputs },
    { kind: "ints", values: outputs },
    { kind: "tables", items: calls },
    text("main"),
  ];
  const buffers = constants.map(({ data }): Table => [
    data && { kind: "bytes", read: () => bytesOf(data.read()) },
  ]);
  const model: Table = [
    int(3),
    { kind: "tables", items: codes.map(codeTable) },
    { kind: "tables", items: [subgraph] },
    text(graph.name),
    { kind: "tables", items: [[], ...buffers] },
  ];
  const bytes = constants.reduce((sum, { shape }) => sum + 4 * elements(shape) + 64, 0);
  return writeFlatBuffer(model, "TFL3", bytes + 512 * tensors.length + 65_536);
}

function tensorTable({ shape, name, data }: Tensor, buffer: number): Table {
  return [{ kind: "ints", values: shape }, byte(data?.type ?? 0), int(buffer), text(name)];
}

/** The number is in two fields: the first, of one byte, is for old readers. */
function codeTable(op: Builtin): Table {
  return [byte(builtins[op]), undefined, int(1), int(builtins[op])];
}

const int = (value: number): Value => ({ kind: "i32", value });
const byte = (value: number): Value => ({ kind: "i8", value });
const text = (value: string): Value => ({ kind: "text", value });

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
