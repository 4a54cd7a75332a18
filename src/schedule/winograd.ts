// Which convolutions are computed by Winograd's algorithm, and in tiles of which size: by modelled time, within a limit of memory.

import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { elements } from "#ir/type.js";
import { opOf } from "#ops/index.js";
import type { NodeGroup } from "./group-nodes.js";
import type { WinogradSize } from "./schedule.js";

export interface WinogradOptions {
  /** False: nowhere. */
  readonly winograd?: boolean;
  /** Most bytes of weights in memory, the transformed ones included, as a multiple of the model's. Default: 2. */
  readonly winogradMemory?: number;
}

/** A layer and a size of tiles, with what it costs and saves. */
interface Choice {
  readonly node: NodeId;
  readonly size: WinogradSize;
  readonly bytes: number;
  /** Modelled seconds, against the direct convolution. */
  readonly saving: number;
}

const sizes: readonly WinogradSize[] = [2, 4];

/** The size of tiles of each convolution that is computed so. */
export function chooseWinograd(
  graph: Graph,
  groups: readonly NodeGroup[],
  target: Target,
  { winograd = true, winogradMemory = 2 }: WinogradOptions = {},
): ReadonlyMap<NodeId, WinogradSize> {
  const chosen = new Map<NodeId, Choice>();
  if (!winograd || target.transforms === undefined) return new Map();
  const { transforms } = target;
  const choices = groups
    .flatMap((nodes) => candidateOf(graph, nodes) ?? [])
    .flatMap((node) => sizes.map((size) => choiceOf(graph, node, size, { ...target, transforms })))
    .filter(({ saving }) => saving > 0)
    .toSorted((a, b) => b.saving / b.bytes - a.saving / a.bytes);
  let room = (winogradMemory - 1) * weightBytes(graph);
  // The most seconds per byte first; a layer that has small tiles takes larger ones if there is room for them.
  for (const choice of choices) {
    const before = chosen.get(choice.node);
    const more = choice.bytes - (before?.bytes ?? 0);
    if (more > room || choice.saving <= (before?.saving ?? 0)) continue;
    room -= more;
    chosen.set(choice.node, choice);
  }
  return new Map([...chosen].map(([node, { size }]) => [node, size]));
}

/** The 3×3 convolution that a group computes, if Winograd's algorithm can. */
function candidateOf(graph: Graph, nodes: NodeGroup): NodeOf<"conv2d"> | undefined {
  const stages = nodes.filter((node) => !opOf(node.op).scalar);
  const [node] = stages;
  if (!node || stages.length > 1 || node.op !== "conv2d") return undefined;
  const { stride, dilation, groups } = node.attributes;
  const weight = operands(graph, node)[1];
  const [height, width] = weight?.type.shape ?? [];
  const isPlain = [...stride, ...dilation].every((extent) => extent === 1) && groups === 1;
  const isConstant = weight?.op === "constant";
  return height === 3 && width === 3 && isPlain && isConstant ? node : undefined;
}

function choiceOf(
  graph: Graph,
  node: NodeOf<"conv2d">,
  size: WinogradSize,
  target: Target & { readonly transforms: number },
): Choice {
  const [x, w] = operands(graph, node);
  const depth = x?.type.shape.at(-1) ?? 1;
  const [samples = 1, height = 1, width = 1, columns = 1] = node.type.shape;
  const tiles = samples * Math.ceil(height / size) * Math.ceil(width / size);
  const products = (size + 2) ** 2;
  const bytes = 4 * products * depth * columns;
  const direct =
    (9 * depth * elements(node.type.shape)) / target.denseMacs +
    (4 * elements(w?.type.shape ?? [])) / target.bytes;
  const transformed =
    (products * tiles * depth * columns) / target.denseMacs +
    (products * tiles * (depth + columns)) / target.transforms +
    bytes / target.bytes;
  return { node: node.id, size, bytes, saving: direct - transformed };
}

function weightBytes(graph: Graph): number {
  const constants = [...graph.nodes.values()].filter((node: Node) => node.op === "constant");
  return constants.reduce((sum, node) => sum + 4 * elements(node.type.shape), 0);
}
