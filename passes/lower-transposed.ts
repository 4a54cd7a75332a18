// Replaces transposed convolutions by convolutions over x, followed by moves. A convolution computes the stride² results that belong
// to one element of x at once, as channels; there is one for each number of taps. The moves put these results next to each other
// (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?").

import { castDraft, produce } from "immer";
import type { Node, NodeId, NodeOf } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import { opOf } from "#ops/index.js";
import { createFresh } from "#ir/fresh.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { ReplacementBuilder, Ref } from "#rewrite/rule/replacement-builder.js";
import { createBuilder, materialize } from "#rewrite/rule/replacement-builder.js";
import type { Pass } from "#rewrite/pipeline/pass.js";

/** The most results per element of x. The pass makes nodes for each of them. */
const neighbourLimit = 4096;

export const lowerTransposed: Pass = {
  name: "lower-transposed",
  doc: "Replaces transposed convolutions that have constant weights by convolutions over x and moves.",
  run: (module) => {
    const { graph } = module;
    const fresh = createFresh(graph);
    const made: Node[] = [];
    const dead = new Set<NodeId>();
    for (const node of graph.nodes.values()) {
      if (node.op !== "conv2d_transpose") continue;
      const activations = activationsBehind(module, node);
      const root = activations.at(-1) ?? node;
      const ref = lowered(module, createBuilder(graph), node, activations);
      if (!ref) continue;
      const origin = { pass: "lower-transposed", spans: root.origin.spans };
      const { nodes } = materialize([ref], { module, roots: [root], origin, fresh });
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
        draft.nextId = fresh.next;
      }),
    };
  },
};

function isOnlyUse({ graph }: Module, id: NodeId, user: NodeId): boolean {
  return !outputIds(graph).has(id) && (users(graph).get(id) ?? []).every((one) => one === user);
}

/** The elementwise ops of one operand that follow, one after another. They go before the moves, so that the kernel computes them. */
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

/** Adjacent phases (rows of the result modulo the stride) that the same number of taps reaches. */
interface Phases {
  readonly first: number;
  readonly count: number;
  readonly taps: number;
}

/** How the rows (or columns) of the result correspond to those of x. */
interface Axis {
  readonly stride: number;
  /** One group of phases, or two if the kernel's size is not a multiple of the stride. */
  readonly phases: readonly Phases[];
  /** The first row q of each phase that is computed, the number of rows, and how many rows after the last row of x they read. */
  readonly first: number;
  readonly rows: number;
  readonly after: number;
  /** How many computed rows come before the first row of the result. */
  readonly cut: number;
}

/**
 * Row o of the uncut result is row q·stride + r. Tap i = t·stride + r of the kernel reaches it from row q − t of x. So each phase r
 * is a convolution with its taps reversed. ⌈k / stride⌉ taps reach a phase below k mod stride, and one tap less reaches the others.
 * Each group needs its own convolution: with a tap of zeros in place of the missing one, an infinity in x would become NaN.
 * Undefined if a phase has no taps.
 */
function axisOf(
  extent: number,
  kernel: number,
  stride: number,
  top: number,
  wanted: number,
): Axis | undefined {
  const taps = Math.floor(kernel / stride);
  const longer = kernel % stride;
  if (taps === 0) return undefined;
  const first = Math.min(Math.floor(top / stride), taps - 1);
  const last = Math.max(Math.ceil((top + wanted) / stride), extent);
  return {
    stride,
    phases: [
      { first: 0, count: longer, taps: taps + 1 },
      { first: longer, count: stride - longer, taps },
    ].filter(({ count }) => count > 0),
    first,
    rows: last - first,
    after: last - extent,
    cut: top - first * stride,
  };
}

function lowered(
  { graph, weights }: Module,
  build: ReplacementBuilder,
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
  if (!v || !h) return undefined;
  const phases = v.stride * h.stride;

  // Undefined as soon as one op cannot be built.
  const op = (
    name: Parameters<ReplacementBuilder["op"]>[0],
    operands: readonly (Ref | undefined)[],
    attributes: Parameters<ReplacementBuilder["op"]>[2],
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
  const tapsOf = ({ stride }: Axis, extent: number): number => Math.ceil(extent / stride);
  const [tapsV, tapsH] = [tapsOf(v, kh), tapsOf(h, kw)];
  const full = op("pad", [build.existing(w)], {
    before: [0, 0, 0, 0],
    after: [tapsV * v.stride - kh, tapsH * h.stride - kw, 0, 0],
  });
  const split = op("reshape", [full], { shape: [tapsV, v.stride, tapsH, h.stride, depth, filters] });
  // An absent bias stays absent.
  const hasBias = entryOf(weights, bias.attributes.weight).source.kind !== "absent";

  /** The results of all phases that one group of rows and one of columns have in common: [n, rows, columns, phases · filters]. */
  const convolved = (rows: Phases, columns: Phases): Ref | undefined => {
    const shape = [rows.taps, rows.count, columns.taps, columns.count, depth, filters];
    const isWhole = rows.count === v.stride && columns.count === h.stride;
    const own = isWhole
      ? split
      : op("slice", [split], { begin: [0, rows.first, 0, columns.first, 0, 0], size: shape });
    const turned = reversed(reversed(own, 0, rows.taps, shape), 2, columns.taps, shape);
    const moved = op("transpose", [turned], { perm: [0, 2, 4, 1, 3, 5] });
    const count = rows.count * columns.count;
    const phaseWeight = op("reshape", [moved], { shape: [rows.taps, columns.taps, depth, count * filters] });
    const copies = Array.from({ length: count }, () => build.existing(b));
    const biases = hasBias ? [op("concat", copies, { axis: -1 })] : [];
    const sum = op("conv2d", [build.existing(x), phaseWeight, ...biases], {
      padding: [rows.taps - 1 - v.first, v.after, columns.taps - 1 - h.first, h.after],
    });
    return activations.reduce<Ref | undefined>(
      (value, { op: name, attributes }) => op(name, [value], attributes as never),
      sum,
    );
  };
  /** Concatenates the channels of groups; if `outer` is not 1, the channels of each group have that many parts, which stay apart. */
  const joined = (parts: readonly (Ref | undefined)[], outer: number, inner: readonly number[]) => {
    if (parts.length === 1) return parts[0];
    if (outer === 1) return op("concat", parts, { axis: -1 });
    const apart = parts.map((part, at) =>
      op("reshape", [part], { shape: [n, v.rows, h.rows, outer, inner[at] ?? 1] }),
    );
    return op("reshape", [op("concat", apart, { axis: -1 })], {
      shape: [n, v.rows, h.rows, outer * inner.reduce((sum, extent) => sum + extent, 0)],
    });
  };
  const byRows = v.phases.map((rows) =>
    joined(
      h.phases.map((columns) => convolved(rows, columns)),
      rows.count,
      h.phases.map((columns) => columns.count * filters),
    ),
  );
  let value = joined(byRows, 1, []);
  if (phases > 1) {
    const apart = op("reshape", [value], { shape: [n, v.rows, h.rows, v.stride, h.stride, filters] });
    const beside = op("transpose", [apart], { perm: [0, 1, 3, 2, 4, 5] });
    value = op("reshape", [beside], { shape: [n, v.rows * v.stride, h.rows * h.stride, filters] });
  }
  if (v.rows * v.stride === height && h.rows * h.stride === width) return value;
  return op("slice", [value], { begin: [0, v.cut, h.cut, 0], size: [n, height, width, filters] });
}
