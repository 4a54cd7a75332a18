// The exports of all ops. An op that has no export does not compile.

import type { Node, OpName } from "#ir/graph.js";
import { opOf } from "#ops/index.js";
import { zeroPointOf } from "#ops/result-type.js";
import type { OnnxBuilder } from "../builder.js";
import type { OnnxValue } from "../onnx-value.js";
import { elementwiseExports } from "./elementwise.js";
import type { Computing, ExportTable, OperatorExport } from "./operator.js";
import { placeExports } from "./places.js";
import { tensorExports } from "./tensors.js";
import { windowExports } from "./windows.js";

const exports: ExportTable<Computing> = {
  ...elementwiseExports,
  ...windowExports,
  ...tensorExports,
  ...placeExports,
};

/** Whether the operand of an op has its channels first. */
export function takesImages(op: OpName): boolean {
  return Object.hasOwn(windowExports, op);
}

/** Builds the ONNX nodes of a node that computes. */
export function exportNode(
  node: Extract<Node, { op: Computing }>,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
): OnnxValue {
  // TypeScript cannot correlate `node.op` with `exports[node.op]`; the table's type guarantees it.
  const one = exports[node.op] as OperatorExport<Computing>;
  return one(node as never, withoutZeros(node, inputs, build), build);
}

/** The operands less their zero points: integers are written as floats. */
function withoutZeros(
  { op, attributes }: Node,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
): readonly OnnxValue[] {
  return inputs.map((value, at) => {
    const zero = zeroPointOf(opOf(op), attributes, at);
    if (zero === 0) return value;
    const name = build.step("Sub", [build.name(value, value.order), build.number(zero, "zero")]);
    return { ...value, from: { kind: "made", name } };
  });
}
