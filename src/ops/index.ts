// The op table: every op under its name in the language, and typed access to it.

import type { Node, NodeBase, OpName } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import { greatest } from "#diagnostic/extremes.js";
import type { TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { AttributesOf } from "./attributes.js";
import { batch_norm } from "./batch-norm.js";
import { conv2d, depthwise_conv2d } from "./conv.js";
import { conv2d_transpose } from "./conv-transpose.js";
import { gather, scatter } from "./gather.js";
import { group_norm } from "./group-norm.js";
import { layer_norm } from "./layer-norm.js";
import { elementwise } from "./elementwise.js";
import { dense, matmul } from "./matmul.js";
import { non_max_suppression } from "./non-max-suppression.js";
import type { AttributeTable, Attributes, Op, OpClass, Problem } from "./op.js";
import { isProblem } from "./op.js";
import { avg_pool, max_pool } from "./pool.js";
import {
  global_avg_pool,
  global_max_pool,
  reduce_max,
  reduce_mean,
  reduce_min,
  reduce_prod,
  reduce_sum,
  softmax,
} from "./reduce.js";
import { resize } from "./resize.js";
import { concat, pad, reshape, slice, transpose } from "./shape.js";
import { constant, input } from "./source.js";
import { top_k } from "./top-k.js";
import { checked, wrongExtents } from "./window.js";
import { resultType, zeroNames } from "./result-type.js";

/** All ops by name. */
export const ops = {
  input,
  constant,
  conv2d,
  depthwise_conv2d,
  conv2d_transpose,
  dense,
  matmul,
  batch_norm,
  layer_norm,
  group_norm,
  max_pool,
  avg_pool,
  global_avg_pool,
  global_max_pool,
  pad,
  concat,
  slice,
  reshape,
  transpose,
  resize,
  gather,
  scatter,
  top_k,
  non_max_suppression,
  softmax,
  reduce_sum,
  reduce_mean,
  reduce_max,
  reduce_min,
  reduce_prod,
  ...elementwise,
};

type Table = typeof ops;
type Derived = { [O in keyof Table]: AttributesOf<Table[O]["attributes"]> };

declare module "#ir/graph.js" {
  interface OpAttributes extends Derived {}
}

/** The names of all ops. */
export const opNames = Object.keys(ops) as readonly OpName[];

/** Names that are literals everywhere: enum members of attributes, `true` and `false`. */
export const literalNames: ReadonlySet<string> = new Set(
  attributeKinds().flatMap((kind) => kind.members ?? []),
);

/** The texts that are values of attributes, and are written in quotes. */
export const literalTexts: ReadonlySet<string> = new Set(
  attributeKinds().flatMap((kind) => kind.texts ?? []),
);

function attributeKinds() {
  return opNames
    .map(opOf)
    .flatMap((op) => [...Object.values(op.attributes), ...Object.values(op.layer?.attributes ?? {})]);
}

/** All op classes. */
export const opClasses: readonly OpClass[] = [
  "convolution",
  "depthwise",
  "pointwise",
  "matmul",
  "pooling",
  "reduction",
  "elementwise",
  "activation",
  "view",
];

export function isOp(name: string): name is OpName {
  return Object.hasOwn(ops, name);
}

export function isOpClass(name: string): name is OpClass {
  return (opClasses as readonly string[]).includes(name);
}

/**
 * The op of a name, without its attribute types. TypeScript cannot correlate `node.op` with `ops[node.op]`, so this
 * is the only cast of the op table. It is safe because the type `Node` ties attributes to their op.
 */
export function opOf(name: OpName): Op<AttributeTable> {
  return ops[name] as unknown as Op<AttributeTable>;
}

/**
 * The result type of an op on operands of these types, or a problem. This function checks what all ops need:
 * the number of operands, that no tensor is empty or too large to be addressed, and the element types.
 */
export function inferType(
  op: OpName,
  inputs: readonly TensorType[],
  attributes: Attributes,
): TensorType | Problem {
  const wrong = wrongOperands(op, inputs);
  if (wrong) return wrong;
  const type = opOf(op).infer(inputs, attributes);
  if (isProblem(type)) return type;
  const sized = checked(type.shape);
  return isProblem(sized) ? sized : resultType(op, opOf(op), inputs, attributes, type);
}

/** Most operands of a node. The code of its kernels grows with their number: 4,096 compile in seconds, 100,000 in minutes. */
export const operandLimit = 4096;

function wrongOperands(name: OpName, inputs: readonly TensorType[]): Problem | undefined {
  const { operands } = opOf(name);
  const variadic = operands.at(-1)?.variadic ?? false;
  if (variadic ? inputs.length < operands.length : inputs.length !== operands.length) {
    const list = operands.map((operand) => `\`${operand.name}\``).join(", ");
    return {
      problem: `${name} takes ${list || "no operands"}${variadic ? " and more" : ""}, but has ${inputs.length}`,
    };
  }
  if (inputs.length > operandLimit)
    return {
      problem: `it takes up to ${operandLimit} values, not ${inputs.length}: combine parts of them first`,
    };
  for (const [operand, { shape }] of inputs.entries()) {
    const problem = wrongExtents(shape, `\`${(operands[operand] ?? operands.at(-1))?.name ?? "x"}\``);
    if (problem !== undefined) return { problem, operand };
  }
  return undefined;
}

/** Attributes in the normal form of graphs. */
export function normalizeAttributes(
  op: OpName,
  inputs: readonly TensorType[],
  attributes: Attributes,
): Attributes | Problem {
  return opOf(op).normalize?.(inputs, attributes) ?? attributes;
}

/** Multiply-accumulates of a node. */
export function macsOf(node: Node, inputs: readonly TensorType[]): number {
  return opOf(node.op).macs(inputs, node.attributes, node.type);
}

/**
 * The number of terms of the longest sum for one element of a node's result: the MACs per element, the op's `terms`, or the elements that
 * one result of a sum reads. 1 if the op does not sum.
 */
export function termsOf(node: Node, inputs: readonly TensorType[]): number {
  const { errors, terms } = opOf(node.op);
  if (terms) return terms(inputs, node.attributes);
  if (errors === "moves" || errors === "maps") return 1;
  const results = elements(node.type.shape);
  if (errors === "products") return Math.max(1, macsOf(node, inputs) / results);
  return greatest(
    inputs.map(({ shape }) => elements(shape) / results),
    1,
  );
}

/** The reference value of a node that is neither an input nor a constant. */
export function evalNode(node: Node, inputs: readonly Tensor[]): Tensor {
  return opOf(node.op).eval(inputs, node.attributes, node.type);
}

/** Whether a node belongs to a class. `pointwise` is a 1×1 conv2d with one group, stride 1 and no padding. */
export function isMember(name: OpClass, node: Node, inputs: readonly TensorType[]): boolean {
  if (name !== "pointwise") return opOf(node.op).classes.includes(name);
  if (node.op !== "conv2d") return false;
  const [height, width] = inputs[1]?.shape ?? [];
  const { stride, padding, groups } = node.attributes;
  return (
    height === 1 &&
    width === 1 &&
    groups === 1 &&
    stride.every((step) => step === 1) &&
    typeof padding !== "string" &&
    padding.every((extent) => extent === 0)
  );
}

/** Whether a node is a sum of integers less a zero point. */
export function hasZeroPoint(node: Node): boolean {
  const attributes: Attributes = node.attributes;
  return zeroNames(opOf(node.op)).some((name) => Number(attributes[name] ?? 0) !== 0);
}

/** Makes a node from its parts. They fit because `op` and `attributes` come from the same row of the table. */
export function makeNode(
  base: NodeBase & { readonly op: OpName; readonly attributes: Readonly<Record<string, unknown>> },
): Node {
  return base as unknown as Node;
}
