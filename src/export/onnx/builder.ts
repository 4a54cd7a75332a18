// The ONNX model under construction: nodes in order, initializers, names. The builder brings values into the order of axes that an operator
// needs.

import { create } from "@bufbuild/protobuf";
import type { NodeProto } from "#onnx/proto/onnx_pb.js";
import { NodeProtoSchema } from "#onnx/proto/onnx_pb.js";
import type { Arranged } from "#ir/axis-order.js";
import { natural, permuted, places, reshapeOrders, sameOrder } from "#ir/axis-order.js";
import type { Node, WeightId } from "#ir/graph.js";
import type { DType, Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { Attributes } from "./attributes.js";
import { attributeProtos } from "./attributes.js";
import type { FileType } from "./element-type.js";
import { fileTypes, isByte } from "./element-type.js";
import type { OnnxValue } from "./onnx-value.js";

/** An initializer. The values of a weight are read when they are written. */
export interface Initializer {
  readonly name: string;
  readonly shape: Shape;
  readonly element: FileType;
  readonly values: { readonly weight: WeightId } | { readonly data: readonly number[] | Float32Array };
}

/** A value of the model with its shape in the file, for readers of the model. */
export interface Typed {
  readonly name: string;
  readonly shape: Shape;
  readonly batched: boolean;
  readonly element: DType;
}

/** The context in which ops are exported. */
export interface OnnxBuilder {
  readonly opset: number;
  readonly store: WeightStore;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly Initializer[];
  readonly typed: readonly Typed[];
  /**
   * Sets the node of the graph after which the next nodes are named. `outputs` are the names that its value has as an output, each with the
   * order of its axes there.
   */
  at(node: Node, batched: boolean, outputs: readonly WantedOutput[]): void;
  /** Adds an intermediate ONNX node, and returns the name of its result; if there are several, of the one that is `wanted`. */
  step(op: string, inputs: readonly string[], attributes?: Attributes, wanted?: number): string;
  /** Adds the ONNX node that makes the value of the graph's node. Integers of more than 8 bits are f32 unless `element` says otherwise. */
  result(
    op: string,
    inputs: readonly string[],
    attributes?: Attributes,
    order?: readonly number[],
    element?: DType,
  ): OnnxValue;
  /** The value with the shape of the graph's node; no element moves. */
  view(value: OnnxValue, order: readonly number[]): OnnxValue;
  /** The name of a value with its axes in this order; by default in the natural one. */
  name(value: OnnxValue, order?: readonly number[]): string;
  /** The same as a value. */
  arranged(value: OnnxValue, order: readonly number[]): OnnxValue;
  /**
   * The value with another shape of as many elements. It moves no more elements than it must. With `isResult` it may be the value of the
   * graph's node.
   */
  reshaped(value: OnnxValue, shape: Shape, isResult?: boolean): OnnxValue;
  /** A number as an initializer without axes, f32 by default. */
  number(value: number, what: string, element?: DType): string;
  /** Numbers as an initializer, f32 by default. */
  numbers(data: Float32Array, shape: Shape, what: string, element?: DType): string;
  /** Integers as a list. */
  ints(data: readonly number[], what: string): string;
  /** Makes a value an output under a name. */
  output(value: OnnxValue, wanted: WantedOutput): void;
}

/** An output of the model: its name, and the order of its axes. */
export interface WantedOutput {
  readonly name: string;
  readonly order: readonly number[];
}

/** Makes a builder. `reserved` are the names of inputs and outputs, which nothing else may have. */
export function createBuilder(store: WeightStore, opset: number, reserved: Iterable<string>): OnnxBuilder {
  const nodes: NodeProto[] = [];
  const initializers: Initializer[] = [];
  const typed: Typed[] = [];
  const unique = createNames(reserved);
  const uniqueNode = createNames([]);
  const initializerOf = new Map<string, string>();
  const arrangements = new Map<string, OnnxValue>();
  const free = new Set<string>();
  let current: Node | undefined;
  let batched = false;
  let wanted: readonly WantedOutput[] = [];

  const add = (
    op: string,
    inputs: readonly string[],
    output: string,
    name: string,
    attributes: Attributes = {},
    from?: Node,
    others: readonly string[] = [],
  ): string => {
    nodes.push(
      create(NodeProtoSchema, {
        name: uniqueNode(name),
        opType: op,
        input: [...inputs],
        output: [...others, output],
        attribute: attributeProtos(attributes),
        docString: from ? docOf(from) : "",
      }),
    );
    return output;
  };
  const own = (): string => current?.name ?? "model";

  /** Notes the value under its name. */
  const made = (name: string, value: Omit<OnnxValue, "from">): OnnxValue => {
    typed.push({
      name,
      shape: permuted(value.shape, value.order),
      batched: value.batched,
      element: value.element,
    });
    return { ...value, from: { kind: "made", name } };
  };

  const initializer = (
    name: string,
    shape: Shape,
    element: FileType,
    values: Initializer["values"],
  ): string => {
    const given = unique(name);
    initializers.push({ name: given, shape, element, values });
    return given;
  };

  const moved = (
    value: OnnxValue,
    op: "reshape" | "transpose",
    attributes: { readonly shape: Shape } | { readonly perm: readonly number[] },
    shape: Shape,
  ): OnnxValue => {
    if (value.from.kind !== "weight") return value;
    const id = store.add(
      `${value.from.id}.${op}`,
      { dtype: entryOf(store, value.from.id).type.dtype, shape },
      { kind: "expression", op, attributes: { ...attributes }, inputs: [value.from.id] },
    );
    return { ...value, shape, order: natural(shape.length), from: { ...value.from, id } };
  };

  /** A shape for Reshape, in which 0 keeps the open batch. */
  const shapeList = (shape: Shape, isBatched: boolean): readonly number[] =>
    isBatched ? [0, ...shape.slice(1)] : shape;

  const arrange = (value: OnnxValue, order: readonly number[], name?: string): OnnxValue => {
    if (sameOrder(value.order, order)) return value;
    const from = places(value.order);
    const perm = order.map((axis) => from[axis] ?? 0);
    if (value.from.kind === "weight") {
      // In the model the permuted weight is a separate tensor. Its shape and order are those of the value in the graph.
      const weight = moved(value, "transpose", { perm }, permuted(value.shape, order));
      return { ...weight, shape: value.shape, order };
    }
    const key = `${perm.join()} ${value.from.name}`;
    const known = arrangements.get(key);
    if (known) return known;
    const lies = permuted(value.shape, value.order);
    const goal = permuted(value.shape, order);
    const isStill = sameOrder(
      perm.filter((at) => lies[at] !== 1),
      perm.filter((at) => lies[at] !== 1).toSorted((a, b) => a - b),
    );
    const op = isStill ? "reshape" : "transpose";
    const to = name ?? unique(`${value.from.name}.${op}`);
    if (isStill)
      add(
        "Reshape",
        [value.from.name, ints(shapeList(goal, value.batched), `${value.from.name}.shape`)],
        to,
        `${value.from.name}.${op}`,
      );
    else add("Transpose", [value.from.name], to, `${value.from.name}.${op}`, { perm });
    const result = made(to, { ...value, order });
    arrangements.set(key, result);
    return result;
  };

  const ints = (data: readonly number[], name: string): string =>
    initializer(name, [data.length], "i64", { data });

  const nameOf = (value: OnnxValue): string => {
    if (value.from.kind === "made") return value.from.name;
    const { id, label, quantized, halves = false } = value.from;
    const element = quantized?.type ?? (halves ? "f16" : value.element);
    const key = `${element} ${id}`;
    const name =
      initializerOf.get(key) ??
      initializer(label, permuted(value.shape, value.order), element, { weight: id });
    initializerOf.set(key, name);
    const real = `${name}.${quantized ? "dequantize" : "cast"}`;
    if (halves) return add("Cast", [name], unique(real), real, { to: fileTypes.f32.number }, current);
    if (!quantized) return name;
    const { scale, zero, type } = quantized;
    const isOne = scale.length === 1;
    const shape = isOne ? [] : [scale.length];
    const operands = [name, initializer(`${name}.scale`, shape, "f32", { data: scale })];
    // Without a zero point it is 0.
    if (zero !== 0)
      operands.push(
        initializer(`${name}.zero`, shape, type, { data: new Float32Array(scale.length).fill(zero) }),
      );
    const axis = places(value.order)[value.shape.length - 1] ?? 0;
    return add("DequantizeLinear", operands, unique(real), real, isOne ? {} : { axis }, current);
  };

  /** The name of the node's value: the name of an output that has its axes in the same order, if there is one. */
  const resultName = (order: readonly number[]): string => {
    const output = wanted.find((one) => free.has(one.name) && sameOrder(one.order, order));
    if (output) {
      free.delete(output.name);
      return output.name;
    }
    return unique(own());
  };

  return {
    opset,
    store,
    nodes,
    initializers,
    typed,
    at: (node, isBatched, outputs) => {
      [current, batched, wanted] = [node, isBatched, outputs];
      for (const { name } of outputs) free.add(name);
    },
    step: (op, inputs, attributes, wantedAt = 0) => {
      const name = `${own()}.${op.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase()}`;
      const others = Array.from({ length: wantedAt }, () => unique(`${name}.unused`));
      return add(op, inputs, unique(name), name, attributes, current, others);
    },
    result: (op, inputs, attributes, order, element) => {
      const { shape, dtype } = current?.type ?? { shape: [], dtype: "f32" };
      const lies = order ?? natural(shape.length);
      return made(add(op, inputs, resultName(lies), own(), attributes, current), {
        shape,
        order: lies,
        batched,
        element: element ?? (isByte(dtype) ? dtype : "f32"),
        steps: undefined,
      });
    },
    view: (value, order) => ({ ...value, shape: current?.type.shape ?? value.shape, order }),
    name: (value, order = natural(value.shape.length)) => nameOf(arrange(value, order)),
    arranged: arrange,
    reshaped: (value, shape, isResult = false) => {
      if (value.from.kind === "weight" && sameOrder(value.order, natural(value.shape.length)))
        return moved(value, "reshape", { shape }, shape);
      // Rows that are made from channels, as after a transposed convolution, go to where rows belong: after the channels.
      const { from, to } = reshapeOrders(value, shape, "last");
      const goal = permuted(shape, to);
      const source = lieTogether(value, from) ? value : arrange(value, from);
      const list = ints(shapeList(goal, value.batched), `${own()}.shape`);
      const name = isResult ? resultName(to) : unique(`${own()}.reshape`);
      const label = isResult ? own() : `${own()}.reshape`;
      return made(add("Reshape", [nameOf(source), list], name, label, {}, current), {
        shape,
        order: to,
        batched: value.batched,
        element: value.element,
        steps: value.steps,
      });
    },
    number: (value, what, element = "f32") => initializer(`${own()}.${what}`, [], element, { data: [value] }),
    numbers: (data, shape, what, element = "f32") =>
      initializer(`${own()}.${what}`, shape, element, { data }),
    ints: (data, what) => ints(data, `${own()}.${what}`),
    output: (value, { name, order }) => {
      // The node's result already has this name.
      if (!free.has(name)) return;
      free.delete(name);
      const there = nameOf(arrange(value, order, name));
      if (there === name) return;
      add("Identity", [there], name, name);
      made(name, { ...value, order });
    },
  };
}

/** Whether the axes have this order except for some of extent 1, which a reshape can move. */
function lieTogether({ shape, order }: Arranged, wanted: readonly number[]): boolean {
  const long = (axes: readonly number[]): number[] => axes.filter((axis) => shape[axis] !== 1);
  return elements(shape) === 1 || sameOrder(long(order), long(wanted));
}

/** Documentation of a node for readers: the kernel that it is fused into, and the pass that made it. */
function docOf({ kernel, origin }: Node): string {
  return [
    kernel === undefined ? [] : `kernel ${kernel}`,
    origin.pass === undefined ? [] : `made by ${[origin.pass, origin.rule ?? []].flat().join(", rule ")}`,
  ]
    .flat()
    .join("; ");
}

/** Makes names unique. */
export function createNames(reserved: Iterable<string>): (name: string) => string {
  const taken = new Set(reserved);
  const counts = new Map<string, number>();
  return (name) => {
    let result = name;
    for (let count = counts.get(name) ?? 2; taken.has(result); count += 1) {
      result = `${name}.${count}`;
      counts.set(name, count + 1);
    }
    taken.add(result);
    return result;
  };
}
