// Turns transposed convolutions into convolutions over x that compute all stride² neighbours of an element at once, and moves
// that put these beside each other (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?").

import { castDraft, produce } from "immer";
import type { Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, users } from "#ir/order.js";
import { opOf } from "#ops/index.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { Builder, Ref } from "#rewrite/build.js";
import { createBuilder, materialize } from "#rewrite/build.js";
import type { Pass } from "#rewrite/pass.js";

/** Most neighbours of an element that are computed at once: each takes nodes of its own. */
const neighbourLimit = 4096;

export const lowerTransposed: Pass = {
  name: "lower-transposed",
  doc: "Turns transposed convolutions with a constant kernel into convolutions over x and moves.",
  run: (module) => {
    const { graph } = module;
    let { nextId } = graph;
    const names = new Set([...graph.nodes.values()].map(({ name }) => name));
    const unique = (wish: string): string => {
      let name = wish;
      for (let k = 2; names.has(name); k += 1) name = `${wish}.${k}`;
      names.add(name);
      return name;
    };
    const made: Node[] = [];
    const dead = new Set<NodeId>();
    for (const node of graph.nodes.values()) {
      if (node.op !== "conv2d_transpose") continue;
      const activations = activationsBehind(module, node);
      const root = activations.at(-1) ?? node;
      const ref = lowered(module, createBuilder(graph), node, activations);
      if (!ref) continue;
      const origin = { pass: "lower-transposed", spans: root.origin.spans };
      const { nodes } = materialize(ref, { module, root, origin, nextId: () => nextId++, unique });
      for (const one of nodes) made.push(one);
      for (const one of [node, ...activations]) if (one !== root) dead.add(one.id);
      for (const id of node.inputs.slice(1)) if (isOnlyUse(module, id, node.id)) dead.add(id);
    }
    if (made.length === 0) return module;
    return {
      weights: module.weights,
      graph: produce(graph, (draft) => {
        for (const id of dead) draft.nodes.delete(id);
        for (const node of made) draft.nodes.set(node.id, castDraft(node));
        draft.nextId = nextId;
      }),
    };
  },
};

function isOnlyUse({ graph }: Module, id: NodeId, user: NodeId): boolean {
  return !outputIds(graph).has(id) && (users(graph).get(id) ?? []).every((one) => one === user);
}

/** The elementwise ops of one operand that follow, one after another: they go before the moves, into the kernel. */
function activationsBehind(module: Module, node: Node): Node[] {
  const result: Node[] = [];
  for (let last = node; !outputIds(module.graph).has(last.id);) {
    const [user, second] = users(module.graph).get(last.id) ?? [];
    const next = user === undefined || second !== undefined ? undefined : nodeOf(module.graph, user);
    if (!next || next.inputs.length !== 1 || !opOf(next.op).scalar) break;
    result.push(next);
    last = next;
  }
  return result;
}

/** How the rows (or columns) of the result lie over those of x. */
interface Axis {
  readonly stride: number;
  /** Rows of x that one row of the result may depend on. */
  readonly taps: number;
  /** Zeros around x. */
  readonly before: number;
  readonly after: number;
  /** Rows of the convolution's result, and how many of the wide result stand before the first that is wanted. */
  readonly rows: number;
  readonly cut: number;
}

/**
 * Row o of the uncut result is row q·stride + r; tap i = t·stride + r of the kernel reaches it from row q − t of x. So for
 * each r it is a convolution with ⌈k / stride⌉ taps in reverse, and those of all r have the same places.
 */
function axisOf(extent: number, kernel: number, stride: number, top: number, wanted: number): Axis {
  const taps = Math.ceil(kernel / stride);
  const first = Math.min(Math.floor(top / stride), taps - 1);
  const last = Math.max(Math.ceil((top + wanted) / stride), extent);
  return {
    stride,
    taps,
    before: taps - 1 - first,
    after: last - extent,
    rows: last - first,
    cut: top - first * stride,
  };
}

function lowered(
  { graph, weights }: Module,
  build: Builder,
  node: NodeOf<"conv2d_transpose">,
  activations: readonly Node[],
): Ref | undefined {
  const { stride, dilation, padding, groups } = node.attributes;
  const [x, w, b] = node.inputs;
  if (x === undefined || w === undefined || b === undefined || typeof padding === "string") return undefined;
  if (stride[0] * stride[1] > neighbourLimit) return undefined;
  const [weight, bias] = [nodeOf(graph, w), nodeOf(graph, b)];
  if (weight.op !== "constant" || bias.op !== "constant" || groups !== 1) return undefined;
  if (dilation.some((one) => one !== 1)) return undefined;
  const [kh = 1, kw = 1, depth = 1, filters = 1] = weight.type.shape;
  const [n = 1, height = 1, width = 1] = node.type.shape;
  const [, inHeight = 1, inWidth = 1] = nodeOf(graph, x).type.shape;
  const v = axisOf(inHeight, kh, stride[0], padding[0], height);
  const h = axisOf(inWidth, kw, stride[1], padding[2], width);
  const phases = v.stride * h.stride;

  // Undefined as soon as a step does not fit; each step below is one op.
  const op = (
    name: Parameters<Builder["op"]>[0],
    operands: readonly (Ref | undefined)[],
    attributes: Parameters<Builder["op"]>[2],
  ) => {
    const given = operands.filter((one) => one !== undefined);
    return given.length < operands.length ? undefined : build.op(name, given, attributes);
  };
  const reversed = (
    value: Ref | undefined,
    axis: number,
    count: number,
    shape: readonly number[],
  ): Ref | undefined => {
    if (count === 1) return value;
    const parts = Array.from({ length: count }, (_, at) =>
      op("slice", [value], {
        begin: shape.map((_, one) => (one === axis ? count - 1 - at : 0)),
        size: shape.with(axis, 1),
      }),
    );
    return op("concat", parts, { axis });
  };
  const full = op("pad", [build.existing(w)], {
    before: [0, 0, 0, 0],
    after: [v.taps * v.stride - kh, h.taps * h.stride - kw, 0, 0],
  });
  const shape = [v.taps, v.stride, h.taps, h.stride, depth, filters];
  const split = op("reshape", [full], { shape });
  const turned = reversed(reversed(split, 0, v.taps, shape), 2, h.taps, shape);
  const moved = op("transpose", [turned], { perm: [0, 2, 4, 1, 3, 5] });
  const kernel = op("reshape", [moved], { shape: [v.taps, h.taps, depth, phases * filters] });
  // A bias that was left out stays so.
  const { kind } = entryOf(weights, bias.attributes.weight).source;
  const biases =
    kind === "absent"
      ? []
      : [
          op(
            "concat",
            Array.from({ length: phases }, () => build.existing(b)),
            { axis: -1 },
          ),
        ];
  let value = op("conv2d", [build.existing(x), kernel, ...biases], {
    padding: [v.before, v.after, h.before, h.after],
  });
  for (const { op: name, attributes } of activations) value = op(name, [value], attributes as never);
  if (phases > 1) {
    const apart = op("reshape", [value], { shape: [n, v.rows, h.rows, v.stride, h.stride, filters] });
    const beside = op("transpose", [apart], { perm: [0, 1, 3, 2, 4, 5] });
    value = op("reshape", [beside], { shape: [n, v.rows * v.stride, h.rows * h.stride, filters] });
  }
  if (v.rows * v.stride === height && h.rows * h.stride === width) return value;
  return op("slice", [value], { begin: [0, v.cut, h.cut, 0], size: [n, height, width, filters] });
}
