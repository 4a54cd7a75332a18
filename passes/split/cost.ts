// What a convolution costs, whole or split: by the kernels that fusing and scheduling would make of it on the target.

import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import { constantNode } from "#rewrite/build.js";
import { groupNodes } from "#schedule/group-nodes.js";
import { kernelCost } from "#schedule/kernel-cost.js";
import { nonFiniteSources } from "#schedule/non-finite.js";
import { schedule } from "#schedule/schedule-graph.js";
import type { WinogradSize } from "#schedule/schedule.js";
import type { WinogradOptions } from "#schedule/winograd.js";
import { chooseWinograd } from "#schedule/winograd.js";
import { createWeightStore } from "#weights/store.js";
import { fuseGraph } from "../fuse.js";
import type { Candidate } from "./candidates.js";
import { findCandidates } from "./candidates.js";
import type { Split } from "./form.js";
import { factorsOf } from "./form.js";
import { splitNodes } from "./rewrite.js";

/** What a layer costs, for one sample. */
export interface SplitCost {
  readonly parameters: number;
  readonly macs: number;
  /** That its kernels read and write: weights, tensors, and what is between unless it stays on chip in a fused kernel. */
  readonly bytes: number;
  /** Modelled, on the target. */
  readonly seconds: number;
}

/** Says what layers of one module cost on one target. */
export interface CostModel {
  /** As it is: by Winograd's algorithm where the module's schedule has room for it and it is faster. */
  whole(candidate: Candidate): SplitCost;
  split(candidate: Candidate, split: Split): SplitCost;
}

/**
 * The costs of a module's layers. Each is the sum over the kernels of a net of that one layer, whole or split, after fusing and
 * scheduling: what is modelled is what will run. Which whole layers are computed by Winograd's algorithm depends on the memory that
 * the others take, so that is decided for the module as it is.
 */
export function costModel(module: Module, target: Target, options: WinogradOptions = {}): CostModel {
  let sizes: ReadonlyMap<NodeId, WinogradSize | undefined> | undefined;
  const known = new Map<string, SplitCost>();
  const remember = (key: string, make: () => SplitCost): SplitCost => {
    const cost = known.get(key) ?? make();
    known.set(key, cost);
    return cost;
  };
  return {
    whole: (candidate) => {
      sizes ??= winogradSizes(module, target, options);
      const size = sizes.get(candidate.node.id);
      return remember(`${keyOf(module.graph, candidate)} ${size ?? "direct"}`, () =>
        kernelCosts(layerNet(module.graph, candidate), target, size, {
          parameters: elements(candidate.shape) + candidate.bias,
          macs: elements(candidate.shape) * candidate.outputPixels,
        }),
      );
    },
    split: (candidate, split) =>
      remember(`${keyOf(module.graph, candidate)} ${split.order} ${split.rank}`, () =>
        kernelCosts(
          splitNet(layerNet(module.graph, candidate), split),
          target,
          undefined,
          sizesOfSplit(candidate, split),
        ),
      ),
  };
}

/** Parameters and multiply-accumulates of a split layer: what stands before the window runs at the input's resolution. */
export function sizesOfSplit(candidate: Candidate, split: Split): Pick<SplitCost, "parameters" | "macs"> {
  let parameters = candidate.bias;
  let macs = 0;
  let pixels = candidate.inputPixels;
  for (const { shape, windowed } of factorsOf(candidate, split)) {
    if (windowed) pixels = candidate.outputPixels;
    parameters += elements(shape);
    macs += elements(shape) * pixels;
  }
  return { parameters, macs };
}

/** The sum of costs. */
export function sumCosts(costs: readonly SplitCost[]): SplitCost {
  const sum = (key: keyof SplitCost): number => costs.reduce((all, cost) => all + cost[key], 0);
  return { parameters: sum("parameters"), macs: sum("macs"), bytes: sum("bytes"), seconds: sum("seconds") };
}

function kernelCosts(
  net: Module,
  target: Target,
  size: WinogradSize | undefined,
  sizes: Pick<SplitCost, "parameters" | "macs">,
): SplitCost {
  const { node } = net.graph.outputs[0] ?? { node: -1 };
  const made = schedule({ ...net, graph: fuseGraph(net.graph, target) }, target);
  const decided = { ...made, winograd: new Map(size === undefined ? [] : [[node, size]]) };
  const costs = made.groups.map((group) => kernelCost(decided, group));
  return {
    ...sizes,
    bytes: costs.reduce((sum, cost) => sum + cost.bytesRead + cost.bytesWritten, 0),
    seconds: costs.reduce((sum, cost) => sum + cost.seconds, 0),
  };
}

/** The tiles of the convolutions that are computed by Winograd's algorithm if nothing is split. */
function winogradSizes(
  { graph, weights }: Module,
  target: Target,
  options: WinogradOptions,
): ReadonlyMap<NodeId, WinogradSize | undefined> {
  const fused = fuseGraph(graph, target);
  const nonFinite = nonFiniteSources(fused, weights);
  const choices = chooseWinograd(fused, groupNodes(fused), target, { ...options, nonFinite });
  return new Map(choices.map(({ node, size }) => [node, size]));
}

/** A net of one layer, with weights that nobody reads. */
function layerNet(graph: Graph, { node, kernel, bias }: Candidate): Module {
  const weights = createWeightStore();
  const x = nodeOf(graph, node.inputs[0] ?? -1);
  const base = (id: NodeId, name: string): Pick<Node, "id" | "name" | "position" | "type" | "origin"> => ({
    id,
    name,
    position: id,
    type: (id === 0 ? x : id === 1 ? kernel : (operands(graph, node)[2] ?? node)).type,
    origin: { spans: [] },
  });
  const seeded = { kind: "seeded", generator: "zeros", seed: 0, fanIn: 1 } as const;
  const constant = (id: NodeId, name: string, present: boolean): Node =>
    constantNode(
      base(id, name),
      weights.add(name, base(id, name).type, present ? seeded : { kind: "absent" }),
    );
  const nodes: Node[] = [
    makeNode({ ...base(0, "x"), op: "input", inputs: [], attributes: {} }),
    constant(1, "w", true),
    constant(2, "b", bias > 0),
    { ...node, id: 3, name: "y", position: 3, inputs: [0, 1, 2] } satisfies NodeOf<"conv2d">,
  ];
  return {
    weights,
    graph: {
      name: "layer",
      nodes: new Map(nodes.map((one) => [one.id, one])),
      outputs: [{ name: "y", node: 3 }],
      kernels: new Map(),
      nextId: 4,
    },
  };
}

function splitNet(net: Module, split: Split): Module {
  const [candidate] = findCandidates(net);
  if (!candidate) return net;
  let { nextId } = net.graph;
  const fresh = { nextId: () => nextId++, unique: (name: string) => name };
  const made = splitNodes(candidate, split, net, fresh);
  const nodes = new Map([...net.graph.nodes, ...made.map((one) => [one.id, one] as const)]);
  nodes.delete(candidate.kernel.id);
  return { weights: net.weights, graph: { ...net.graph, nodes, nextId } };
}

/** Layers of one key cost the same. */
function keyOf(graph: Graph, { node, shape, groups, bias }: Candidate): string {
  const { stride, dilation, padding } = node.attributes;
  const input = nodeOf(graph, node.inputs[0] ?? -1).type.shape;
  return [input, shape, [groups], [bias], stride, dilation, padding].join(" ");
}
