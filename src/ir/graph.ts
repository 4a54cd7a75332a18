// The graph: plain immutable data. Edges are ids, one node makes one value, and map order means nothing.

import { enableMapSet, enablePatches } from "immer";
import type { Span } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { TensorType } from "./type.js";

enableMapSet();
enablePatches();

/** Identifies a node in its graph; ids are never reused within a compilation. */
export type NodeId = number;

/** Identifies an entry of the weight store. */
export type WeightId = string;

/** Identifies a fused kernel of a graph, as in `k7`. */
export type KernelId = string;

/** What an attribute may hold. */
export type AttributeValue = number | boolean | string | readonly number[];

/** Attributes by op. The op table fills this in (`#ops/index.js` augments it), so that `Node` is a typed union. */
// oxlint-disable-next-line no-empty-object-type
export interface OpAttributes {}

export type OpName = keyof OpAttributes;

/**
 * Templates of kernels by name. The table of templates fills this in (`#template/templates.js` augments it).
 * @public
 */
// oxlint-disable-next-line no-empty-object-type
export interface TemplateTable {}

export type TemplateName = keyof TemplateTable;

/** Where a node comes from: the pass and rule that made it, and the user's lines. Never ids: nodes die, spans do not. */
export interface Origin {
  readonly pass?: string;
  readonly rule?: string;
  /** United over everything the node replaces, without repetition, in reading order; the first few of many. */
  readonly spans: readonly Span[];
}

export interface NodeBase {
  readonly id: NodeId;
  /** The binding's path, as in `x.2.d`; unique in its graph. */
  readonly name: string;
  readonly inputs: readonly NodeId[];
  readonly type: TensorType;
  readonly origin: Origin;
  /** Where the node stands among its peers: `topological` orders by it as far as edges allow. A node made by a rewrite takes that of the node it replaces. */
  readonly position: number;
  /** The fused kernel the node belongs to. */
  readonly kernel?: KernelId;
}

/** A node of the given op, with its attributes typed. */
export type NodeOf<O extends OpName> = NodeBase & {
  readonly op: O;
  readonly attributes: OpAttributes[O];
};

/** A node, discriminated by `op`. */
export type Node = { [O in OpName]: NodeOf<O> }[OpName];

/** What the `fuse` pass decided of a kernel. Numbers are those of one sample, and 0 for what a kernel has not. */
export interface KernelPlan {
  readonly template: TemplateName;
  /** The fusion that joined its ops; absent for a kernel of one op. */
  readonly fusion?: string;
  /** Output rows of a strip, where a block keeps those on chip. */
  readonly rows: number;
  /** Pixels of a tile, where it keeps those instead. */
  readonly pixels: number;
  /** Strips or tiles. */
  readonly strips: number;
  /** Results of a tile of Winograd's algorithm, along each axis. */
  readonly winograd: 0 | 2 | 4;
  /** Bytes that are neither written to memory nor read back, since its ops are one kernel. */
  readonly savedBytes: number;
  /** Bytes that a block keeps on chip. */
  readonly scratchBytes: number;
  /** Bytes that are read more often than by a kernel for each op: weights per strip, rows that two strips share. */
  readonly extraBytes: number;
  /** Multiply-accumulates, and elementwise steps, that are done again for rows that two strips share; modelled seconds of those. */
  readonly extraMacs: number;
  readonly extraSeconds: number;
}

/** A named result of the net. */
export interface Output {
  readonly name: string;
  readonly node: NodeId;
  /** With an open batch: the value does not depend on the inputs, so that a run gives it once, whatever the number of samples. */
  readonly once?: true;
}

export interface Graph {
  readonly name: string;
  readonly nodes: ReadonlyMap<NodeId, Node>;
  readonly outputs: readonly Output[];
  readonly kernels: ReadonlyMap<KernelId, KernelPlan>;
  /** The symbol of an open leading dimension of all inputs, and of outputs that depend on them (`N`); shapes hold 1 for it. */
  readonly batch?: string;
  /** The next unused id. */
  readonly nextId: NodeId;
}

/** The node with an id; throws `InternalError` if there is none. */
export function nodeOf(graph: Graph, id: NodeId): Node {
  return graph.nodes.get(id) ?? bug(`graph ${graph.name} has no node ${id}`);
}

/** The operands of a node, in order. */
export function operands(graph: Graph, node: Node): Node[] {
  return node.inputs.map((id) => nodeOf(graph, id));
}

/** The inputs of the net, in the order of the source. */
export function inputNodes(graph: Graph): Node[] {
  return [...graph.nodes.values()]
    .filter((node) => (node.op as string) === "input")
    .toSorted((a, b) => a.position - b.position || a.id - b.id);
}

/** Most spans of an origin. A node that came of thousands would else carry thousands, and each rewrite would unite them. */
const mostSpans = 16;

/** The union of origins' spans, in reading order, each once; the first 16 of them. */
export function uniteSpans(spans: readonly (readonly Span[])[]): Span[] {
  const united: Span[] = [];
  for (const span of spans.flat().toSorted(inReadingOrder)) {
    const last = united.at(-1);
    if (last && inReadingOrder(last, span) === 0) continue;
    if (united.push(span) === mostSpans) break;
  }
  return united;
}

function inReadingOrder(a: Span, b: Span): number {
  return (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.start - b.start || a.end - b.end;
}
