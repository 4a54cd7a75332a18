// The exports of all ops. An op that has no export does not compile.

import type { Node, OpName } from "#ir/graph.js";
import { channelsFirst } from "#ir/axis-order.js";
import { isInteger } from "#ir/type.js";
import type { OnnxBuilder } from "../builder.js";
import { isByte } from "../element-type.js";
import type { OnnxValue, Steps } from "../onnx-value.js";
import { unit } from "../onnx-value.js";
import { sameSteps } from "../steps.js";
import { elementwiseExports } from "./elementwise.js";
import { integerExports, integerOperands, isMean, stepsOfResult } from "./integers.js";
import type { Computing, ExportTable, OperatorExport } from "./operator.js";
import { placeExports } from "./places.js";
import { tensorExports } from "./tensors.js";
import { windowExports } from "./windows.js";

const exports: ExportTable<Computing> = {
  ...elementwiseExports,
  ...windowExports,
  ...tensorExports,
  ...placeExports,
  ...integerExports,
};

/** Whether the operand of an op has its channels first. */
export function takesImages(op: OpName): boolean {
  return Object.hasOwn(windowExports, op);
}

/** Builds the ONNX nodes of a node that computes. `steps` are those of its sum, or of its own scale, if they are known (`stepsOf`). */
export function exportNode(
  node: Extract<Node, { op: Computing }>,
  inputs: readonly OnnxValue[],
  build: OnnxBuilder,
  steps: Steps | undefined,
): OnnxValue {
  const [x] = inputs;
  // The sum is in the steps of this node already.
  if (node.op === "dequantize" && x && steps && x.element === "f32" && x.steps && sameSteps(x.steps, steps))
    return { ...build.view(x, x.order), steps: undefined };
  const own = stepsOfResult(node, inputs, steps);
  if (!isInteger(node.type.dtype)) return resultOf(node, inputs, build, false);
  // Integers take their place before they become f32, so that they do so beside the operator.
  const lying =
    takesImages(node.op) && x && isByte(x.element)
      ? inputs.with(0, build.arranged(x, channelsFirst(4)))
      : inputs;
  const operands = integerOperands(node, lying, build, own ?? unit);
  return { ...resultOf(node, operands, build, isMean(node, inputs, own ?? unit)), steps: own };
}

function resultOf(
  node: Extract<Node, { op: Computing }>,
  operands: readonly OnnxValue[],
  build: OnnxBuilder,
  isMean: boolean,
): OnnxValue {
  if (isMean && node.op === "reduce_sum") {
    const { axes, keepdims } = node.attributes;
    const rank = operands[0]?.shape.length ?? 0;
    const isImage =
      rank === 4 &&
      axes.length === 2 &&
      [1, 2].every((axis) => axes.some((one) => one === axis || one + rank === axis));
    // Runtimes have a global mean of images in integers.
    return isImage
      ? exports.global_avg_pool({ ...node, op: "global_avg_pool", attributes: { keepdims } }, operands, build)
      : exports.reduce_mean({ ...node, op: "reduce_mean" }, operands, build);
  }
  // TypeScript cannot correlate `node.op` with `exports[node.op]`; the table's type guarantees it.
  const one = exports[node.op] as OperatorExport<Computing>;
  return one(node as never, operands, build);
}
