// Converts a graph to a model of TensorFlow Lite, which LiteRT runs: the same weights, and images with their channels last, as here. With
// ranges of all values, operators compute with integers of 8 bits wherever the format can; inputs and outputs stay f32.

import { given } from "../../src/diagnostic/given.js";
import type { Node, NodeId } from "../../src/ir/graph.js";
import { inputNodes, nodeOf } from "../../src/ir/graph.js";
import type { Shape } from "../../src/ir/type.js";
import { elements } from "../../src/ir/type.js";
import type { Module } from "../../src/ir/weights.js";
import { topological } from "../../src/ir/node-order.js";
import type { Activation } from "../activations.js";
import { fusedActivations } from "../activations.js";
import type { Quantization, Ranges } from "./integers.js";
import {
  moves,
  prescribed,
  quantizationOf,
  rangeOf,
  sharedRanges,
  symmetric,
  toIntegers,
  toSums,
} from "./integers.js";
import type { TfliteCall, TfliteTensor } from "./model.js";
import { writeModel } from "./model.js";
import { inIntegers, onlyMove, withActivation, write } from "./operators.js";
import type { Builtin, Options } from "./schema.js";
import { reshapeOptions } from "./schema.js";

/**
 * The context in which operators are written. Values are identified by numbers: in the graph by ids, in the model by places in the list of
 * tensors. Tensors are f32, or integers where the node computes with integers.
 */
export interface TfliteBuilder {
  /** The activation to be computed with the node, if its operator can. */
  readonly activation: Activation | undefined;
  shapeOf(id: NodeId): Shape;
  /** The tensor of a value of the graph. */
  tensorOf(id: NodeId): number;
  /** The values of a constant. Throws if the value is not a constant. */
  valuesOf(id: NodeId): Float32Array;
  /** A constant of f32; its values are made when they are written. */
  weight(shape: Shape, values: () => Float32Array): number;
  /** Weights of output channels, which are along an axis. */
  kernel(shape: Shape, axis: number, values: () => Float32Array): number;
  /** The constant that is added to products of a tensor and a kernel. */
  bias(id: NodeId, of: number, kernel: number): number;
  /** A number, as the elements of a tensor are written; integers are clipped to their range. */
  elementOf(tensor: number, value: number): number;
  /** A constant of integers, a list or a list of pairs. */
  ints(values: readonly number[]): number;
  pairs(values: readonly (readonly [number, number])[]): number;
  /** Adds an operator and returns the tensor of its result. */
  add(op: Builtin, inputs: readonly number[], shape: Shape, options?: Options): number;
}

type Form = "f32" | "i8";

