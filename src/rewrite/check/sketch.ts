// A sample of a rule as data that can be changed: values of inputs and constants, and the attributes of ops. Types follow from these.

import type { Graph, Node, NodeId } from "#ir/graph.js";
import type { Tensor } from "#ir/tensor.js";
import type { TensorType } from "#ir/type.js";
import { elements } from "#ir/type.js";
import type { Module, WeightStore } from "#ir/weights.js";
import { inferType, makeNode, normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { attributeProblems } from "#ops/verify-attributes.js";
import { constantNode } from "../rule/replacement-builder.js";
import type { Side } from "./compare-sides.js";
import { outputsOf } from "./compare-sides.js";
import { cone } from "./evaluate.js";

/** An input or a constant, with its values. */
export interface Leaf {
  readonly kind: "leaf";
  readonly node: Node;
  readonly type: TensorType;
  readonly data: Float64Array;
}

/** An op; its type follows from its operands. */
interface SketchedOp {
  readonly kind: "op";
  readonly node: Node;
  readonly attributes: Attributes;
}

export type Part = Leaf | SketchedOp;

/** The parts of a sample by the ids of its nodes, operands first. */
export interface Sketch {
  readonly parts: ReadonlyMap<NodeId, Part>;
  readonly roots: readonly NodeId[];
  /** Values that are outputs too, because of what reads them outside the left side. */
  readonly read: readonly NodeId[];
}

/** The sketch of a sample. An input without values gets zeros. */
export function sketchOf({ module, roots }: Side, inputs: ReadonlyMap<NodeId, Tensor>): Sketch {
  const parts = new Map<NodeId, Part>();
  const read = module.graph.outputs.slice(roots.length).map(({ node }) => node);
  for (const node of cone(module, [...roots, ...read])) {
    const isLeaf = node.op === "input" || node.op === "constant";
    const data = node.op === "constant" ? module.weights.read(node.attributes.weight).data : undefined;
    parts.set(
      node.id,
      isLeaf
        ? {
            kind: "leaf",
            node,
            type: node.type,
            data: data ?? inputs.get(node.id)?.data ?? new Float64Array(elements(node.type.shape)),
          }
        : { kind: "op", node, attributes: node.attributes },
    );
  }
  return { parts, roots, read };
}

/** The sample of a sketch, with the values of its inputs; undefined if its types or attributes do not fit together. */
export function drawSketch(
  { parts, roots, read }: Sketch,
  weights: WeightStore,
): { readonly left: Side; readonly inputs: ReadonlyMap<NodeId, Tensor> } | undefined {
  const nodes = new Map<NodeId, Node>();
  const inputs = new Map<NodeId, Tensor>();
  for (const [id, part] of parts) {
    const made = part.kind === "leaf" ? drawLeaf(part, weights) : drawOp(part, nodes);
    if (!made) return undefined;
    nodes.set(id, made);
    if (part.kind === "leaf" && made.op === "input")
      inputs.set(id, { shape: part.type.shape, data: part.data });
  }
  const graph: Graph = {
    name: "sample",
    nodes,
    outputs: outputsOf([...roots, ...read]),
    kernels: new Map(),
    nextId: 1 + [...nodes.keys()].reduce((most, id) => Math.max(most, id), 0),
  };
  const module: Module = { graph, weights };
  return { left: { module, roots }, inputs };
}

function drawLeaf({ node, type, data }: Leaf, weights: WeightStore): Node {
  if (node.op !== "constant") return { ...node, type };
  const weight = weights.add(node.name, type, { kind: "literal", data: Float32Array.from(data) });
  return constantNode({ ...node, type }, weight);
}

function drawOp({ node, attributes }: SketchedOp, nodes: ReadonlyMap<NodeId, Node>): Node | undefined {
  const types = node.inputs.flatMap((id) => nodes.get(id)?.type ?? []);
  const normal = normalizeAttributes(node.op, types, attributes);
  if (isProblem(normal) || attributeProblems(node.op, { ...normal }).length > 0) return undefined;
  const type = inferType(node.op, types, normal);
  if (isProblem(type)) return undefined;
  const { id, name, position, origin, inputs } = node;
  return makeNode({ id, name, position, origin, op: node.op, inputs, attributes: { ...normal }, type });
}

/** How much a reader has to take in: axes, elements, digits of numbers, and attributes that are not defaults. */
export function sizeOf({ parts }: Sketch): number {
  let size = 0;
  for (const part of parts.values()) {
    if (part.kind === "leaf") {
      size += 3 * part.type.shape.length + 6 * part.data.length;
      for (const value of part.data) size += digitsOf(value);
    } else {
      const { attributes } = opOf(part.node.op);
      for (const [key, value] of Object.entries(part.attributes)) {
        if (JSON.stringify(value) === JSON.stringify(attributes[key]?.default)) continue;
        const items = typeof value === "object" ? value : [typeof value === "number" ? value : 1];
        // In a list, −1 means the rest or the last.
        size += 3 + items.reduce((sum, item) => sum + (item === -1 ? 1 : 1 + digitsOf(item)), 0);
      }
    }
  }
  return size;
}

/** How long a number is when it is written; 0, 1 and −1 are shorter than all others, and of equally long ones those near 0. */
function digitsOf(value: number): number {
  if (Object.is(value, 0)) return 0;
  if (Math.abs(value) === 1) return value === 1 ? 1 : 1.5;
  const size = Math.abs(value);
  return 1 + shortText(value).length + (size < Number.POSITIVE_INFINITY ? size / (2 + 2 * size) : 1);
}

/** A number in the fewest digits that give the same f32. */
export function shortText(value: number): string {
  const single = Math.fround(value);
  if (Object.is(single, -0)) return "-0";
  if (!Number.isFinite(single)) return Number.isNaN(single) ? "NaN" : single > 0 ? "inf" : "-inf";
  for (let digits = 1; digits < 9; digits += 1) {
    const text = String(Number(single.toPrecision(digits)));
    if (Math.fround(Number(text)) === single) return text;
  }
  return String(Number(single.toPrecision(9)));
}
