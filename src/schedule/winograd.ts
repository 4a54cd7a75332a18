// Chooses which convolutions are computed by Winograd's algorithm, and in which tile size, by modelled time and within a limit of memory.

import type { OptionKinds } from "#diagnostic/options.js";
import { aBoolean, aNumber } from "#diagnostic/options.js";
import { least } from "#diagnostic/extremes.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { Heap } from "#ir/heap.js";
import { users } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import { storedWeightBytes, weightBandwidth } from "#ir/target.js";
import { elements, isInteger } from "#ir/type.js";
import { bytesText } from "#ir/units.js";
import { opOf } from "#ops/index.js";
import { deepestTransform, isByteSum } from "#template/byte-sums.js";
import { workOf } from "#template/cost.js";
import { transformedWeightBytes } from "#template/work.js";
import type { NodeGroup } from "./group-nodes.js";
import type { ConvolutionChoice, WinogradCost, WinogradSize } from "./schedule.js";

export interface WinogradOptions {
  /** Whether Winograd's algorithm may be used; `false` disables it. */
  readonly winograd?: boolean;
  /** The most bytes of weights in memory, including the transformed ones, as a multiple of the model's weights as f32; 1 or more. Default: 2. */
  readonly winogradMemory?: number;
}

export const winogradKinds: OptionKinds<WinogradOptions> = { winograd: aBoolean, winogradMemory: aNumber };

/** Throws `TypeError` for a limit of memory below 1. */
export function expectWinograd({ winogradMemory = 2 }: WinogradOptions): void {
  if (winogradMemory >= 1) return;
  throw new TypeError(
    `winogradMemory must be a multiple of the model's weights, 1 or more, not ${winogradMemory}`,
  );
}

/** A layer with a tile size, and what that saves. */
interface Candidate extends WinogradCost {
  readonly node: NodeId;
  /** The bytes that it takes beyond the model's own. */
  readonly more: number;
  /** Modelled seconds saved, compared with the direct convolution. */
  readonly saving: number;
}

const sizes: readonly WinogradSize[] = [2, 4];

/**
 * The size for integers. Its transforms of integers are multiples of 1/4, which f32 holds exactly below 2²². Those of the larger tiles have
 * sixths, which are rounded.
 */
const integerSizes: readonly WinogradSize[] = [2];

/** What a choice depends on, apart from the graph. */
export interface WinogradChoices extends WinogradOptions {
  /** Where infinities may arise, by the op that makes them: see `nonFiniteSources`. */
  readonly nonFinite: ReadonlyMap<NodeId, string>;
  /** Choices that have been made already; 0 for a direct convolution. */
  readonly fixed?: ReadonlyMap<NodeId, 0 | WinogradSize>;
}

/** The choice for each 3×3 convolution of a graph. Throws `TypeError` for a limit of memory below 1. */
export function chooseWinograd(
  graph: Graph,
  groups: readonly NodeGroup[],
  target: Target,
  { winograd = true, winogradMemory = 2, nonFinite, fixed = new Map() }: WinogradChoices,
): ConvolutionChoice[] {
  expectWinograd({ winogradMemory });
  const convolutions = groups.flatMap((nodes) =>
    nodes
      .filter(isThreeByThree(graph))
      .map((node) => ({ node, hindrance: hindranceOf(graph, nodes, node, target, nonFinite) })),
  );
  const { transforms } = target;
  if (!winograd || transforms === undefined) {
    const reason = winograd
      ? `the target ${target.name} does not use Winograd's algorithm`
      : "Winograd's algorithm is off";
    return convolutions.map(({ node }) => ({ node: node.id, reason, costs: [] }));
  }
  const able = convolutions.filter(({ hindrance }) => hindrance === undefined);
  const all = weightBytes(graph, target);
  const costs = new Map(able.map(({ node }) => [node.id, costsOf(graph, node, target, all)]));
  const open = new Map([...costs].filter(([node]) => !fixed.has(node)));
  const taken = [...costs].reduce((sum, [node, { freed, transformed }]) => {
    const cost = transformed.find(({ size }) => size === fixed.get(node));
    return cost ? sum + cost.bytes - freed : sum;
  }, 0);
  const { chosen, room } = chooseWithin(winogradMemory * bytesInFloats(graph) - all - taken, open);
  return convolutions.map(({ node, hindrance }): ConvolutionChoice => {
    const own = costs.get(node.id);
    if (!own) return { node: node.id, reason: hindrance ?? "", costs: [] };
    const size = chosen.get(node.id)?.size ?? (fixed.get(node.id) || undefined);
    const shared = { node: node.id, directSeconds: own.direct, costs: own.transformed };
    return size === undefined
      ? {
          ...shared,
          reason: fixed.has(node.id) ? "its kernel was planned so" : whyDirect(own, room, winogradMemory),
        }
      : { ...shared, size };
  });
}

