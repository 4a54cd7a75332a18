// Quantizes a net without samples. Ranges that an activation has anyway are known; those of other values are found in each run.

import { bug } from "#diagnostic/diagnostic.js";
import { greatest, least } from "#diagnostic/extremes.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { channels } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { createIntegerBuilder, keep } from "./graph-builder.js";
import { isMove, isProduct, planKnown, sourcesOf, takesPlaces, unfit } from "./plan.js";
import type { IntegerLayer, Quantization } from "./rewrite.js";
import { withIntegers } from "./rewrite.js";
import { roundWeights } from "./round-weights.js";
import type { Step } from "./steps.js";
import { highest, stepBetween } from "./steps.js";

/** A net of integers, and how the integers of each layer's input are found. */
export interface DynamicNet {
  readonly module: Module;
  /** The layers whose input has a known range. */
  readonly known: Quantization;
  /** The integers of the layers whose input has a scale that each run finds, by their ids. */
  readonly dynamic: { readonly layers: Quantization["layers"] };
}

export function quantizeDynamically(base: Module): DynamicNet {
  const known = knownQuantization(base);
  const first = withIntegers(base, known).module;
  const { graph, weights } = first;
  const builder = createIntegerBuilder(graph, weights);
  const layers = new Map<NodeId, IntegerLayer>();
  const ranges = new Map<
    NodeId,
    { readonly scale: NodeId; readonly integers: NodeId; readonly zero: number }
  >();

  /** The integers of a value, with a scale for each sample from its greatest |value|. */
  const integersOf = (x: Node) => {
    const found = ranges.get(x.id);
    if (found) return found;
    const { shape } = x.type;
    const isUp = isPositive(graph, x.id);
    const size = isUp ? x.id : builder.add(x, "abs", [x.id], {}, `${x.name}.abs`);
    const axes = shape.map((_, axis) => axis).slice(1);
    const peak = builder.add(x, "reduce_max", [size], { axes, keepdims: true }, `${x.name}.peak`);
    const number = (value: number): NodeId =>
      builder.constant(x, `${x.name}.steps`, { dtype: "f32", shape: [] }, Float32Array.of(value));
    const zero = isUp ? 0 : (highest + 1) / 2;
    const ratio = builder.add(x, "mul", [peak, number(1 / (highest - zero))], {}, `${x.name}.ratio`);
    // A sample whose values are all zero has no range.
    const scale = builder.add(
      x,
      "clip",
      [ratio],
      { low: 2 ** -100, high: Number.POSITIVE_INFINITY },
      `${x.name}.scale`,
    );
    const units = builder.add(x, "div", [x.id, scale], {}, `${x.name}.units`);
    const one = Float32Array.of(1);
    const bounds = { zero, low: 0, high: highest };
    const integers = builder.quantize(x, units, one, bounds, `${x.name}.integers`);
    const made = { scale, integers, zero };
    ranges.set(x.id, made);
    return made;
  };

  for (const node of topological(graph)) {
    const [x, w, b] = node.inputs.map((id) => nodeOf(graph, id));
    if (
      !isProduct(node) ||
      node.type.dtype !== "f32" ||
      unfit(graph, node) ||
      (x?.type.shape.length ?? 0) < 2
    ) {
      builder.copy(node);
      continue;
    }
    if (!x || w?.op !== "constant" || b?.op !== "constant")
      return bug(`${node.name} has no constant weights`);
    const filters = channels(w.type.shape);
    const none = new Float32Array(filters);
    const rounded = roundWeights(weights.readF32(w.attributes.weight), none, 1);
    const { integers, scales } = rounded;
    layers.set(node.id, { ...rounded, bias: weights.readF32(b.attributes.weight) });
    const own = integersOf(x);
    const offset = builder.constant(node, `${b.name}.integers`, { dtype: "i32", shape: b.type.shape });
    const kernel = builder.constant(
      node,
      `${w.name}.integers`,
      { dtype: "i8", shape: w.type.shape },
      integers,
    );
    const attributes = { ...node.attributes, zero: own.zero };
    const sum = builder.add(node, node.op, [own.integers, kernel, offset], attributes, `${node.name}.sum`);
    const steps = builder.dequantize(node, sum, scales, 0, `${node.name}.steps`);
    const real = builder.add(node, "mul", [steps, own.scale], {}, `${node.name}.real`);
    builder.add(node, "add", [real, b.id], {}, keep);
  }
  return { module: { weights, graph: builder.finish(graph.outputs) }, known, dynamic: { layers } };
}

/** The quantization of the layers whose inputs have a known range. */
function knownQuantization(base: Module): Quantization {
  const { graph, weights } = base;
  const plan = planKnown(graph, {}, (id) => rangeOf(graph, id) !== undefined);
  const steps = new Map<NodeId, Step>();
  for (const [group, ids] of sourcesOf(graph, plan)) {
    const ranges = ids.map((id) => rangeOf(graph, id) ?? bug("a range is not known"));
    const low = least(
      ranges.map(([one]) => one),
      0,
    );
    const high = greatest(
      ranges.map(([, one]) => one),
      0,
    );
    steps.set(group, stepBetween(low, high));
  }
  const data = (id: NodeId): Float32Array => {
    const node = nodeOf(graph, id);
    return node.op === "constant"
      ? weights.readF32(node.attributes.weight)
      : bug(`${node.name} is no constant`);
  };
  const layers = plan.layers.map(({ id, inputs: [x = -1, w = -1, b = -1] }) => {
    const { scale } = steps.get(plan.groups.get(x) ?? -1) ?? bug("a layer whose input has no step");
    return [id, { ...roundWeights(data(w), data(b), scale), bias: data(b) }] as const;
  });
  return { plan, steps, layers: new Map(layers) };
}

/** The range of a value for all inputs of the net, as far as the op that computes it gives one. */
function rangeOf(graph: Graph, id: NodeId): readonly [number, number] | undefined {
  const node = nodeOf(graph, id);
  switch (node.op) {
    case "relu6":
      return [0, 6];
    case "sigmoid":
    case "hard_sigmoid":
    case "softmax":
      return [0, 1];
    case "tanh":
    case "erf":
      return [-1, 1];
    case "clip": {
      const { low, high } = node.attributes;
      return Number.isFinite(low) && Number.isFinite(high) && low < high ? [low, high] : undefined;
    }
    case "avg_pool":
    case "global_avg_pool":
    case "reduce_mean":
      return withZero(rangeOf(graph, node.inputs[0] ?? -1));
    default: {
      if (!isMove(node) || node.inputs.length === 0) return undefined;
      const moved = node.inputs
        .filter((_, at) => !takesPlaces(node, at))
        .map((input) => rangeOf(graph, input));
      const ranges = moved.flatMap((range) => (range ? [range] : []));
      if (ranges.length < moved.length) return undefined;
      return withZero([least(ranges.map(([low]) => low)), greatest(ranges.map(([, high]) => high))]);
    }
  }
}

/** Whether no value is below zero, for all inputs of the net. */
function isPositive(graph: Graph, id: NodeId): boolean {
  const { op, inputs } = nodeOf(graph, id);
  if (["relu", "square", "abs", "exp", "softplus"].includes(op)) return true;
  if (["max_pool", "avg_pool", "global_avg_pool", "reshape", "pad", "resize"].includes(op))
    return isPositive(graph, inputs[0] ?? -1);
  return (rangeOf(graph, id)?.[0] ?? -1) >= 0;
}

/** A range with the zeros of padding. */
function withZero(range: readonly [number, number] | undefined): readonly [number, number] | undefined {
  return range && [Math.min(0, range[0]), Math.max(0, range[1])];
}
