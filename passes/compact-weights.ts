// Stores weights in fewer bits than f32: those that the model's file stores so, and with an option others, rounded.

import type { CodeType, CompactForm, WeightType } from "#ir/compact.js";
import { codeBytes } from "#ir/compact.js";
import { produce } from "immer";
import { given } from "#diagnostic/given.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, topological, users } from "#ir/node-order.js";
import type { Shape } from "#ir/type.js";
import { channels, elements, isInteger } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { makeNode, opOf } from "#ops/index.js";
import type { Pass } from "#rewrite/pipeline/pass.js";
import { ownForm, roundedForm } from "#weights/compact.js";

export interface CompactOptions {
  /**
   * How the packed file stores weights. With `f16` or `int8` the factors of products are rounded, except those that the model's file stores
   * in as few bits. By default each weight is stored as in the model's file, and with `f32` none in fewer bits.
   */
  readonly weightType?: WeightType;
  /** Called once per run of the pass, if any weight has fewer bits, or should have. */
  readonly onCompact?: (report: CompactReport) => void;
}

/** How the packed file stores the weights of a net. */
export interface CompactReport {
  readonly weightType?: WeightType;
  readonly weights: readonly CompactWeight[];
  /** Bytes of all weights as f32, and as they are stored. */
  readonly bytesBefore: number;
  readonly bytes: number;
}

/** How one weight is stored, and what that costs. */
export interface CompactWeight {
  readonly name: string;
  /** The nodes that read it. */
  readonly readers: readonly string[];
  readonly shape: Shape;
  readonly stored: CodeType | "float32";
  readonly bytes: number;
  /** √(Σ(w′ − w)² / Σw²) for the rounded values w′; absent if they are not rounded. */
  readonly error?: number;
  /** Why it stays f32, though fewer bits were possible or asked for. */
  readonly why?: string;
}

/** Smaller weights stay f32: the description of how they are stored would take as much as it saves. */
const fewestElements = 256;

export const compactWeights: Pass<CompactOptions> = {
  name: "compact-weights",
  doc: "Stores weights in 8 or 16 bits: exactly if the model's file does so, and others rounded with `--weights f16` or `int8`.",
  isUnwritten: true,
  run: (module, { options }) => {
    if (options.weightType === "f32") return module;
    const { graph } = module;
    const constants = topological(graph).filter((node) => node.op === "constant");
    const weights = constants.map((node) => ({ node, ...storedForm(module, node, options.weightType) }));
    const changed = weights.filter(({ form }) => form !== undefined);
    if (options.weightType || weights.some(({ form, why }) => form ?? why))
      options.onCompact?.(reportOf(module, weights, options.weightType));
    if (changed.length === 0) return module;
    const made = changed.flatMap(({ node, form, error }) =>
      form ? [compacted(module, node, form, error !== undefined)] : [],
    );
    return {
      weights: module.weights,
      graph: produce(graph, (draft) => {
        for (const node of made) draft.nodes.set(node.id, node as never);
      }),
    };
  },
};

type Constant = NodeOf<"constant">;

/** How a constant is stored: its form, the error if it was rounded, or why it stays f32. */
interface Stored {
  readonly form?: CompactForm;
  readonly error?: number;
  readonly why?: string;
}

function storedForm(module: Module, node: Constant, type: WeightType | undefined): Stored {
  const { weight } = node.attributes;
  const { kind } = entryOf(module.weights, weight).source;
  if (kind === "absent" || kind === "compact") return {};
  const isSmall = elements(node.type.shape) < fewestElements;
  const own = ownForm(module.weights, weight);
  if (isSmall) return type && !isInteger(node.type.dtype) ? { why: "too small to matter" } : {};
  const isOwn = own !== undefined && !("why" in own);
  // Integers are never rounded.
  if (isInteger(node.type.dtype)) return isOwn ? { form: own } : {};
  if (isOwn && (type !== "int8" || codeBytes[own.codes] === 1)) return { form: own };
  if (type === undefined) return own && "why" in own ? own : {};
  const columns = factorChannels(module.graph, node);
  if (columns === undefined) return isOwn ? { form: own } : { why: "added or moved, not multiplied" };
  const rounded = roundedForm(module.weights, weight, type === "f16" ? "f16" : "int8", columns);
  // What cannot be rounded keeps the bits of its file.
  return "why" in rounded && isOwn ? { form: own } : rounded;
}

/** The channels of a weight that is only read as a factor of products; undefined for other weights. */
function factorChannels(graph: Graph, node: Constant): number | undefined {
  if (outputIds(graph).has(node.id)) return undefined;
  const readers = (users(graph).get(node.id) ?? []).map((id) => nodeOf(graph, id));
  if (readers.length === 0 || !readers.every((reader) => isFactor(reader, node.id))) return undefined;
  const depthwise = readers.find(({ op }) => op === "depthwise_conv2d");
  return channels((depthwise ?? node).type.shape);
}

/** Whether a node multiplies with a value, and does not add it. */
function isFactor({ op, inputs }: Node, id: NodeId): boolean {
  return opOf(op).errors === "products" && inputs.every((input, at) => input !== id || at < 2);
}

function compacted({ weights }: Module, node: Constant, form: CompactForm, isRounded: boolean): Node {
  const { weight } = node.attributes;
  const source = { kind: "compact", of: weight, isRounded, form } as const;
  const id = weights.add(`${weight}.${form.codes}`, node.type, source);
  return makeNode({ ...node, attributes: { weight: id } });
}

function reportOf(
  { graph, weights: store }: Module,
  weights: readonly ({ readonly node: Constant } & Stored)[],
  weightType: WeightType | undefined,
): CompactReport {
  const present = weights.filter(
    ({ node }) => entryOf(store, node.attributes.weight).source.kind !== "absent",
  );
  const rows = present.map(({ node, form, error, why }): CompactWeight => {
    const { shape } = node.type;
    const factors = form?.factors ? form.factors.count * (form.factors.dtype === "f32" ? 4 : 8) : 0;
    return {
      name: node.name,
      readers: (users(graph).get(node.id) ?? []).map((id) => nodeOf(graph, id).name),
      shape,
      stored: form?.codes ?? "float32",
      bytes: elements(shape) * (form ? codeBytes[form.codes] : 4) + factors,
      ...given({ error, why }),
    };
  });
  return {
    ...given({ weightType }),
    weights: rows,
    bytesBefore: rows.reduce((sum, { shape }) => sum + 4 * elements(shape), 0),
    bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
