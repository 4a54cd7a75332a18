// The convolutions that can be split, and the ways to split each.

import type { Target } from "#ir/target.js";
import type { Graph, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { fullMultiplier, squaredErrors } from "./decompose.js";
import type { SplitCost, SplitOrder } from "./report.js";

/** A convolution with one group, a kernel larger than 1×1 and constant weights. */
export interface Candidate {
  readonly node: NodeOf<"conv2d">;
  readonly kernel: NodeOf<"constant">;
  /** `[kh, kw, ci, co]`. */
  readonly shape: readonly number[];
  /** Height times width of input and result, times the batch. */
  readonly inputPixels: number;
  readonly outputPixels: number;
  readonly outputWidth: number;
  readonly inputWidth: number;
  /** Parameters of the bias, which a split keeps. */
  readonly bias: number;
}

/** A way to have a layer: whole, or split. */
export interface Choice {
  /** Absent for the whole layer. */
  readonly split?: { readonly order: SplitOrder; readonly m: number };
  readonly cost: SplitCost;
  /** Modelled seconds on the target. */
  readonly seconds: number;
  /** ‖W − Ŵ‖². */
  readonly squaredError: number;
}

/** The candidates of a graph, in order. */
export function findCandidates({ graph, weights }: Module): Candidate[] {
  return topological(graph).flatMap((node) => {
    if (node.op !== "conv2d" || node.attributes.groups !== 1) return [];
    const [x, w, b] = node.inputs;
    const kernel = constantAt(graph, w);
    const bias = constantAt(graph, b);
    if (x === undefined || !kernel || elements(kernel.type.shape.slice(0, 2)) === 1) return [];
    const input = nodeOf(graph, x).type.shape;
    const output = node.type.shape;
    return [
      {
        node,
        kernel,
        shape: kernel.type.shape,
        inputPixels: elements(input.slice(0, 3)),
        outputPixels: elements(output.slice(0, 3)),
        inputWidth: input[2] ?? 1,
        outputWidth: output[2] ?? 1,
        bias: bias && isAbsent({ graph, weights }, bias) ? 0 : (output[3] ?? 1),
      },
    ];
  });
}

function constantAt(graph: Graph, id: number | undefined): NodeOf<"constant"> | undefined {
  const node = id === undefined ? undefined : nodeOf(graph, id);
  return node?.op === "constant" ? node : undefined;
}

function isAbsent({ weights }: Module, node: NodeOf<"constant">): boolean {
  return entryOf(weights, node.attributes.weight).source.kind === "absent";
}

/** The layer as it is. */
export function wholeChoice(candidate: Candidate, target: Target): Choice {
  const { shape, outputPixels, bias } = candidate;
  const parameters = elements(shape) + bias;
  const macs = elements(shape) * outputPixels;
  const bytes = 4 * (parameters + outputPixels * (shape[3] ?? 1));
  const seconds = macs / target.denseMacs + bytes / target.bytes + target.launch;
  return { cost: { parameters, macs, bytes }, seconds, squaredError: 0 };
}

/** The layer split, with multiplier m, which is made no larger than the full one. */
export function splitChoice(
  candidate: Candidate,
  target: Target,
  order: SplitOrder,
  multiplier: number,
  squaredError: number,
): Choice {
  const { inputPixels, outputPixels, bias } = candidate;
  const [kh = 1, kw = 1, ci = 1, co = 1] = candidate.shape;
  const m = Math.min(multiplier, fullMultiplier(candidate.shape, order));
  const first = order === "depthwise-pointwise";
  const between = m * (first ? ci : co);
  const pointwisePixels = first ? outputPixels : inputPixels;
  const depthwiseMacs = outputPixels * between * kh * kw;
  const pointwiseMacs = pointwisePixels * m * ci * co;
  const parameters = m * (kh * kw * (first ? ci : co) + ci * co) + bias;
  // Depthwise → pointwise fuses into one kernel if a row of what is between fits on chip; the other order is two kernels.
  const row = 4 * candidate.outputWidth * between + 4 * kh * candidate.inputWidth * ci;
  const fused = first && (target.chains ?? ["separable"]).includes("separable") && row <= target.scratchBytes;
  const traffic = fused ? 0 : 2 * 4 * pointwisePixels * between;
  const bytes = 4 * (parameters + outputPixels * co) + traffic;
  const seconds =
    depthwiseMacs / target.depthwiseMacs +
    pointwiseMacs / target.denseMacs +
    bytes / target.bytes +
    (fused ? 1 : 2) * target.launch;
  const macs = depthwiseMacs + pointwiseMacs;
  return { split: { order, m }, cost: { parameters, macs, bytes }, seconds, squaredError };
}

export const orders: readonly SplitOrder[] = ["depthwise-pointwise", "pointwise-depthwise"];

/** The ways to split a layer, with the errors of its weights; without those that `isOutdone` by another. */
export function splitChoices(candidate: Candidate, target: Target, module: Module): Choice[] {
  const kernel = module.weights.read(candidate.kernel.attributes.weight);
  const all = orders.flatMap((order) =>
    squaredErrors(kernel, order).flatMap((error, m) =>
      m === 0 ? [] : [splitChoice(candidate, target, order, m, error)],
    ),
  );
  return all.filter((choice) => !all.some((other) => isOutdone(choice, other)));
}

/**
 * Two orders with the same multiplier often take as many MACs and lose as much, within noise. Then the one that the target
 * runs faster is better: depthwise → pointwise fuses into one kernel, the other order writes what is between.
 */
function isOutdone(choice: Choice, by: Choice): boolean {
  return (
    by.seconds < choice.seconds &&
    by.cost.macs <= 1.01 * choice.cost.macs &&
    by.squaredError <= 1.02 * choice.squaredError &&
    by.split?.m === choice.split?.m
  );
}

/** ‖W‖². */
export function squaredNorm(candidate: Candidate, { weights }: Module): number {
  return weights.read(candidate.kernel.attributes.weight).data.reduce((sum, value) => sum + value * value, 0);
}
