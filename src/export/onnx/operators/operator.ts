// The interface of the exports of ops.

import { bug } from "#diagnostic/diagnostic.js";
import type { NodeOf, OpName } from "#ir/graph.js";
import type { OnnxBuilder } from "../builder.js";
import type { OnnxValue } from "../onnx-value.js";

/** The ops that compute; inputs and constants are not nodes in ONNX. */
export type Computing = Exclude<OpName, "input" | "constant">;

/** Builds the ONNX nodes of a node and returns its value. */
export type OperatorExport<O extends OpName> = (
  node: NodeOf<O>,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
) => OnnxValue;

/** The exports of some ops. */
export type ExportTable<O extends OpName> = { readonly [N in O]: OperatorExport<N> };

/** The operand, which a valid graph has. */
export function operand(inputs: readonly OnnxValue[], at: number): OnnxValue {
  return inputs[at] ?? bug(`operand ${at} is missing`);
}

/** The axis counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
