// The modelled cost of one kernel of a schedule: bytes, multiply-accumulates and time.

import type { Node } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { storedBytes, storedWeightBytes, weightBandwidth } from "#ir/target.js";
import { entryOf } from "#ir/weights.js";
import { isByteSum } from "#template/byte-sums.js";
import { workOf } from "#template/cost.js";
import type { Group, Schedule, Source } from "./schedule.js";

/** Costs of a kernel at batch 1. */
export interface KernelCost {
  /** Tensors and weights that are read, each once, and what the strips of a fused kernel read again. */
  readonly bytesRead: number;
  /** The part of these that are weights. */
  readonly weightBytes: number;
  readonly bytesWritten: number;
  /** Multiply-accumulates that are computed, including repeated ones; for Winograd's algorithm only its products. */
  readonly macs: number;
  /** The part of these that are products of bytes, in sums of integers. */
  readonly integerMacs: number;
  /** Results of elementwise ops. */
  readonly steps: number;
  /** Modelled seconds for computing and for memory; `seconds` is their sum plus the start of a kernel. */
  readonly computeSeconds: number;
  readonly memorySeconds: number;
  readonly seconds: number;
}

/**
 * The cost of a group: dense and depthwise MACs at their rates; elementwise results and the comparisons of pools as depthwise MACs; traffic
 * of tensors, as `costOf` weighs it for fusing; and traffic of weights, at the rate of the memory that can hold those of all kernels. The
 * terms are added, not overlapped, so that kernels can be compared.
 */
export function kernelCost(schedule: Schedule, group: Group): KernelCost {
  const { graph, target } = schedule;
  // A copy has the node whose value it copies, and computes nothing.
  const nodes = group.plan.template === "copy" ? [] : group.nodes.map((id) => nodeOf(graph, id));
  const work = nodes.map((node) => ({ node, ...workOf(graph, node, target, group.plan) }));
  const sum = (of: (one: (typeof work)[number]) => number | undefined): number =>
    work.reduce((all, one) => all + (of(one) ?? 0), 0);
  const sources = sourcesOf(schedule, group);
  const read = (kind: Source["kind"]): number =>
    sources.reduce((all, source) => all + (source.kind === kind ? bytesOfSource(source, target) : 0), 0);
  const weights = read("weight") + sum((one) => one.moreWeightBytes);
  const bytesWritten = storedBytes(group.output.type, target);
  const tensors = read("view") + group.plan.extraBytes + bytesWritten;
  const memorySeconds = weights / weightBandwidth(target, schedule.weightBytes) + tensors / target.bytes;
  const macs = sum((one) => one.macs);
  const inIntegers = (node: Node): boolean => target.lanes > 1 && isByteSum(graph, node, target);
  const integers = sum(({ node, macs: own }) => (inIntegers(node) ? own : 0));
  const computeSeconds = sum((one) => one.seconds) + group.plan.extraSeconds;
  return {
    bytesRead: Math.round(weights + tensors - bytesWritten),
    weightBytes: Math.round(weights),
    bytesWritten,
    macs: Math.round(macs + group.plan.extraMacs),
    // What strips compute again is in the same proportion.
    integerMacs: macs === 0 ? 0 : Math.round(integers * (1 + group.plan.extraMacs / macs)),
    steps: sum((one) => one.steps),
    computeSeconds,
    memorySeconds,
    seconds: target.launch + computeSeconds + memorySeconds,
  };
}

/** Bytes of the elements of a source in the memory of a target. */
export function bytesOfSource(source: Source, target: Target): number {
  return source.kind === "view"
    ? storedBytes(source.view.type, target)
    : storedWeightBytes(source.type, target);
}

/** Everything that a kernel reads, each once; omitted weights are not read. */
export function sourcesOf({ weights }: Schedule, { input, prologue, stages }: Group): Source[] {
  const steps = [...prologue, ...stages.flatMap((stage) => stage.epilogue)];
  const all = [
    input,
    ...stages.flatMap(({ operands, added }) => [
      ...operands.values(),
      ...(added ? [added.input, ...added.operands.values()] : []),
    ]),
    ...steps.flatMap((step) => [...step.sides.values()].map((side) => side.source)),
  ];
  const byKey = new Map<string, Source>();
  for (const source of all) {
    if (source.kind === "view")
      byKey.set(`${source.view.offset} ${source.view.type.shape.join("x")}`, source);
    else if (entryOf(weights, source.weight).source.kind !== "absent") byKey.set(source.weight, source);
  }
  return [...byKey.values()];
}
