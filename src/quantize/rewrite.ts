// Rewrites a net of f32 values into one of integers, by a plan and the steps of its values. docs/integers.md says what the ops compute.

import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { elements, sameShape } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { createIntegerBuilder, keep } from "./graph-builder.js";
import type { IntegerPlan, Product } from "./plan.js";
import { cutOf, highestOf, isMove, takesPlaces } from "./plan.js";
import type { RoundedWeights } from "./round-weights.js";
import type { Step } from "./steps.js";
import { highest, integerOf } from "./steps.js";

/** A layer's weights as integers, and its bias as a real number for each output channel. */
export interface IntegerLayer extends RoundedWeights {
  readonly bias: ArrayLike<number>;
}

export interface Quantization {
  readonly plan: IntegerPlan;
  /** The step of each group of the plan. */
  readonly steps: ReadonlyMap<NodeId, Step>;
  /** By the ids of the plan's layers. */
  readonly layers: ReadonlyMap<NodeId, IntegerLayer>;
}

export interface IntegerModule {
  readonly module: Module;
  /** The nodes that sum integers, by the ids of the plan's layers. */
  readonly sums: ReadonlyMap<NodeId, NodeId>;
  /** The integers of inputs and constants, whose own ids stay those of the f32 values. */
  readonly sources: ReadonlyMap<NodeId, NodeId>;
}

/**
 * The net in integers. Nodes keep their ids and names: an id of the plan's groups is that of the integers, any other that of the f32 value.
 * Equal plans give equal new ids.
 */
export function withIntegers({ graph, weights }: Module, quantization: Quantization): IntegerModule {
  const { plan, steps, layers } = quantization;
  const builder = createIntegerBuilder(graph, weights);
  const products = new Map(plan.layers.map((layer) => [layer.id, layer]));
  const sums = new Map<NodeId, NodeId>();
  /** The integers of inputs and constants, whose own ids are those of their f32 values. */
  const sources = new Map<NodeId, NodeId>();
  const reals = new Map<NodeId, NodeId>();

  const stepOf = (id: NodeId): Step | undefined => {
    const group = plan.groups.get(id);
    return group === undefined ? undefined : (steps.get(group) ?? bug(`no step for ${group}`));
  };
  const integersOf = (id: NodeId): NodeId => sources.get(id) ?? id;

  const sumOf = (layer: Product): NodeId => {
    const { integers, scales, bias } = layers.get(layer.id) ?? bug(`${layer.name} has no integers`);
    const [x = -1, w = -1, b = -1] = layer.inputs;
    const step = stepOf(x) ?? bug(`${layer.name} has no integer input`);
    const [kernel, offset] = [nodeOf(graph, w), nodeOf(graph, b)];
    const offsets = scales.map((scale, at) => Math.round((bias[at] ?? 0) / (scale * step.scale)) + 0);
    const inputs = [
      integersOf(x),
      builder.constant(layer, `${kernel.name}.integers`, { dtype: "i8", shape: kernel.type.shape }, integers),
      builder.constant(layer, `${offset.name}.integers`, { dtype: "i32", shape: offset.type.shape }, offsets),
    ];
    const attributes = { ...layer.attributes, zero: step.zero };
    const sum = builder.add(layer, layer.op, inputs, attributes, `${layer.name}.sum`);
    sums.set(layer.id, sum);
    return sum;
  };

  /** A node's value in units of `unit`, computed from integers where it can be. It takes the node's id if `isOwn`. */
  const compute = (id: NodeId, unit: number, isOwn: boolean): NodeId => {
    const node = nodeOf(graph, id);
    const name = isOwn ? keep : `${node.name}.scaled`;
    const layer = products.get(id);
    if (layer) {
      const { scale = 1 } = stepOf(layer.inputs[0] ?? -1) ?? {};
      const { scales } = layers.get(id) ?? bug(`${node.name} has no integers`);
      return builder.dequantize(
        node,
        sumOf(layer),
        scales.map((one) => (scale * one) / unit),
        0,
        name,
      );
    }
    const [x = -1] = node.inputs;
    const step = stepOf(x);
    if (step && isWholeMean(node, plan)) {
      const count = elements(nodeOf(graph, x).type.shape) / elements(node.type.shape);
      const { keepdims } = node.attributes;
      const axes = node.op === "reduce_mean" ? node.attributes.axes : [1, 2];
      const sum = builder.add(node, "reduce_sum", [integersOf(x)], { axes, keepdims }, `${node.name}.sum`);
      const scale = Float32Array.of(step.scale / (count * unit));
      return builder.dequantize(node, sum, scale, step.zero * count, name);
    }
    const scalable = proportional(graph, node);
    const inputs = node.inputs.map((input, at) => operandOf(node, input, scalable.includes(at) ? unit : 1));
    return builder.add(node, node.op, inputs, node.attributes, name);
  };

  /** A value that a node reads, in units of `unit`. */
  const operandOf = (near: Node, id: NodeId, unit: number): NodeId => {
    const node = nodeOf(graph, id);
    const step = stepOf(id);
    if (plan.carried.has(id)) return compute(id, unit, true);
    // What becomes f32 reads an input as it is, for instance an image to which the result of layers is added.
    const isExact = !plan.carried.has(near.id) && !stepOf(near.id);
    if (unit === 1 && (isExact || !sources.has(id) || node.op === "constant")) return realOf(id);
    if (step)
      return builder.dequantize(
        near,
        integersOf(id),
        Float32Array.of(step.scale / unit),
        step.zero,
        `${node.name}.real`,
      );
    if (node.op !== "constant") return bug(`${node.name} has no step`);
    const data = weights.readF32(node.attributes.weight).map((value) => value / unit);
    return builder.constant(near, node.name, node.type, data);
  };

  /** The f32 value of a node that is not carried. */
  const realOf = (id: NodeId): NodeId => {
    const node = nodeOf(graph, id);
    const step = stepOf(id);
    if (!step || sources.has(id)) return id;
    const known = reals.get(id);
    if (known !== undefined) return known;
    const real = builder.dequantize(node, id, Float32Array.of(step.scale), step.zero, `${node.name}.real`);
    reals.set(id, real);
    return real;
  };

  /** Whether `compute` can give a node's value in any unit. */
  const isScalable = (node: Node): boolean => {
    if (products.has(node.id) || isWholeMean(node, plan)) return true;
    const scalable = proportional(graph, node);
    return (
      scalable.length > 0 &&
      scalable.every((at) => {
        const input = nodeOf(graph, node.inputs[at] ?? -1);
        if (plan.carried.has(input.id)) return isScalable(input);
        return stepOf(input.id) !== undefined || input.op === "constant";
      })
    );
  };

  /** Rounds the value of a node to integers. Activations that only cut off become bounds of the integers, which is exact. */
  const quantize = (node: Node, step: Step): void => {
    const { inner, low, high } = withoutCuts(graph, plan, node, step);
    const isRead = inner !== node && !plan.carried.has(inner.id);
    const canScale = isRead ? stepOf(inner.id) !== undefined : isScalable(inner);
    const unit = canScale ? unitFor(inner, step) : 1;
    const value = isRead ? operandOf(node, inner.id, unit) : compute(inner.id, unit, inner !== node);
    builder.quantize(node, value, Float32Array.of(step.scale / unit), { zero: step.zero, low, high }, keep);
  };

  /** Means of whole numbers are exact sums, so they are taken in units of their operand; other values in those of the result. */
  const unitFor = (node: Node, { scale }: Step): number =>
    (node.op === "avg_pool" ? stepOf(node.inputs[0] ?? -1)?.scale : undefined) ?? scale;

  const move = (node: Node, step: Step): void => {
    const inputs = node.inputs.map((id, at) => (takesPlaces(node, at) ? realOf(id) : integersOf(id)));
    const attributes = node.op === "pad" ? { ...node.attributes, value: step.zero } : node.attributes;
    builder.add(node, node.op, inputs, attributes, keep);
  };

  for (const node of topological(graph)) {
    const step = stepOf(node.id);
    if (plan.carried.has(node.id)) continue;
    if (node.op === "input" || node.op === "constant") {
      builder.copy(node);
      if (!step) continue;
      const bounds = { zero: step.zero, low: 0, high: highest };
      const scale = Float32Array.of(step.scale);
      sources.set(node.id, builder.quantize(node, node.id, scale, bounds, `${node.name}.integers`));
    } else if (!step) compute(node.id, 1, true);
    else if (isMove(node) && node.op !== "resize") move(node, step);
    else quantize(node, step);
  }
  const outputs = graph.outputs.map((output) => ({ ...output, node: realOf(output.node) }));
  return { module: { weights, graph: builder.finish(outputs) }, sums, sources };
}

