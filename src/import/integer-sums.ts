// Products of quantized values become sums of integers: (s·(q − z)) · (t·w) = s·t · ((q − z)·w). A model that rounds between its operators
// computes so what its own runtime computes. Values that are only moved stay integers too.

import type { Node, NodeId, NodeOf, OpName, WeightId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { createFresh } from "#ir/fresh.js";
import { topological } from "#ir/node-order.js";
import type { Shape, TensorType } from "#ir/type.js";
import { elements, integerRanges, isInteger, sameShape } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { inferType, makeNode, opOf } from "#ops/index.js";
import { isProblem } from "#ops/op.js";
import { isScale } from "#ops/quantize.js";
import { roundHalfEven } from "#ops/scalar-eval.js";
import { factorIntegers, integerBias } from "./integer-weights.js";

/** A f32 value as integers: scale · (integers − zero). */
interface Quantized {
  readonly integers: Node;
  readonly scale: number;
  readonly zero: number;
}

/** The most terms of a sum: with more, products of 8-bit integers could leave 32 bits. */
const mostTerms = Math.floor(2 ** 31 / 255 ** 2);

/** The module with sums and moves of quantized values in integers. Nodes that nothing reads any more are left out. */
export function withIntegerSums(module: Module): Module {
  const { graph, weights } = module;
  if (![...graph.nodes.values()].some(({ op }) => op === "dequantize")) return module;
  const fresh = createFresh(graph);
  const nodes = new Map(graph.nodes);
  const known = new Map<NodeId, Quantized>();

  const literal = (name: string, shape: Shape, data: Float32Array): WeightId =>
    weights.add(name, { dtype: "f32", shape }, { kind: "literal", data });

  const constant = (near: Node, name: string, type: TensorType, weight: WeightId): NodeId => {
    const id = fresh.nextId();
    const { position, origin } = near;
    nodes.set(
      id,
      makeNode({
        id,
        name: fresh.unique(name),
        position,
        origin,
        op: "constant",
        inputs: [],
        type,
        attributes: { weight },
      }),
    );
    return id;
  };

  /** A node of integers beside a node; undefined if the op does not take the types. */
  const beside = (
    near: Node,
    op: OpName,
    inputs: readonly NodeId[],
    attributes: object,
  ): Node | undefined => {
    const types = inputs.map((id) => (nodes.get(id) ?? nodeOf(graph, id)).type);
    const type = inferType(op, types, attributes as never);
    if (isProblem(type) || !isInteger(type.dtype)) return undefined;
    const { position, origin } = near;
    const name = fresh.unique(`${near.name}.${type.dtype === "i32" ? "sum" : "integers"}`);
    const node = makeNode({
      id: fresh.nextId(),
      name,
      position,
      origin,
      op,
      inputs,
      type,
      attributes: { ...attributes },
    });
    nodes.set(node.id, node);
    return node;
  };

  /** Replaces a node by the f32 values of integers. */
  const dequantizes = (node: Node, integers: Node, scale: Float32Array, zero: number): void => {
    const shape = scale.length === 1 ? [] : [scale.length];
    const id = literal(`${node.name}.scale`, shape, scale);
    const step = constant(node, `${node.name}.scale`, { dtype: "f32", shape }, id);
    const { position, origin, name, type } = node;
    nodes.set(
      node.id,
      makeNode({
        id: node.id,
        name,
        position,
        origin,
        type,
        op: "dequantize",
        inputs: [integers.id, step],
        attributes: { zero },
      }),
    );
    const [first = 1] = scale;
    if (scale.length === 1) known.set(node.id, { integers, scale: first, zero });
  };

  const scaleOf = (id: NodeId | undefined): number | undefined => {
    const node = id === undefined ? undefined : nodes.get(id);
    if (node?.op !== "constant" || elements(node.type.shape) !== 1) return undefined;
    const [scale = 0] = weights.readF32(node.attributes.weight);
    return isScale(scale) ? scale : undefined;
  };

  const product = (node: NodeOf<"conv2d"> | NodeOf<"depthwise_conv2d"> | NodeOf<"dense">): void => {
    const [x, w, b] = node.inputs.map((id) => nodes.get(id));
    const quantized = x && known.get(x.id);
    if (!quantized || quantized.integers.type.dtype === "i32" || w?.op !== "constant" || !b) return;
    const factor = factorIntegers(weights, w.attributes.weight);
    const terms = elements(w.type.shape) / (w.type.shape.at(-1) ?? 1);
    if (!factor || terms > mostTerms) return;
    const scale = factor.scale.map((one) => Math.fround(Math.fround(quantized.scale) * one));
    if (!scale.every(isScale)) return;
    const bias = b.op === "constant" ? integerBias(weights, b.attributes.weight, scale) : undefined;
    const { type } = entryOf(weights, factor.integers);
    const kernel = constant(node, `${w.name}.integers`, type, factor.integers);
    const own =
      bias ?? weights.add(`${b.name}.integers`, { dtype: "i32", shape: b.type.shape }, { kind: "absent" });
    const offset = constant(node, `${b.name}.integers`, { dtype: "i32", shape: b.type.shape }, own);
    const attributes = { ...node.attributes, zero: quantized.zero };
    const sum = beside(node, node.op, [quantized.integers.id, kernel, offset], attributes);
    if (!sum) return;
    if (bias !== undefined) return dequantizes(node, sum, scale, 0);
    // A bias that is no whole number of steps is added afterwards.
    const real = makeNode({ ...node, id: fresh.nextId(), name: fresh.unique(`${node.name}.dequantize`) });
    dequantizes(real, sum, scale, 0);
    const { id, name, position, origin } = node;
    nodes.set(
      id,
      makeNode({
        id,
        name,
        position,
        origin,
        type: node.type,
        op: "add",
        inputs: [real.id, b.id],
        attributes: {},
      }),
    );
  };

  const matrices = (node: NodeOf<"matmul">): void => {
    const [a, b] = node.inputs.map((id) => known.get(id));
    if (!a || !b || (nodeOf(graph, node.inputs[0] ?? -1).type.shape.at(-1) ?? 1) > mostTerms) return;
    const attributes = { zero_a: a.zero, zero_b: b.zero };
    const scale = Math.fround(Math.fround(a.scale) * Math.fround(b.scale));
    const sum = isScale(scale) && beside(node, "matmul", [a.integers.id, b.integers.id], attributes);
    if (sum) dequantizes(node, sum, Float32Array.of(scale), 0);
  };

  /** A mean is a sum with a smaller scale. */
  const mean = (node: NodeOf<"global_avg_pool"> | NodeOf<"reduce_mean">): void => {
    const x = known.get(node.inputs[0] ?? -1);
    if (!x || x.integers.type.dtype === "i32") return;
    const count = elements(x.integers.type.shape) / elements(node.type.shape);
    if (count > mostTerms) return;
    const axes = node.op === "reduce_mean" ? node.attributes.axes : [1, 2];
    const { keepdims } = node.attributes;
    const scale = Math.fround(x.scale / count);
    const sum = isScale(scale) && beside(node, "reduce_sum", [x.integers.id], { axes, keepdims });
    if (sum) dequantizes(node, sum, Float32Array.of(scale), x.zero * count);
  };

  /** The same move of the integers, if all values have one scale and zero point. */
  const move = (node: Node): void => {
    const inputs = node.inputs.map((id) => known.get(id));
    const table = opOf(node.op).operands;
    const isPlaces = (at: number): boolean => table[Math.min(at, table.length - 1)]?.places ?? false;
    const [first] = inputs;
    if (!first) return;
    const isAlike = inputs.every(
      (one, at) =>
        isPlaces(at) ||
        (one &&
          one.scale === first.scale &&
          one.zero === first.zero &&
          one.integers.type.dtype === first.integers.type.dtype),
    );
    const value = node.op === "pad" ? node.attributes.value : 0;
    if (!isAlike || value !== 0) return;
    const ids = node.inputs.map((id, at) => (isPlaces(at) ? id : (known.get(id)?.integers.id ?? id)));
    const attributes = node.op === "pad" ? { ...node.attributes, value: first.zero } : node.attributes;
    const moved = beside(node, node.op, ids, attributes);
    if (moved && sameShape(moved.type.shape, node.type.shape))
      dequantizes(node, moved, Float32Array.of(first.scale), first.zero);
  };

  /** Integers that are rounded to the same integers again stay as they are; other users read them instead. */
  const same = new Map<NodeId, NodeId>();
  const requantize = (node: NodeOf<"quantize">): void => {
    const step = scaleOf(node.inputs[1]);
    if (step === undefined) return;
    const { x, low, high } = cutOff(nodes, node, step);
    const { zero, type } = node.attributes;
    const bounds = { ...node.attributes, low, high };
    const own = known.get(x);
    if (own && own.scale === step && own.zero === zero && own.integers.type.dtype === type) {
      const { integers } = own;
      const isWhole = low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY;
      if (isWhole) same.set(node.id, integers.id);
      else if (integers.op === "quantize") {
        const inner = integers.attributes;
        const attributes = { ...inner, ...within([inner.low, inner.high], [low, high]) };
        nodes.set(node.id, makeNode({ ...node, inputs: integers.inputs, attributes }));
      } else nodes.set(node.id, makeNode({ ...node, inputs: node.inputs.with(0, x), attributes: bounds }));
      return;
    }
    // A sum that is quantized again is multiplied once, by s·t / step, and not first multiplied and then divided.
    const sum = nodes.get(x);
    const [integers, scale] = sum?.op === "dequantize" ? sum.inputs.map((one) => nodes.get(one)) : [];
    if (sum?.op !== "dequantize" || integers?.type.dtype !== "i32" || scale?.op !== "constant") return;
    const scaled = makeNode({ ...sum, id: fresh.nextId(), name: fresh.unique(`${sum.name}.scaled`) });
    const scales = weights.readF32(scale.attributes.weight).map((one) => one / step);
    if (!scales.every(isScale)) return;
    dequantizes(scaled, integers, scales, sum.attributes.zero);
    const one = literal("one", [], Float32Array.of(1));
    const unit = constant(node, `${node.name}.scale`, { dtype: "f32", shape: [] }, one);
    nodes.set(node.id, makeNode({ ...node, inputs: [scaled.id, unit], attributes: bounds }));
  };

  for (const written of topological(graph)) {
    // The nodes before it may have been replaced by integers.
    const node = renamed(nodes, written, same);
    const { op } = node;
    if (op === "quantize") requantize(node);
    else if (op === "dequantize") {
      const [integers, step] = node.inputs;
      const scale = scaleOf(step);
      const x = nodes.get(integers ?? -1);
      if (scale !== undefined && x) known.set(node.id, { integers: x, scale, zero: node.attributes.zero });
    } else if (op === "conv2d" || op === "depthwise_conv2d" || op === "dense") product(node);
    else if (op === "matmul") matrices(node);
    else if (op === "global_avg_pool" || op === "reduce_mean") mean(node);
    else if (opOf(op).integers === "moves" && node.inputs.length > 0) move(node);
  }
  const outputs = graph.outputs.map((output) => ({ ...output, node: same.get(output.node) ?? output.node }));
  const read = outputs.map(({ node }) => node);
  return { weights, graph: { ...graph, nodes: living(nodes, read), outputs, nextId: fresh.next } };
}

/**
 * The value that a node quantizes, without activations that only cut off, and the least and the greatest integer that these leave. They commute
 * with rounding, since a greater number never becomes a smaller integer. Only integers are cut off so: other values may be NaN.
 */
function cutOff(
  nodes: ReadonlyMap<NodeId, Node>,
  { inputs: [x = -1], attributes: { zero, low, high, type } }: NodeOf<"quantize">,
  step: number,
): { readonly x: NodeId; readonly low: number; readonly high: number } {
  const integer = (value: number): number => roundHalfEven(Math.fround(value / step)) + zero;
  let bounds = { low, high };
  let from = x;
  for (let node = nodes.get(from); node?.op === "relu" || node?.op === "clip"; node = nodes.get(from)) {
    const inner = node.op === "relu" ? { low: 0, high: Number.POSITIVE_INFINITY } : node.attributes;
    bounds = within([integer(inner.low), integer(inner.high)], [bounds.low, bounds.high]);
    [from = -1] = node.inputs;
  }
  if (nodes.get(from)?.op !== "dequantize") return { x, low, high };
  const [least, greatest] = integerRanges[type];
  bounds = within([bounds.low, bounds.high], [least, greatest]);
  return {
    x: from,
    low: bounds.low <= least ? Number.NEGATIVE_INFINITY : bounds.low,
    high: bounds.high >= greatest ? Number.POSITIVE_INFINITY : bounds.high,
  };
}

/** The bounds of a value that is cut off twice. */
function within(
  inner: readonly [low: number, high: number],
  [low, high]: readonly [low: number, high: number],
): { readonly low: number; readonly high: number } {
  const [least, greatest] = inner.map((bound) => Math.min(Math.max(bound, low), high));
  return { low: least ?? low, high: greatest ?? high };
}

/** The node with operands that were replaced. */
function renamed(nodes: Map<NodeId, Node>, node: Node, same: ReadonlyMap<NodeId, NodeId>): Node {
  if (!node.inputs.some((id) => same.has(id))) return node;
  const own = makeNode({ ...node, inputs: node.inputs.map((id) => same.get(id) ?? id) });
  nodes.set(own.id, own);
  return own;
}

/** The inputs, and the nodes that outputs depend on. */
function living(nodes: ReadonlyMap<NodeId, Node>, outputs: readonly NodeId[]): Map<NodeId, Node> {
  const needed = new Set(outputs);
  for (const id of needed) for (const input of nodes.get(id)?.inputs ?? []) needed.add(input);
  return new Map([...nodes].filter(([id, node]) => needed.has(id) || node.op === "input"));
}