/** Throws, with the name of the node, if the graph has an op or attribute that is not supported here. */
export function toTflite({ graph, weights }: Module, measured?: Ranges): Uint8Array {
  const ranges = measured && sharedRanges(graph, measured);
  const tensors: TfliteTensor[] = [];
  const calls: TfliteCall[] = [];
  /** The tensors of a value: f32, integers, or both. */
  const places: Readonly<Record<Form, Map<NodeId, number>>> = { f32: new Map(), i8: new Map() };
  let current: Node | undefined;
  const fused = fusedActivations(graph, withActivation);

  const tensor = (
    shape: Shape,
    type: TfliteTensor["type"],
    more: Omit<TfliteTensor, "shape" | "type" | "name"> = {},
    name = `${current?.name ?? "x"}.${tensors.length}`,
  ) => tensors.push({ shape, type, name, ...more }) - 1;
  const call = (op: Builtin, inputs: readonly number[], output: number, options?: Options): number => {
    calls.push({ op, inputs, output, ...given({ options }) });
    return output;
  };
  const tensorAt = (at: number): TfliteTensor => tensors[at] ?? { shape: [], type: "f32", name: "" };
  const quantizationAt = (at: number): Quantization =>
    tensorAt(at).quantization ?? quantizationOf({ low: 0, high: 0 });
  const own = (id: NodeId): Quantization => quantizationOf(ranges?.get(id) ?? { low: 0, high: 0 });
  const constantOf = (id: NodeId): (() => Float32Array) | undefined => {
    const node = nodeOf(graph, id);
    return node.op === "constant" ? () => weights.readF32(node.attributes.weight) : undefined;
  };
  const valuesOf = (id: NodeId): Float32Array => {
    const read = constantOf(id);
    if (!read) throw new Error("it computes with weights that are computed");
    return read();
  };

  /** The tensor of a value in a form; constants and conversions are written where they are first read. */
  const tensorIn = (form: Form, id: NodeId): number => {
    const known = places[form].get(id);
    if (known !== undefined) return known;
    const { name, type } = nodeOf(graph, id);
    const { shape } = type;
    const read = constantOf(id);
    const other = places[form === "f32" ? "i8" : "f32"].get(id);
    if (!read && other === undefined) throw new Error(`node ${id} has no value yet`);
    let made: number;
    if (form === "f32")
      made = read
        ? tensor(shape, "f32", { read }, name)
        : call("DEQUANTIZE", [other ?? -1], tensor(shape, "f32"));
    else {
      const quantization = read ? quantizationOf(rangeOf(read())) : own(id);
      made = read
        ? tensor(shape, "i8", { quantization, read: () => toIntegers(read(), quantization) }, name)
        : call("QUANTIZE", [other ?? -1], tensor(shape, "i8", { quantization }));
    }
    places[form].set(id, made);
    return made;
  };

  /** A tensor of integers with another scale. */
  const rescaled = (at: number, quantization: Quantization): number => {
    const { scales, zero } = quantizationAt(at);
    if (scales[0] === quantization.scales[0] && zero === quantization.zero) return at;
    return call("QUANTIZE", [at], tensor(tensorAt(at).shape, "i8", { quantization }));
  };

  /** The context for a node; `result` is the node whose value its operator computes. */
  const build = (form: Form, result?: NodeId, activation?: Activation): TfliteBuilder => ({
    activation,
    shapeOf: (id) => nodeOf(graph, id).type.shape,
    tensorOf: (id) => tensorIn(form, id),
    valuesOf,
    weight: (shape, read) => tensor(shape, "f32", { read }),
    kernel: (shape, axis, read) => {
      if (form === "f32") return tensor(shape, "f32", { read });
      const inner = elements(shape.slice(axis + 1));
      const quantization = symmetric(read(), axis, shape[axis] ?? 1, inner);
      return tensor(shape, "i8", { quantization, read: () => toIntegers(read(), quantization, inner) });
    },
    bias: (id, of, kernel) => {
      if (form === "f32") return tensorIn("f32", id);
      const [scale = 1] = quantizationAt(of).scales;
      const scales = quantizationAt(kernel).scales.map((one) => Math.fround(one * scale));
      const read = (): Int32Array => toSums(valuesOf(id), scales);
      return tensor(nodeOf(graph, id).type.shape, "i32", {
        quantization: { scales, zero: 0, axis: 0 },
        read,
      });
    },
    elementOf: (at, value) => {
      if (form === "f32") return tensor([], "f32", { read: () => Float32Array.of(value) });
      const quantization = quantizationAt(at);
      return tensor([], "i8", { quantization, read: () => toIntegers(Float32Array.of(value), quantization) });
    },
    ints: (values) => tensor([values.length], "i32", { read: () => Int32Array.from(values) }),
    pairs: (values) => tensor([values.length, 2], "i32", { read: () => Int32Array.from(values.flat()) }),
    add: (op, inputs, shape, options) => {
      if (form === "f32") return call(op, inputs, tensor(shape, "f32"), options);
      const quantization =
        prescribed[op] ?? (moves.has(op) ? quantizationAt(inputs[0] ?? -1) : own(result ?? -1));
      const scaled = op === "CONCATENATION" ? inputs.map((at) => rescaled(at, quantization)) : inputs;
      return call(op, scaled, tensor(shape, "i8", { quantization }), options);
    },
  });

  /** Whether a node computes with integers. A value that is only moved stays what it is. */
  const formOf = ({ id, op, inputs }: Node, result: NodeId): Form => {
    const values = [id, result, ...inputs.filter((input) => !constantOf(input))];
    const isFinite = values.every((value) => {
      const range = ranges?.get(value);
      return range && Number.isFinite(range.low) && Number.isFinite(range.high);
    });
    if (!isFinite || !inIntegers.has(op)) return "f32";
    return onlyMove.has(op) && !inputs.some((input) => places.i8.has(input)) ? "f32" : "i8";
  };

  for (const node of topological(graph)) {
    // Constants are written where they are used, and a fused activation has been written already.
    if (node.op === "constant" || places.f32.has(node.id) || places.i8.has(node.id)) continue;
    current = node;
    if (node.op === "input") {
      places.f32.set(node.id, tensor(node.type.shape, "f32", {}, node.name));
      continue;
    }
    const activation = fused.get(node.id);
    const result = activation?.id ?? node.id;
    const form = formOf(node, result);
    places[form].set(result, write(node, build(form, result, activation?.op)));
  }
  const { tensorOf, add, ints } = build("f32");
  const outputs: number[] = [];
  for (const { node } of graph.outputs) {
    const { shape } = nodeOf(graph, node).type;
    const of = tensorOf(node);
    // The runtime returns nothing for an output that no operator makes.
    const isOwn = calls.some(({ output }) => output === of) && !outputs.includes(of);
    outputs.push(isOwn ? of : add("RESHAPE", [of, ints(shape)], shape, reshapeOptions(shape)));
  }
  const inputs = inputNodes(graph).map(({ id }) => tensorOf(id));
  return writeModel({ name: graph.name, tensors, calls, inputs, outputs });
}
