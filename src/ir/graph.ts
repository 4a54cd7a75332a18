// The graph: plain immutable data. Edges are ids, each node has one value, and the order of maps has no meaning.

import { enableMapSet, enablePatches } from "immer";
import type { Span } from "#diagnostic/diagnostic.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Preprocess } from "./preprocess.js";
import type { TensorType } from "./type.js";

enableMapSet();
enablePatches();

/** Identifies a node in its graph; ids are never reused within a compilation. */
export type NodeId = number;

/** Identifies an entry of the weight store. */
export type WeightId = string;

/** Identifies a fused kernel of a graph, such as `k7`. */
export type KernelId = string;

/** The value of an attribute. */
export type AttributeValue = number | boolean | string | readonly number[];

/** Attributes by op. `#ops/index.js` augments this interface from the op table, so that `Node` is a typed union. */
// oxlint-disable-next-line no-empty-object-type
export interface OpAttributes {}

/** The name of an op. */
export type OpName = keyof OpAttributes;

/**
 * Templates of kernels by name. `#template/templates.js` augments this interface from the table of templates.
 * @public
 */
// oxlint-disable-next-line no-empty-object-type
export interface TemplateTable {}

export type TemplateName = keyof TemplateTable;

/** The origin of a node: the pass and rule that made it, and the user's lines. It has no ids, since nodes disappear and spans do not. */
export interface Origin {
  readonly pass?: string;
  readonly rule?: string;
  /** The union of the spans of all nodes that this one replaces, in reading order; at most `mostSpans`. */
  readonly spans: readonly Span[];
}

/** What nodes of all ops have. */
export interface NodeBase {
  readonly id: NodeId;
  /** The path of the binding, such as `x.2.d`; unique in the graph. */
  readonly name: string;
  readonly inputs: readonly NodeId[];
  readonly type: TensorType;
  readonly origin: Origin;
  /** Orders nodes that are independent: `topological` follows it as far as edges allow. A node made by a rewrite takes the position of the node that it replaces. */
  readonly position: number;
  /** The fused kernel that contains the node. */
  readonly kernel?: KernelId;
}

/** A node of the given op, with its attributes typed. */
export type NodeOf<O extends OpName> = NodeBase & {
  readonly op: O;
  readonly attributes: OpAttributes[O];
};

/** A node, discriminated by `op`. */
export type Node = { [O in OpName]: NodeOf<O> }[OpName];

/** The decisions of the `fuse` pass about a kernel. Numbers are for one sample, and 0 if they do not apply. */
export interface KernelPlan {
  readonly template: TemplateName;
  /** The fusion that joined its ops; absent for a kernel of one op. */
  readonly fusion?: string;
  /** Output rows of a strip, if a block keeps a strip on chip. */
  readonly rows: number;
  /** Pixels of a tile, if a block keeps a tile of pixels on chip. */
  readonly pixels: number;
  /** Number of strips or tiles. */
  readonly strips: number;
  /** Results of a tile of Winograd's algorithm, along each axis. */
  readonly winograd: 0 | 2 | 4;
  /** Bytes that are neither written to memory nor read back, because the ops are one kernel. */
  readonly savedBytes: number;
  /** Bytes that a block keeps on chip. */
  readonly scratchBytes: number;
  /** Bytes that are read more often than with one kernel per op: weights for each strip, rows that two strips share. */
  readonly extraBytes: number;
  /** Multiply-accumulates, and elementwise steps, that are computed again for rows that two strips share; their modelled seconds. */
  readonly extraMacs: number;
  readonly extraSeconds: number;
}

/** A named result of the net. */
export interface Output {
  readonly name: string;
  readonly node: NodeId;
  /** With an open batch: the value does not depend on the inputs, so a run gives it once, for any number of samples. */
  readonly once?: true;
}

/** A graph: nodes by id, the outputs of the net, and the kernels that `fuse` has made. */
export interface Graph {
  readonly name: string;
  readonly nodes: ReadonlyMap<NodeId, Node>;
  readonly outputs: readonly Output[];
  readonly kernels: ReadonlyMap<KernelId, KernelPlan>;
  /** The symbol of an open leading dimension of all inputs, and of outputs that depend on them (`N`); shapes have 1 for it. */
  readonly batch?: string;
  /** How pictures become values of inputs, by the names of inputs that take pictures. */
  readonly pictures?: ReadonlyMap<string, Preprocess>;
  /** The names of classes, by the names of outputs whose last axis has one value for each. */
  readonly labels?: ReadonlyMap<string, readonly string[]>;
  /** The next unused id. */
  readonly nextId: NodeId;
}

/** The node with an id. Throws `InternalError` if the graph lacks it. */
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

/** Most spans of an origin. Without a limit, a node made from thousands would have thousands, and each rewrite would unite them. */
const mostSpans = 16;

/** The union of lists of spans, in reading order, without duplicates; the first 16. */
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
