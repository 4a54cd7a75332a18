// What the integers of a graph stand for. ONNX computes sums of quantized values in f32, so that a runtime can see their scales and compute
// them in integers. So a sum is in the file what the net makes of it: a real number, in the steps in which it is dequantized.

import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, topological, users } from "#ir/node-order.js";
import { channels, elements, integerRanges } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { opOf } from "#ops/index.js";
import { isByte } from "./element-type.js";
import type { Steps } from "./onnx-value.js";

/**
 * The steps of sums (i32) that all their users agree on, and those of conversions with a constant scale. A sum that is missing here is in
 * the file as it is, in steps of 1.
 */
export function stepsOf(module: Module): ReadonlyMap<NodeId, Steps> {
  const { graph } = module;
  const known = new Map<NodeId, Steps>();
  for (const node of topological(graph).toReversed()) {
    if (node.op === "quantize" || node.op === "dequantize") {
      const own = ownSteps(module, node);
      if (own) known.set(node.id, own);
    } else if (node.type.dtype === "i32" && !outputIds(graph).has(node.id)) {
      const wanted = (users(graph).get(node.id) ?? []).map((id) =>
        passedOn(graph, nodeOf(graph, id), node, known.get(id)),
      );
      const [first] = wanted;
      if (first && wanted.every((one) => one && sameSteps(one, first)) && canHave(graph, node, first))
        known.set(node.id, first);
    }
  }
  return known;
}

export function sameSteps(a: Steps, b: Steps): boolean {
  return (
    a.zero === b.zero && a.scale.length === b.scale.length && a.scale.every((one, at) => one === b.scale[at])
  );
}

/** The constant scale and the zero point of a conversion. */
function ownSteps(
  { graph, weights }: Module,
  node: Node & { op: "quantize" | "dequantize" },
): Steps | undefined {
  const scale = graph.nodes.get(node.inputs[1] ?? -1);
  if (scale?.op !== "constant") return undefined;
  const { shape } = scale.type;
  const count = elements(shape);
  if (count !== 1 && (shape.at(-1) !== count || channels(node.type.shape) !== count)) return undefined;
  const values = weights.readF32(scale.attributes.weight).slice();
  const isUsable = values.every((one) => one !== 0 && Number.isFinite(one));
  return isUsable ? { scale: values, zero: node.attributes.zero } : undefined;
}

/** The steps that a user with these steps wants its operand to have. */
function passedOn(graph: Graph, user: Node, { id, type }: Node, steps: Steps | undefined): Steps | undefined {
  if (!steps || user.op === "dequantize") return steps;
  const isPlain =
    steps.zero === 0 && (steps.scale.length === 1 || channels(type.shape) === steps.scale.length);
  switch (opOf(user.op).integers) {
    case "adds":
      return isPlain ? steps : undefined;
    case "sums":
      // A bias, or the terms of a sum over axes.
      return isPlain && (user.inputs[2] === id || isMove(graph, user)) ? steps : undefined;
    default:
      return steps;
  }
}

/** Whether the file can have a sum in these steps. */
function canHave(graph: Graph, node: Node, { scale, zero }: Steps): boolean {
  const x = graph.nodes.get(node.inputs[0] ?? -1);
  const { integers } = opOf(node.op);
  if (!x || integers === undefined || integers === "converts") return false;
  if (node.op === "reduce_sum" && isByte(x.type.dtype)) {
    // Each term has the same share of the zero point.
    const share = zero / termsOf(x, node);
    const [least, greatest] = integerRanges[x.type.dtype];
    return scale.length === 1 && Number.isInteger(share) && share >= least && share <= greatest;
  }
  if (zero !== 0) return false;
  if (isMove(graph, node)) {
    const isFilled = node.op === "pad" && node.attributes.value !== 0;
    return scale.length === 1 && (scale[0] ?? 0) > 0 && !isFilled;
  }
  if (integers === "adds")
    return (
      scale.length === 1 || node.inputs.every((id) => channels(nodeOf(graph, id).type.shape) === scale.length)
    );
  return node.op !== "reduce_sum";
}

/** The number of terms of a sum over axes. */
export function termsOf(x: Node | { readonly shape: readonly number[] }, node: Node): number {
  return elements("type" in x ? x.type.shape : x.shape) / elements(node.type.shape);
}

/** Whether the integers of a sum may be multiplied before it: it moves them, or sums i32. */
function isMove(graph: Graph, node: Node): boolean {
  const x = graph.nodes.get(node.inputs[0] ?? -1);
  return (
    opOf(node.op).integers === "moves" ||
    (node.op === "reduce_sum" && x !== undefined && x.type.dtype === "i32")
  );
}
