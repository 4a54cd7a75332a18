// Finds the convolutions that can be split, and those that always stay whole, with the reason.

import type { Graph, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { elements, isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { DenseWeightValues } from "./decompose.js";
import type { DenseWeights } from "./form.js";

/** A convolution with a window larger than 1×1, constant weights, and groups of several input channels (or one group). */
export interface Candidate extends DenseWeights {
  readonly node: NodeOf<"conv2d">;
  readonly weight: NodeOf<"constant">;
  /** Height times width times batch, of the input and of the result. */
  readonly inputPixels: number;
  readonly outputPixels: number;
  /** The number of elements of the bias, which a split keeps. */
  readonly bias: number;
}

/** A convolution that no mode splits. */
export interface LeftWhole {
  readonly name: string;
  readonly reason: string;
}

/** The candidates of a graph, in order. */
export function findCandidates({ graph, weights }: Module): Candidate[] {
  return topological(graph).flatMap((node) => {
    if (node.op !== "conv2d" || hindranceOf(graph, node) !== undefined) return [];
    const [x, w, b] = node.inputs;
    const weight = constantAt(graph, w);
    const bias = constantAt(graph, b);
    if (x === undefined || !weight || elements(weight.type.shape.slice(0, 2)) === 1) return [];
    const output = node.type.shape;
    return [
      {
        node,
        weight,
        shape: weight.type.shape,
        groups: node.attributes.groups,
        inputPixels: elements(nodeOf(graph, x).type.shape.slice(0, 3)),
        outputPixels: elements(output.slice(0, 3)),
        bias: bias && isAbsent({ graph, weights }, bias) ? 0 : (output[3] ?? 1),
      },
    ];
  });
}

/** Convolutions with windows that no mode splits, in order, without the depthwise ones. */
export function findWhole({ graph }: Module): LeftWhole[] {
  return topological(graph).flatMap((node) => {
    const reason = hindranceOf(graph, node);
    return reason === undefined ? [] : [{ name: node.name, reason }];
  });
}

function hindranceOf(graph: Graph, node: { readonly op: string; readonly inputs: readonly number[] }) {
  if (node.op === "conv2d_transpose") return "transposed convolutions stay whole";
  if (node.op !== "conv2d") return undefined;
  const { inputs, attributes } = node as NodeOf<"conv2d">;
  const weight = nodeOf(graph, inputs[1] ?? -1);
  const [kh, kw, depth] = weight.type.shape;
  if (kh === 1 && kw === 1) return undefined;
  if (isInteger(weight.type.dtype)) return "its weights are integers: split the model before it is quantized";
  if (weight.op !== "constant") return "its weights are computed by the net";
  if (depth === 1 && attributes.groups > 1) return "its groups have one input channel each";
  return undefined;
}

function constantAt(graph: Graph, id: number | undefined): NodeOf<"constant"> | undefined {
  const node = id === undefined ? undefined : nodeOf(graph, id);
  return node?.op === "constant" ? node : undefined;
}

function isAbsent({ weights }: Module, node: NodeOf<"constant">): boolean {
  return entryOf(weights, node.attributes.weight).source.kind === "absent";
}

/** The weights of a candidate in float64. */
export function weightValues({ shape, groups, weight }: Candidate, { weights }: Module): DenseWeightValues {
  return { shape, groups, data: weights.read(weight.attributes.weight).data };
}

/** ‖W‖². */
export function squaredNorm(candidate: Candidate, module: Module): number {
  return weightValues(candidate, module).data.reduce((sum, value) => sum + value * value, 0);
}