interface Costs {
  readonly direct: number;
  /** Bytes of weights that leave memory once they are transformed. */
  readonly freed: number;
  readonly transformed: readonly WinogradCost[];
}

/**
 * The layers and tile sizes that save the most seconds within a number of bytes, and the bytes that remain. In each step, the layer that
 * saves the most per byte gets tiles, or larger tiles: the usual approximation of a knapsack.
 */
function chooseWithin(
  limit: number,
  costs: ReadonlyMap<NodeId, Costs>,
): { readonly chosen: ReadonlyMap<NodeId, Candidate>; readonly room: number } {
  const byNode = new Map(
    [...costs].map(([node, { direct, freed, transformed }]) => [
      node,
      transformed.map((cost): Candidate => ({
        node,
        ...cost,
        more: cost.bytes - freed,
        saving: direct - cost.seconds,
      })),
    ]),
  );
  const candidates = [...byNode.values()].flat();
  const orders = new Map(candidates.map((candidate, order) => [candidate, order]));
  const chosen = new Map<NodeId, Candidate>();
  const steps = new Heap<Step>((a, b) => a.value > b.value || (a.value === b.value && a.order < b.order));
  const offer = (candidate: Candidate): void => {
    const from = chosen.get(candidate.node);
    const more = candidate.more - (from?.more ?? 0);
    const saving = candidate.saving - (from?.saving ?? 0);
    const value = more > 0 ? saving / more : Number.POSITIVE_INFINITY;
    if (saving > 0) steps.push({ candidate, from, more, value, order: orders.get(candidate) ?? 0 });
  };
  for (const candidate of candidates) offer(candidate);
  let room = limit;
  // Steps that were too large; they may fit if a later step frees memory.
  let large: Step[] = [];
  for (let step = steps.pop(); step; step = steps.pop()) {
    const { candidate, from, more } = step;
    if (chosen.get(candidate.node) !== from) continue;
    if (more > room) {
      large.push(step);
      continue;
    }
    chosen.set(candidate.node, candidate);
    room -= more;
    for (const other of byNode.get(candidate.node) ?? []) offer(other);
    if (more >= 0) continue;
    for (const one of large) steps.push(one);
    large = [];
  }
  return { chosen, room };
}

/** A change of the tiles of one layer. */
interface Step {
  readonly candidate: Candidate;
  /** What was chosen for the layer before; a step from anything else is out of date. */
  readonly from: Candidate | undefined;
  /** Bytes more, and seconds saved for each of them. */
  readonly more: number;
  readonly value: number;
  /** The place among all candidates: of steps that save as much, the first is taken. */
  readonly order: number;
}

function whyDirect({ direct, freed, transformed }: Costs, room: number, winogradMemory: number): string {
  const faster = transformed.filter(({ seconds }) => seconds < direct);
  if (faster.length === 0) return "direct sums are modelled to be faster than all tiles";
  const fewest = least(faster.map(({ bytes }) => bytes));
  return `transformed weights take ${bytesText(fewest - freed)} more, and ${bytesText(Math.max(0, room))} are left of ${winogradMemory}× the model's weights as f32`;
}

function isThreeByThree(graph: Graph) {
  return (node: NodeGroup[number]): node is NodeOf<"conv2d"> => {
    if (node.op !== "conv2d") return false;
    const [height, width] = operands(graph, node)[1]?.type.shape ?? [];
    return height === 3 && width === 3;
  };
}

/** Whether Winograd's algorithm can compute the convolution of some nodes on a target. */
export function canTransform(
  graph: Graph,
  nodes: NodeGroup,
  target: Target,
  nonFinite: ReadonlyMap<NodeId, string>,
): boolean {
  const node = nodes.find(isThreeByThree(graph));
  return (
    target.transforms !== undefined &&
    !!node &&
    hindranceOf(graph, nodes, node, target, nonFinite) === undefined
  );
}

