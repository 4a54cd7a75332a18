// What the importer of an operator gets and gives: the node with its attributes read by kind, and the values around it.

import { bug } from "#diagnostic/diagnostic.js";
import type { AttributeValue, OpName } from "#ir/graph.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Builder } from "./builder.js";
import { smallLimit } from "./builder.js";
import type { ElementType } from "./element-type.js";
import { float32, int64 } from "./element-type.js";
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from "#onnx/proto/onnx_pb.js";
import { quote, refuse } from "./refusal.js";
import type { Ref, Value } from "./value.js";
import { natural, permuted } from "#onnx/order.js";

/** A node of the model. What is missing or of another kind than asked for is refused. */
export interface OnnxNode {
  readonly op: string;
  readonly opset: number;
  readonly inputs: number;
  /** Names of the results that are used, in place; an unused one is undefined. */
  readonly outputs: readonly (string | undefined)[];
  input(at: number): Value;
  optional(at: number): Value | undefined;
  int(name: string, otherwise?: number): number;
  float(name: string, otherwise?: number): number;
  text(name: string, otherwise?: string): string;
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  tensor(name: string): TensorProto | undefined;
  graph(name: string): GraphProto | undefined;
}

/** What operators are built with. */
export interface Context {
  readonly build: Builder;
  /** A tensor of an attribute as a value. */
  constant(proto: TensorProto): Value;
  /** The results of a subgraph, which sees the values around it. */
  inline(graph: GraphProto): readonly Value[];
}

/** Turns one node into values, one for each of its results. */
export type OperatorImport = (node: OnnxNode, ctx: Context) => Value | readonly Value[];

export type OperatorTable = Readonly<Record<string, OperatorImport>>;

/** A value over a reference, its axes in their natural order or another one. */
export function valueOf(ref: Ref, type: ElementType = float32, order = natural(ref.shape.length)): Value {
  const shape = new Array<number>(order.length).fill(1);
  for (const [place, axis] of order.entries()) shape[axis] = ref.shape[place] ?? 1;
  if (ref.kind === "constant" && !order.every((axis, at) => axis === at)) bug("a constant out of order");
  return { type, shape, ref, order };
}

/** A value over a reference in this order; a constant is brought back to the natural one. */
export function ordered(
  ctx: Context,
  ref: Ref,
  order: readonly number[],
  type: ElementType = float32,
): Value {
  if (ref.kind === "node") return valueOf(ref, type, [...order]);
  const shape = new Array<number>(order.length).fill(1);
  for (const [place, axis] of order.entries()) shape[axis] = ref.shape[place] ?? 1;
  const back = order.map((_, axis) => order.indexOf(axis));
  const same = back.every((axis, at) => axis === at);
  return valueOf(same ? ref : ctx.build.emit("transpose", [ref], { perm: back }), type);
}

/** A constant of whole numbers. */
export function intsValue(ctx: Context, numbers: readonly number[], shape: Shape = [numbers.length]): Value {
  return valueOf(ctx.build.literal(numbers, shape), int64);
}

/** The numbers of a value that has to be known at import time. */
export function numbersOf(value: Value, what: string): readonly number[] {
  if (value.ref.kind !== "constant")
    refuse(
      "needs-constant",
      `${what} is computed from the inputs, but has to be known when the model is compiled`,
    );
  if (elements(value.shape) > smallLimit)
    refuse("unsupported-operator", `${what} has ${elements(value.shape)} numbers, more than ${smallLimit}`);
  return [...value.ref.numbers()];
}

/** The one number of a value that has to be known. */
export function numberOf(value: Value, what: string): number {
  const numbers = numbersOf(value, what);
  const [number] = numbers;
  if (number === undefined || numbers.length !== 1)
    refuse("bad-model", `${what} has ${numbers.length} numbers instead of one`);
  return number;
}

/** A reference to a value that has to be a weight. */
export function weightOf(value: Value, what: string): Ref {
  if (value.ref.kind !== "constant")
    refuse(
      "needs-constant",
      `${what} is computed from the inputs, but has to be a weight`,
      "give it as an initializer of the model",
    );
  return value.ref;
}

/** The axis counted from the front; refused if the value has none such. */
export function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!(at >= 0 && at < Math.max(rank, 1))) refuse("bad-model", `axis ${axis} of a value with ${rank} axes`);
  return at;
}

/** Applies an op of one operand that treats all elements alike. */
export function map(
  ctx: Context,
  op: OpName,
  x: Value,
  attributes: Readonly<Record<string, AttributeValue>> = {},
): Value {
  return { ...x, ref: ctx.build.emit(op, [x.ref], attributes) };
}

/** The shape of a value as its reference has it, in another order. */
export function shapeIn(value: Value, order: readonly number[]): Shape {
  return permuted(value.shape, order);
}

/** Reads attributes by name and kind. */
export function attributesOf(
  node: NodeProto,
): Pick<OnnxNode, "int" | "float" | "text" | "ints" | "floats" | "tensor" | "graph"> {
  const table = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  const find = (name: string): AttributeProto | undefined => table.get(name);
  const missing = (name: string): never => refuse("bad-model", `the attribute ${quote(name)} is missing`);
  const whole = (value: bigint): number => {
    // INT64_MAX stands for "to the end" in slices; it only has to stay large.
    const number = Number(value);
    return Math.max(Math.min(number, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
  };
  return {
    int: (name, otherwise) => {
      const found = find(name);
      return found ? whole(found.i) : (otherwise ?? missing(name));
    },
    float: (name, otherwise) => {
      const found = find(name);
      return found ? shortest(found.f) : (otherwise ?? missing(name));
    },
    text: (name, otherwise) => {
      const found = find(name);
      return found ? new TextDecoder().decode(found.s.subarray(0, 1000)) : (otherwise ?? missing(name));
    },
    ints: (name) => find(name)?.ints.map(whole),
    floats: (name) => find(name)?.floats,
    tensor: (name) => find(name)?.t,
    graph: (name) => find(name)?.g,
  };
}

/** The number with the fewest digits that is the same f32: 10⁻⁵ is meant where the file has its f32. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
