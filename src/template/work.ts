// What the ops of a kernel compute, and how long a target takes for it. A row of the table of templates chooses one of these functions.

import type { KernelPlan, Node } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import type { TensorType } from "#ir/type.js";
import { storedWeightBytes } from "#ir/target.js";
import { elements } from "#ir/type.js";
import { macsOf } from "#ops/index.js";

/** The work of a node for one sample. */
export interface Work {
  readonly macs: number;
  /** Results of an elementwise op. */
  readonly steps?: number;
  /** Modelled, without memory. */
  readonly seconds: number;
  /** Bytes of transformed weights that are read, minus those of its own weights. */
  readonly moreWeightBytes?: number;
}

/** The work of a stage with operands of these types, in a kernel with this plan. */
export type WorkOf = (
  stage: Node,
  inputs: readonly TensorType[],
  target: Target,
  plan: Pick<KernelPlan, "winograd">,
) => Work;

/** An elementwise step. */
export const mapWork: WorkOf = ({ type }, _, target) => {
  const steps = elements(type.shape);
  return { macs: 0, steps, seconds: steps / target.depthwiseMacs };
};

/** Multiply-accumulates at the rate of dense products. */
export const denseWork: WorkOf = (stage, inputs, target) => {
  const macs = macsOf(stage, inputs);
  return { macs, seconds: macs / target.denseMacs };
};

/** A depthwise convolution. */
export const depthwiseWork: WorkOf = (stage, inputs, target) => {
  const macs = macsOf(stage, inputs);
  return { macs, seconds: (macs * vecsFor(stage, target)) / target.depthwiseMacs };
};

/** The comparisons or additions of a pool, at the rate of depthwise multiply-accumulates. */
export const poolWork: WorkOf = (stage, inputs, target) => {
  const taps = stage.op === "max_pool" || stage.op === "avg_pool" ? elements(stage.attributes.kernel) : 1;
  const each = elements(stage.type.shape) * taps * vecsFor(stage, target);
  return { macs: macsOf(stage, inputs), seconds: each / target.depthwiseMacs };
};

/**
 * A convolution. Groups with one output, or with fewer than lanes, are computed one by one, and each multiplication loads both of its
 * factors: on wasm 56×56×128 → 64 in 64 groups reach 1.4 G MACs a second, where depthwise reaches 12 and dense products 23.
 */
export const convolutionWork: WorkOf = (stage, inputs, target, plan) => {
  const { lanes, depthwiseMacs } = target;
  const groups = stage.op === "conv2d" ? stage.attributes.groups : 1;
  const isNarrow = groups > 1 && (stage.type.shape.at(-1) ?? 1) / groups < Math.max(lanes, 2);
  if (!isNarrow) return denseWork(stage, inputs, target, plan);
  const macs = macsOf(stage, inputs);
  return { macs, seconds: (2 * lanes * macs) / depthwiseMacs };
};

/** A convolution by Winograd's algorithm: the products of its tiles, and the transforms of its inputs and results. */
export const winogradWork: WorkOf = (stage, inputs, target, { winograd }) => {
  const [x, w] = inputs;
  const products = (winograd + 2) ** 2;
  const depth = x?.shape.at(-1) ?? 1;
  const columns = stage.type.shape.at(-1) ?? 1;
  const tiles = tilesOf(stage, winograd);
  const macs = products * tiles * depth * columns;
  return {
    macs,
    seconds: macs / target.denseMacs + (products * tiles * (depth + columns)) / (target.transforms ?? 1),
    moreWeightBytes:
      transformedWeightBytes(inputs, target, winograd) - (w ? storedWeightBytes(w, target) : 0),
  };
};

/** Bytes of the transformed weights of a convolution with operands of these types: those of products of bytes have 16 bits. */
export function transformedWeightBytes(
  [x, w]: readonly TensorType[],
  target: Target,
  winograd: KernelPlan["winograd"],
): number {
  const isOfBytes =
    target.integers && target.lanes > 1 && w?.dtype === "i8" && (x?.dtype === "i8" || x?.dtype === "u8");
  return ((isOfBytes ? 2 : 4) * elements(w?.shape ?? []) * (winograd + 2) ** 2) / 9;
}

/** How many tiles cover a result. */
function tilesOf({ type }: Node, size: number): number {
  const [samples = 1, height = 1, width = 1] = type.shape;
  return samples * Math.ceil(height / size) * Math.ceil(width / size);
}

/** The ratio of computed lanes to channels; channels that fill no vec are computed one by one. */
function vecsFor({ type }: Node, { lanes }: Target): number {
  const depth = type.shape.at(-1) ?? 1;
  return (lanes * (Math.floor(depth / lanes) + (depth % lanes))) / depth;
}
