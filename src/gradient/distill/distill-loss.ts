// The loss of distillation: how far the values of a network are from those of its teacher.

import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { channels, elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { GradientBuilder } from "../gradient-builder.js";
import { createBuilder } from "../gradient-builder.js";

/** A value of the network, and the variance of the teacher's value over samples, summed over its elements. */
export interface Compared {
  readonly node: NodeId;
  readonly variance: number;
  /** Whether it is an output, whose values may be logits. */
  readonly isOutput: boolean;
}

export interface DistillLoss {
  /** The module with the loss of a sample, and an input for the target of each value. */
  readonly module: Module;
  readonly loss: NodeId;
  /** The names of those inputs, in the order of the values. */
  readonly targets: readonly string[];
}

/** The temperature at which distributions are compared (Hinton et al. 2015, arXiv 1503.02531). */
const temperature = 2;

/**
 * Σ ‖a − a₀‖² / E‖a₀ − E[a₀]‖² over the values, plus T²·KL(softmax(y₀ / T) ‖ softmax(y / T)) for each output that is a vector of two or more
 * values per sample.
 */
export function distillLoss(module: Module, compared: readonly Compared[]): DistillLoss {
  const build = createBuilder(module, "distill");
  const terms: NodeId[] = [];
  const targets: string[] = [];
  for (const { node, variance, isOutput } of compared) {
    const { name, type } = nodeOf(module.graph, node);
    const target = build.input(`target.${name}`, type.shape);
    targets.push(build.node(target).name);
    const difference = build.op("sub", [node, target]);
    const squares = total(build, build.op("mul", [difference, difference]));
    terms.push(build.op("mul", [squares, build.constant([], 1 / variance)]));
    if (isOutput && channels(type.shape) >= 2 && elements(type.shape) === channels(type.shape))
      terms.push(divergence(build, node, target));
  }
  const loss = terms.reduce((sum, term) => build.op("add", [sum, term]));
  return { module: build.module(), loss, targets };
}

function divergence(build: GradientBuilder, node: NodeId, target: NodeId): NodeId {
  const scale = build.constant([], 1 / temperature);
  const [own, wanted] = [node, target].map((id) => logarithms(build, build.op("mul", [id, scale])));
  const difference = build.op("sub", [wanted ?? target, own ?? node]);
  const weighed = build.op("mul", [build.op("exp", [wanted ?? target]), difference]);
  return build.op("mul", [total(build, weighed), build.constant([], temperature ** 2)]);
}

/** log softmax(x) = x − m − log Σ e^(x − m), where m is the greatest x. */
function logarithms(build: GradientBuilder, x: NodeId): NodeId {
  const greatest = build.op("reduce_max", [x], { axes: [-1], keepdims: true });
  const below = build.op("sub", [x, greatest]);
  const sum = build.op("reduce_sum", [build.op("exp", [below])], { axes: [-1], keepdims: true });
  return build.op("sub", [below, build.op("log", [sum])]);
}

function total(build: GradientBuilder, x: NodeId): NodeId {
  return build.op("reduce_sum", [x], { axes: [], keepdims: false });
}
