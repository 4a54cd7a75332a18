// What the cost model says of one kernel of a schedule: bytes, multiply-accumulates and time.

import type { Node } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { weightBandwidth } from "#ir/target.js";
import { elements } from "#ir/type.js";
import { entryOf } from "#ir/weights.js";
import { macsOf, opOf } from "#ops/index.js";
import type { Group, Schedule, Source } from "./schedule.js";
import { bytesOfWeights, winogradCost } from "./winograd.js";

/** Costs of a kernel at batch 1. */
export interface KernelCost {
  /** Tensors and weights that are read, each once, and what the strips of a fused kernel read again. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Multiply-accumulates that are done: those that are done again included, and by Winograd's algorithm only its products. */
  readonly macs: number;
  /** Results of elementwise ops. */
  readonly steps: number;
  /** Modelled seconds of computing and of memory; `seconds` is their sum with the start of a kernel. */
  readonly computeSeconds: number;
  readonly memorySeconds: number;
  readonly seconds: number;
}

/**
 * The cost of a group: dense and depthwise MACs at their rates; elementwise results, and what pools compare, as depthwise
 * MACs; traffic of tensors, as `costOf` weighs it for fusing, and of weights, which come from the place that holds those of all kernels.
 * The terms are added, so that they can be compared; they do not overlap.
 */
export function kernelCost(schedule: Schedule, group: Group): KernelCost {
  const { graph, target } = schedule;
  // A copy into a concat has the concat's node and computes nothing.
  const isCopy =
    group.prologue.length === 0 && group.stages.every(({ node }) => nodeOf(graph, node).op === "concat");
  const nodes = isCopy ? [] : group.nodes.map((id) => nodeOf(graph, id));
  const work = nodes.map((node) => workOf(schedule, node));
  const sum = (of: (one: Work) => number | undefined): number =>
    work.reduce((all, one) => all + (of(one) ?? 0), 0);
  const sources = sourcesOf(schedule, group);
  const read = (kind: Source["kind"]): number =>
    sources.reduce((all, source) => all + (source.kind === kind ? bytesOf(source) : 0), 0);
  const weights = read("weight") + sum((one) => one.moreWeightBytes);
  const bytesWritten = 4 * elements(group.output.type.shape);
  const tensors = read("view") + group.plan.extraBytes + bytesWritten;
  const memorySeconds = weights / weightBandwidth(target, schedule.weightBytes) + tensors / target.bytes;
  const computeSeconds = sum((one) => one.seconds) + group.plan.extraSeconds;
  return {
    bytesRead: Math.round(weights + tensors - bytesWritten),
    bytesWritten,
    macs: Math.round(sum((one) => one.macs) + group.plan.extraMacs),
    steps: sum((one) => one.steps),
    computeSeconds,
    memorySeconds,
    seconds: target.launch + computeSeconds + memorySeconds,
  };
}

/** What a node computes. */
interface Work {
  readonly macs: number;
  /** Results of an elementwise op. */
  readonly steps?: number;
  readonly seconds: number;
  /** Bytes of transformed weights that are read, less those of its own. */
  readonly moreWeightBytes?: number;
}

function workOf(schedule: Schedule, node: Node): Work {
  const { graph, target } = schedule;
  const transformed = winogradWork(schedule, node);
  if (transformed) return transformed;
  const results = elements(node.type.shape);
  if (opOf(node.op).scalar) return { macs: 0, steps: results, seconds: results / target.depthwiseMacs };
  const macs = macsOf(
    node,
    operands(graph, node).map((input) => input.type),
  );
  const depthwise = (each: number): Work => ({ macs, seconds: each / target.depthwiseMacs });
  switch (node.op) {
    case "depthwise_conv2d":
      return depthwise(macs * vecsFor(node, target));
    case "max_pool":
    case "avg_pool":
      return depthwise(results * elements(node.attributes.kernel) * vecsFor(node, target));
    case "conv2d":
      if (hasNarrowGroups(node, target)) return depthwise(2 * target.lanes * macs);
      break;
    default:
      break;
  }
  return { macs, seconds: macs / target.denseMacs };
}

/** How many times as many lanes are computed as there are channels: those that fill no vec are computed one by one. */
function vecsFor({ type }: Node, { lanes }: Target): number {
  const depth = type.shape.at(-1) ?? 1;
  return (lanes * (Math.floor(depth / lanes) + (depth % lanes))) / depth;
}

/**
 * Whether a convolution has groups of one output, or of fewer than lanes. They are computed one by one, and each multiplication loads both of its
 * factors: on wasm 56×56×128 → 64 in 64 groups reach 1.4 G MACs a second, where depthwise reaches 12 and dense products 23.
 */
function hasNarrowGroups(node: Node, { lanes }: Target): boolean {
  if (node.op !== "conv2d" || node.attributes.groups === 1) return false;
  return (node.type.shape.at(-1) ?? 1) / node.attributes.groups < Math.max(lanes, 2);
}

/** What a convolution computes by Winograd's algorithm. */
function winogradWork({ graph, target, winograd }: Schedule, node: Node): Work | undefined {
  const size = winograd.get(node.id);
  if (size === undefined || node.op !== "conv2d") return undefined;
  const { macs, bytes, computeSeconds } = winogradCost(graph, node, size, target);
  return { macs, seconds: computeSeconds, moreWeightBytes: bytes - bytesOfWeights(graph, node) };
}

function bytesOf(source: Source): number {
  return 4 * elements((source.kind === "weight" ? source.type : source.view.type).shape);
}

/** Everything that a kernel reads, each once; weights that were left out are not there to be read. */
function sourcesOf({ weights }: Schedule, { input, prologue, stages }: Group): Source[] {
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
