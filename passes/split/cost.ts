// The cost of a convolution, whole or split, by the kernels that fusing and scheduling would make of it on the target.

import { createFresh } from "#ir/fresh.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import { constantNode } from "#rewrite/rule/replacement-builder.js";
import { kernelCost } from "#schedule/kernel-cost.js";
import { schedule } from "#schedule/schedule-graph.js";
import type { Schedule, WinogradSize } from "#schedule/schedule.js";
import type { WinogradOptions } from "#schedule/winograd.js";
import { chosenSizes, weightBytesRead } from "#schedule/winograd.js";
import { createWeightStore } from "#weights/store.js";
import { fuseGraph, winogradChoices, withWinograd } from "../fuse.js";
import type { Candidate } from "./candidates.js";
import { findCandidates } from "./candidates.js";
import type { Split } from "./form.js";
import { factorsOf } from "./form.js";
import { splitNodes } from "./rewrite.js";

/** The cost of a layer, for one sample. */
export interface SplitCost {
  readonly parameters: number;
  readonly macs: number;
  /** Bytes that its kernels read and write: weights and tensors, but no intermediate value that stays on chip in a fused kernel. */
  readonly bytes: number;
  /** Modelled, on the target. */
  readonly seconds: number;
}

/** Gives the costs of the layers of one module on one target. */
export interface CostModel {
  /** The cost of the whole layer: by Winograd's algorithm where that is faster and the module's schedule has memory for it. */
  whole(candidate: Candidate): SplitCost;
  split(candidate: Candidate, split: Split): SplitCost;
}

/**
 * The costs of a module's layers. A cost is the sum over the kernels of a net of that one layer, whole or split, after fusing and
 * scheduling. So it describes the kernels that will run. Which whole layers use Winograd's algorithm depends on the memory that the
 * other layers take, so this is decided for the unsplit module. The cache that holds the weights is chosen by the weights of the unsplit
 * module too, except for the layer's own weights.
 */
export function costModel(module: Module, target: Target, options: WinogradOptions = {}): CostModel {
  let decided: Decided | undefined;
  const known = new Map<string, SplitCost>();
  const remember = (key: string, make: () => SplitCost): SplitCost => {
    const cost = known.get(key) ?? make();
    known.set(key, cost);
    return cost;
  };
  const wholeOf = (candidate: Candidate) => {
    decided ??= decide(module, target, options);
    const size = decided.winograd.get(candidate.node.id);
    const whole = scheduleLayer(layerNet(module.graph, candidate), target, size);
    const otherBytes = decided.weightBytes - whole.weightBytes;
    return { whole, otherBytes, key: `${keyOf(module.graph, candidate)} ${size ?? "direct"}` };
  };
  return {
    whole: (candidate) => {
      const { whole, otherBytes, key } = wholeOf(candidate);
      return remember(key, () =>
        kernelCosts(whole, otherBytes, {
          parameters: elements(candidate.shape) + candidate.bias,
          macs: elements(candidate.shape) * candidate.outputPixels,
        }),
      );
    },
    split: (candidate, split) => {
      const { otherBytes, key } = wholeOf(candidate);
      return remember(`${key} ${split.order} ${split.rank}`, () =>
        kernelCosts(
          scheduleLayer(splitNet(layerNet(module.graph, candidate), split), target),
          otherBytes,
          sizesOfSplit(candidate, split),
        ),
      );
    },
  };
}

/** Parameters and multiply-accumulates of a split layer. The factors before the window run at the resolution of the input. */
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

/** `otherBytes` are the bytes of the weights of all other layers. */
function kernelCosts(
  layer: Schedule,
  otherBytes: number,
  sizes: Pick<SplitCost, "parameters" | "macs">,
): SplitCost {
  const placed = { ...layer, weightBytes: layer.weightBytes + otherBytes };
  const costs = placed.groups.map((group) => kernelCost(placed, group));
  return {
    ...sizes,
    bytes: costs.reduce((sum, cost) => sum + cost.bytesRead + cost.bytesWritten, 0),
    seconds: costs.reduce((sum, cost) => sum + cost.seconds, 0),
  };
}

/** The schedule of a net of one layer, by Winograd's algorithm with the given tile size, or without it. */
function scheduleLayer(net: Module, target: Target, size?: WinogradSize): Schedule {
  const { node } = net.graph.outputs[0] ?? { node: -1 };
  const fused = fuseGraph(net.graph, target);
  const graph = size === undefined ? fused : withWinograd(fused, new Map([[node, size]]));
  return schedule({ ...net, graph }, target);
}

/** What is decided for the unsplit module. */
type Decided = Pick<Schedule, "winograd" | "weightBytes">;

function decide({ graph, weights }: Module, target: Target, options: WinogradOptions): Decided {
  const fused = fuseGraph(graph, target);
  const winograd = chosenSizes(winogradChoices({ graph: fused, weights }, target, options));
  return { winograd, weightBytes: weightBytesRead(fused, target, winograd) };
}

/** A net of one layer, whose weights are never read. */
function layerNet(graph: Graph, { node, weight, bias }: Candidate): Module {
  const weights = createWeightStore();
  const x = nodeOf(graph, node.inputs[0] ?? -1);
  const base = (id: NodeId, name: string): Pick<Node, "id" | "name" | "position" | "type" | "origin"> => ({
    id,
    name,
    position: id,
    type: (id === 0 ? x : id === 1 ? weight : (operands(graph, node)[2] ?? node)).type,
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
  const fresh = createFresh(net.graph);
  const made = splitNodes(candidate, split, net, fresh);
  const nodes = new Map([...net.graph.nodes, ...made.map((one) => [one.id, one] as const)]);
  nodes.delete(candidate.weight.id);
  return { weights: net.weights, graph: { ...net.graph, nodes, nextId: fresh.next } };
}

/** Layers with the same key have the same cost. */
function keyOf(graph: Graph, { node, shape, groups, bias }: Candidate): string {
  const { stride, dilation, padding } = node.attributes;
  const input = nodeOf(graph, node.inputs[0] ?? -1).type.shape;
  return [input, shape, [groups], [bias], stride, dilation, padding].join(" ");
}
