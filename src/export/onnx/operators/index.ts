// The exports of all ops. An op that has no export does not compile.

import type { Node, OpName } from "#ir/graph.js";
import { channelsFirst, natural, sameOrder } from "#ir/axis-order.js";
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
  // Integers take their places before they become f32, so that they do so beside the operator.
  const asMean = isMean(node, inputs, own ?? unit);
  const lying = inputs.map((value, at) =>
    value.from.kind === "made" && isByte(value.element) && (at === 0 || node.op === "matmul")
      ? build.arranged(value, orderFor(node, value, asMean))
      : value,
  );
  const operands = integerOperands(node, lying, build, own ?? unit);
  return { ...resultOf(node, operands, build, asMean), steps: own };
}

/** The order of the axes in which the operator of a node of integers reads a value. */
function orderFor(node: Node, { shape, order }: OnnxValue, asMean: boolean): readonly number[] {
  const rank = shape.length;
  if (takesImages(node.op) || (asMean && isOverImage(node, rank))) return channelsFirst(rank);
  const isImage = node.op === "dense" && rank === 4 && sameOrder(order, channelsFirst(4));
  return (node.op === "dense" || node.op === "matmul") && !isImage ? natural(rank) : order;
}

/** Whether a node reduces the pixels of images. */
function isOverImage(node: Node, rank: number): boolean {
  if (node.op !== "reduce_sum") return false;
  const { axes } = node.attributes;
  const has = (axis: number): boolean => axes.includes(axis) || axes.includes(axis - rank);
  return rank === 4 && axes.length === 2 && has(1) && has(2);
}

function resultOf(
  node: Extract<Node, { op: Computing }>,
  operands: readonly OnnxValue[],
  build: OnnxBuilder,
  isMean: boolean,
): OnnxValue {
  if (isMean && node.op === "reduce_sum") {
    const { keepdims } = node.attributes;
    // Runtimes have a global mean of images in integers.
    return isOverImage(node, operands[0]?.shape.length ?? 0)
      ? exports.global_avg_pool({ ...node, op: "global_avg_pool", attributes: { keepdims } }, operands, build)
      : exports.reduce_mean({ ...node, op: "reduce_mean" }, operands, build);
  }
  // TypeScript cannot correlate `node.op` with `exports[node.op]`; the table's type guarantees it.
  const one = exports[node.op] as OperatorExport<Computing>;
  return one(node as never, operands, build);
}
