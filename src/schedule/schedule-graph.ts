// Schedules a graph: fused groups become kernels in order, and tensors get their places in the arena.

import { given } from "#diagnostic/given.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Graph, KernelPlan, NodeId } from "#ir/graph.js";
import { inputNodes, nodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { bytesOf } from "#ir/target.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { opOf } from "#ops/index.js";
import type { NodeGroup } from "./group-nodes.js";
import { groupNodes } from "./group-nodes.js";
import { shareInPlace } from "./in-place.js";
import { templateOf } from "#template/chain.js";
import { makePlan } from "#template/plan.js";
import { copyGroup, lowerGroup } from "./lower-group.js";
import type { Places } from "./place-values.js";
import { placeValues } from "./place-values.js";
import type { Lifetime } from "./plan-memory.js";
import { memoryLowerBound } from "./plan-memory.js";
import { planArenas } from "./plan-arenas.js";
import type { Schedule, Source, View, WinogradSize } from "./schedule.js";
import { weightBytesRead } from "./winograd.js";

/** The schedule of a module's graph for a target: the nodes of one kernel are a group, and so is each other node. */
export function schedule(module: Module, target: Target): Schedule {
  const { graph, weights } = module;
  const groups = groupNodes(graph);
  const places = placeValues(graph, groups, target);
  const { bufferOf, lifetimes } = shareInPlace(graph, groups, places, lifetimesOf(graph, groups, places));
  const plan = planArenas(lifetimes, places.kinds, target);

  const viewOf = (id: NodeId): View => {
    const { buffer, offset, ...rest } = places.places.get(id) ?? bug(`node ${id} has no place`);
    const start = plan.starts[bufferOf(buffer)] ?? bug(`buffer ${buffer} is not in the plan`);
    const { type } = nodeOf(graph, id);
    const element = places.elementOf(id);
    return {
      type,
      ...given({ element }),
      arena: start.arena,
      ...(plan.arenas[start.arena]?.kind === "vecs" ? { vecs: true } : {}),
      offset: (start.offset * 4) / bytesOf(element) + offset,
      ...rest,
    };
  };
  const sourceOf = (id: NodeId): Source => {
    const node = nodeOf(graph, id);
    if (node.op === "constant") return { kind: "weight", weight: node.attributes.weight, type: node.type };
    return { kind: "view", view: viewOf(id) };
  };
  const valueOf = (id: NodeId): number | undefined => {
    const node = nodeOf(graph, id);
    if (node.op !== "constant" || elements(node.type.shape) !== 1) return undefined;
    return weights.readF32(node.attributes.weight)[0];
  };
  const numberOf = (id: NodeId): number | undefined => {
    const value = valueOf(id);
    if (value === undefined) return undefined;
    return outsideHalves(value) || (value === 1 && isStep(graph, id)) ? value : undefined;
  };
  const constantOutputs = new Set(
    graph.outputs.map(({ node }) => node).filter((id) => nodeOf(graph, id).op === "constant"),
  );
  const winograd = winogradSizes(graph);
  return {
    graph,
    weights,
    target,
    groups: [
      ...groups.flatMap((nodes) =>
        lowerGroup(graph, nodes, (of) => planOf(graph, of, target), places, {
          viewOf,
          sourceOf,
          numberOf,
          valueOf,
          tables: target.tables ?? false,
        }),
      ),
      ...[...constantOutputs].map((id) => copyGroup(nodeOf(graph, id), sourceOf(id), viewOf(id))),
    ],
    winograd,
    weightBytes: weightBytesRead(graph, target, winograd),
    inputs: inputNodes(graph).map(({ name, id }) => ({ name, view: viewOf(id) })),
    outputs: graph.outputs.map(({ name, node, once }) => ({
      name,
      view: viewOf(node),
      ...given({ once }),
    })),
    arenas: plan.arenas,
    arenaBound: memoryLowerBound(lifetimes),
  };
}

/** The plan of a group: that of its kernel, or of a single op without a fusion. */
function planOf(graph: Graph, nodes: NodeGroup, target: Target): KernelPlan {
  const last = nodes.at(-1) ?? bug("an empty group");
  if (last.kernel !== undefined)
    return graph.kernels.get(last.kernel) ?? bug(`kernel ${last.kernel} has no plan`);
  const { template, problem } = templateOf(graph, nodes, target);
  return template === undefined ? bug(`${last.name} has no template: ${problem}`) : makePlan(template);
}

/** The tile sizes of the convolutions whose plans have Winograd's algorithm. */
function winogradSizes(graph: Graph): ReadonlyMap<NodeId, WinogradSize> {
  const sizes = new Map<NodeId, WinogradSize>();
  for (const { id, op, kernel } of graph.nodes.values()) {
    const size = (kernel === undefined ? undefined : graph.kernels.get(kernel))?.winograd;
    if (op === "conv2d" && size) sizes.set(id, size);
  }
  return sizes;
}

/**
 * Whether f16 would turn a number, such as the 1e-5 of a norm, into 0 or change it much. Then it becomes part of the code, because a target
 * may store weights as f16. Other numbers stay weights, because kernels that differ only in weights become one.
 */
function outsideHalves(value: number): boolean {
  const size = Math.abs(value);
  return (size > 0 && size < 2 ** -14) || (size > 65_504 && size < Number.POSITIVE_INFINITY);
}

/** Whether a constant is the step of conversions between integers and f32 and nothing else; one of 1 needs no code. */
function isStep(graph: Graph, id: NodeId): boolean {
  return (users(graph).get(id) ?? []).every((user) => opOf(nodeOf(graph, user).op).integers === "converts");
}

/**
 * The lifetime of each buffer, in groups: inputs from before the first group, outputs until after the last. A kernel's operands and result
 * are live together, whatever the order in which it reads and writes.
 */
function lifetimesOf(graph: Graph, groups: readonly NodeGroup[], { places, sizes }: Places): Lifetime[] {
  const first = sizes.map(() => Number.POSITIVE_INFINITY);
  const last = sizes.map(() => -1);
  const touch = (id: NodeId, moment: number): void => {
    const buffer = places.get(id)?.buffer;
    if (buffer === undefined) return;
    first[buffer] = Math.min(first[buffer] ?? moment, moment);
    last[buffer] = Math.max(last[buffer] ?? moment, moment);
  };
  for (const node of inputNodes(graph)) touch(node.id, -1);
  for (const [moment, nodes] of groups.entries()) {
    for (const node of nodes) {
      touch(node.id, moment);
      for (const id of node.inputs) touch(id, moment);
    }
  }
  for (const output of graph.outputs) touch(output.node, groups.length);
  return sizes.map((size, buffer) => ({ size, first: first[buffer] ?? 0, last: last[buffer] ?? 0 }));
}
