// What the cost model says of one kernel of a schedule: bytes, multiply-accumulates and time.

import type { Node } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { elements } from "#ir/type.js";
import { entryOf } from "#ir/weights.js";
import { macsOf, opOf } from "#ops/index.js";
import { costOf } from "./cost.js";
import type { Group, Schedule, Source } from "./schedule.js";

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
 * The cost of a group, as `costOf` weighs it for fusing: traffic at the target's bandwidth, dense and depthwise MACs at their
 * rates, an elementwise result as one depthwise MAC. The terms are added, so that they can be compared; they do not overlap.
 */
export function kernelCost(schedule: Schedule, group: Group): KernelCost {
  const { graph, target } = schedule;
  // A copy into a concat has the concat's node and computes nothing.
  const isCopy =
    group.prologue.length === 0 && group.stages.every(({ node }) => nodeOf(graph, node).op === "concat");
  const nodes = isCopy ? [] : group.nodes.map((id) => nodeOf(graph, id));
  const again = nodes.length > 1 ? costOf(graph, nodes, target) : undefined;
  const macs = (node: Node): number =>
    macsOf(
      node,
      operands(graph, node).map((input) => input.type),
    );
  let dense = 0;
  let depthwise = 0;
  let steps = 0;
  let winograd = { macs: 0, seconds: 0, moreBytes: 0 };
  for (const node of nodes) {
    const transformed = winogradCost(schedule, node);
    if (transformed) winograd = transformed;
    else if (opOf(node.op).scalar) steps += elements(node.type.shape);
    else if (node.op === "depthwise_conv2d") depthwise += macs(node);
    else if (hasNarrowGroups(node, target)) depthwise += 2 * target.lanes * macs(node);
    else dense += macs(node);
  }
  const bytesRead =
    sourcesOf(schedule, group).reduce((sum, source) => sum + bytesOf(source), 0) +
    (again?.extraBytes ?? 0) +
    winograd.moreBytes;
  const bytesWritten = 4 * elements(group.output.type.shape);
  const computeSeconds =
    dense / target.denseMacs +
    winograd.seconds +
    (depthwise + steps) / target.depthwiseMacs +
    (again?.extraSeconds ?? 0);
  const memorySeconds = (bytesRead + bytesWritten) / target.bytes;
  return {
    bytesRead: Math.round(bytesRead),
    bytesWritten,
    macs: Math.round(dense + depthwise + winograd.macs + (again?.extraMacs ?? 0)),
    steps,
    computeSeconds,
    memorySeconds,
    seconds: target.launch + computeSeconds + memorySeconds,
  };
}

/**
 * Whether a convolution has groups of one output, or of fewer than lanes. They are computed one by one, and each multiplication loads both of its
 * factors: on wasm 56×56×128 → 64 in 64 groups reach 1.4 G MACs a second, where depthwise reaches 12 and dense products 23.
 */
function hasNarrowGroups(node: Node, { lanes }: Target): boolean {
  if (node.op !== "conv2d" || node.attributes.groups === 1) return false;
  return (node.type.shape.at(-1) ?? 1) / node.attributes.groups < Math.max(lanes, 2);
}

/** What a convolution costs that is computed by Winograd's algorithm: its transformed weights are read in place of its own. */
function winogradCost({ graph, target, winograd, convolutions }: Schedule, node: Node) {
  const size = winograd.get(node.id);
  const choice = convolutions.find((one) => one.node === node.id);
  const cost = choice?.costs.find((one) => one.size === size);
  if (!cost) return undefined;
  const own = 4 * elements(operands(graph, node)[1]?.type.shape ?? []);
  return { macs: cost.macs, seconds: cost.seconds - cost.bytes / target.bytes, moreBytes: cost.bytes - own };
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