/** Why Winograd's algorithm cannot compute a 3×3 convolution of a group; undefined if it can. */
function hindranceOf(
  graph: Graph,
  nodes: NodeGroup,
  node: NodeOf<"conv2d">,
  target: Target,
  nonFinite: ReadonlyMap<NodeId, string>,
): string | undefined {
  const { stride, dilation, groups } = node.attributes;
  const isOfBytes = isByteSum(graph, node, target);
  if (stride.some((extent) => extent !== 1)) return `its stride is ${stride.join("×")}`;
  if (dilation.some((extent) => extent !== 1)) return `its dilation is ${dilation.join("×")}`;
  if (groups !== 1) return `it has ${groups} groups`;
  if (operands(graph, node)[1]?.op !== "constant") return "its weights are computed by the net";
  // The prologue is part of the group, so the convolution's own operand counts.
  const source = nonFinite.get(node.inputs[0] ?? -1) ?? nonFinite.get(node.inputs[1] ?? -1);
  if (source !== undefined)
    return `infinities may reach it (from ${source}), and its transforms would make NaN of them`;
  if (nodes.filter((other) => !opOf(other.op).scalar).length > 1) return "it is fused with other stages";
  return isOfBytes ? hindranceOfBytes(graph, node, target) : undefined;
}

/** Registers of transforms hold eight channels of integers. */
function hindranceOfBytes(graph: Graph, node: NodeOf<"conv2d">, target: Target): string | undefined {
  if (target.lanes === 1) return "products of bytes are summed without transforms";
  const [, , depth = 1, columns = 1] = operands(graph, node)[1]?.type.shape ?? [];
  if (depth % 8 !== 0 || columns % 8 !== 0)
    return `its channels are ${depth} and ${columns}, where transforms of bytes need multiples of 8`;
  return depth > deepestTransform
    ? `four times a sum over ${depth} channels may need more than 32 bits`
    : undefined;
}

/** `all`: the bytes of all weights of the graph. */
function costsOf(graph: Graph, node: NodeOf<"conv2d">, target: Target, all: number): Costs {
  const w = operands(graph, node)[1];
  const own = bytesOfWeights(graph, node, target);
  const direct = workOf(graph, node, target, { template: "conv2d", winograd: 0 });
  const able = isInteger(node.type.dtype) ? integerSizes : sizes;
  const transformed = able.map((size): WinogradCost => {
    const {
      macs,
      seconds,
      moreWeightBytes = 0,
    } = workOf(graph, node, target, { template: "winograd", winograd: size });
    const bytes = own + moreWeightBytes;
    const reading = bytes / weightBandwidth(target, all + moreWeightBytes);
    return { size, bytes, seconds: seconds + reading, computeSeconds: seconds, macs };
  });
  const isShared = (users(graph).get(w?.id ?? -1)?.length ?? 0) > 1;
  const freed = target.freesWeights && !isShared ? own : 0;
  return { direct: direct.seconds + own / weightBandwidth(target, all), freed, transformed };
}

/** The tile sizes of the convolutions that have one. */
export function chosenSizes(convolutions: readonly ConvolutionChoice[]): ReadonlyMap<NodeId, WinogradSize> {
  return new Map(
    convolutions.flatMap(({ node, size }) => (size === undefined ? [] : [[node, size] as const])),
  );
}

/** Bytes of weights that a run reads: for Winograd's algorithm, the transformed ones. */
export function weightBytesRead(
  graph: Graph,
  target: Target,
  winograd: ReadonlyMap<NodeId, WinogradSize>,
): number {
  let bytes = weightBytes(graph, target);
  for (const [id, size] of winograd) {
    const node = nodeOf(graph, id);
    const types = operands(graph, node).map(({ type }) => type);
    bytes += transformedWeightBytes(types, target, size) - bytesOfWeights(graph, node, target);
  }
  return bytes;
}

/** Bytes of a convolution's weights, not transformed. */
function bytesOfWeights(graph: Graph, node: Node, target: Target): number {
  const w = operands(graph, node)[1];
  return w ? storedWeightBytes(w.type, target) : 0;
}

function weightBytes(graph: Graph, target: Target): number {
  return constantsOf(graph).reduce((sum, { type }) => sum + storedWeightBytes(type, target), 0);
}

/** What the limit of memory is a multiple of: transformed integers, too, take less than f32 does without transforms. */
function bytesInFloats(graph: Graph): number {
  return constantsOf(graph).reduce((sum, { type }) => sum + 4 * elements(type.shape), 0);
}

function constantsOf(graph: Graph): Node[] {
  return [...graph.nodes.values()].filter(({ op }) => op === "constant");
}