/** Whether a node is a mean of integers over whole axes: their sum is exact, and has another scale. */
function isWholeMean(
  node: Node,
  plan: IntegerPlan,
): node is NodeOf<"global_avg_pool"> | NodeOf<"reduce_mean"> {
  return (
    (node.op === "global_avg_pool" || node.op === "reduce_mean") && plan.groups.has(node.inputs[0] ?? -1)
  );
}

/** The operands to which the result of an op is proportional, if all of them change by one factor. */
function proportional(graph: Graph, node: Node): readonly number[] {
  switch (node.op) {
    case "add":
    case "sub":
    case "max":
    case "min":
      return [0, 1];
    case "where":
      return [1, 2];
    case "mul":
      // One of them; a factor for each channel, such as a gate, stays as it is.
      return [sameShape(nodeOf(graph, node.inputs[0] ?? -1).type.shape, node.type.shape) ? 0 : 1];
    case "relu":
    case "leaky_relu":
    case "prelu":
    case "neg":
    case "abs":
    case "identity":
    case "div":
    case "avg_pool":
    case "resize":
      return [0];
    default:
      return [];
  }
}

/** A node without the activations at its end that only cut off, and the bounds of integers that do the same. */
function withoutCuts(graph: Graph, plan: IntegerPlan, node: Node, step: Step) {
  let [low, high] = [0, highestOf(plan, node.id)];
  let inner = node;
  const within = (value: number): number => Math.min(Math.max(value, low), high);
  for (let cut = cutOf(inner); cut && (inner === node || plan.carried.has(inner.id)); cut = cutOf(inner)) {
    [low, high] = [within(integerOf(cut[0], step)), within(integerOf(cut[1], step))];
    inner = nodeOf(graph, inner.inputs[0] ?? -1);
  }
  return { inner, low, high };
}
