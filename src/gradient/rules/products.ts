// Gradients of matrix products.

import { channels, elements } from "#ir/type.js";
import type { NodeId } from "#ir/graph.js";
import type { GradientBuilder } from "../gradient-builder.js";
import type { Rule } from "../rule.js";
import { sumTo } from "./elementwise.js";

export const denseRule: Rule<"dense"> = ({ build, node, gradient, needs }) => {
  const [x = 0, w = 0] = node.inputs;
  const rows = (id: NodeId): NodeId => {
    const shape = build.shape(id);
    return build.reshape(id, [elements(shape) / channels(shape), channels(shape)]);
  };
  const g = rows(gradient);
  return [
    needs(0) ? build.reshape(build.op("matmul", [g, turned(build, w)]), build.shape(x)) : undefined,
    needs(1) ? build.op("matmul", [turned(build, rows(x)), g]) : undefined,
    needs(2) ? build.op("reduce_sum", [g], { axes: [0], keepdims: false }) : undefined,
  ];
};

export const matmulRule: Rule<"matmul"> = ({ build, node, gradient, needs }) => {
  const [a = 0, b = 0] = node.inputs;
  return [
    needs(0) ? sumTo(build, build.op("matmul", [gradient, turned(build, b)]), build.shape(a)) : undefined,
    needs(1) ? sumTo(build, build.op("matmul", [turned(build, a), gradient]), build.shape(b)) : undefined,
  ];
};

/** The last two axes exchanged. */
function turned(build: GradientBuilder, x: NodeId): NodeId {
  const rank = build.shape(x).length;
  return build.transpose(x, [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]);
}
