// The exports of all ops. An op that has no export does not compile.

import type { Node, OpName } from "#ir/graph.js";
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
  return one(node as never, inputs, build);
}
