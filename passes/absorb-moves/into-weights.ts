// Takes moves of a layer's input channels into the weight of the layer.

import type { Graph, Node, NodeOf } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { channels, elements, sameShape } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { natural, permuted, places } from "#ir/axis-order.js";
import { opOf } from "#ops/index.js";
import { axisOf } from "#ops/reduce.js";
import type { ReplacementBuilder, Ref } from "#rewrite/rule/replacement-builder.js";
import type { Move } from "./move.js";
import { attributesOf, isOnlyHere, moveOf } from "./move.js";

/** A layer that sums over its input channels: their order does not matter if the weight has its rows in the same order. */
export function moveIntoWeight(module: Module, node: Node, build: ReplacementBuilder): Ref | undefined {
  const { graph } = module;
  if (node.op !== "dense" && node.op !== "conv2d" && node.op !== "conv2d_transpose") return undefined;
  if (node.op !== "dense" && node.attributes.groups !== 1) return undefined;
  const [x, w, ...rest] = operands(graph, node);
  if (!x || w?.op !== "constant") return undefined;
  // If other nodes read the weight too, it is stored twice afterwards.
  if (!isOnlyHere(module, [w.id]) && elements(w.type.shape) > elements(x.type.shape)) return undefined;
  const unmoved = unmovedChannels(graph, x, build);
  // Rows of the weight: [k, units] or [kh, kw, c, filters].
  const weight = unmoved?.rows(build.existing(w.id), w.type.shape.length - 2);
  if (!unmoved || !weight) return undefined;
  return build.op(
    node.op,
    [unmoved.x, weight, ...rest.map(({ id }) => build.existing(id))],
    attributesOf(node),
  );
}

interface Unmoved {
  /** The value with its channels in the order that they had before the move. */
  readonly x: Ref;
  /** The weight with the channels of the given axis in the same order. */
  readonly rows: (weight: Ref, axis: number) => Ref | undefined;
}

/**
 * The value with its channels as they were before the move. The value is one whose channels alone were moved, a concatenation of such
 * values, or an elementwise function of one, with constants for each channel. Undefined for any other value.
 */
function unmovedChannels(graph: Graph, x: Node, build: ReplacementBuilder): Unmoved | undefined {
  if (x.op === "concat") return unmovedParts(graph, x, build);
  if (opOf(x.op).scalar) return unmovedScalars(graph, x, build);
  const move = moveOf(graph, x.id);
  if (!move) return undefined;
  const { split, perm, shape, base } = move;
  const tail = channelAxes(move);
  if (!tail) return undefined;
  const before = build.op("reshape", [build.existing(base)], { shape });
  if (!before) return undefined;
  const lead = split.length - tail;
  const back = places(perm)
    .slice(lead)
    .map((place) => place - lead);
  return {
    x: before,
    rows: (weight, axis) => {
      const extents = weight.type.shape;
      const parts = permuted(split, perm).slice(lead);
      const cut = build.op("reshape", [weight], {
        shape: [...extents.slice(0, axis), ...parts, ...extents.slice(axis + 1)],
      });
      const turn = [
        ...natural(axis),
        ...back.map((at) => axis + at),
        ...natural(extents.length - axis - 1).map((at) => axis + tail + at),
      ];
      const turned = cut && build.op("transpose", [cut], { perm: turn });
      return turned && build.op("reshape", [turned], { shape: extents });
    },
  };
}

/** How many of the last axes of the split base a move permutes, if they become the channels and the other axes stay; else undefined. */
function channelAxes({ split, perm, shape }: Move): number | undefined {
  const after = permuted(split, perm);
  for (let tail = 1; tail <= perm.length; tail += 1) {
    const lead = perm.length - tail;
    if (elements(after.slice(lead)) !== channels(shape)) continue;
    if (perm.slice(0, lead).every((axis, at) => axis === at)) return tail;
  }
  return undefined;
}

/** An elementwise op of one moved value and of constants. */
function unmovedScalars(graph: Graph, x: Node, build: ReplacementBuilder): Unmoved | undefined {
  const all = operands(graph, x);
  const [flow, second] = all.filter(({ op }) => op !== "constant");
  if (!flow || second || !sameShape(flow.type.shape, x.type.shape)) return undefined;
  const unmoved = unmovedChannels(graph, flow, build);
  if (!unmoved) return undefined;
  const values = all.flatMap((one): Ref[] => {
    const value = build.existing(one.id);
    const { shape } = one.type;
    if (one.id === flow.id) return [unmoved.x];
    if (channels(shape) === 1) return [value];
    const row = channels(shape) === channels(x.type.shape) && unmoved.rows(value, shape.length - 1);
    return row ? [row] : [];
  });
  const result = values.length === all.length && build.op(x.op, values, attributesOf(x));
  return result ? { x: result, rows: unmoved.rows } : undefined;
}

function unmovedParts(graph: Graph, x: NodeOf<"concat">, build: ReplacementBuilder): Unmoved | undefined {
  if (axisOf(x.attributes.axis, x.type.shape) !== x.type.shape.length - 1) return undefined;
  const parts = operands(graph, x).map((part) => ({ part, unmoved: unmovedChannels(graph, part, build) }));
  if (parts.every(({ unmoved }) => !unmoved)) return undefined;
  const joined = build.op(
    "concat",
    parts.map(({ part, unmoved }) => unmoved?.x ?? build.existing(part.id)),
    { axis: -1 },
  );
  if (!joined) return undefined;
  return {
    x: joined,
    rows: (weight, axis) => {
      let first = 0;
      const cut: Ref[] = [];
      for (const { part, unmoved } of parts) {
        const count = channels(part.type.shape);
        const { shape } = weight.type;
        const own = build.op("slice", [weight], {
          begin: shape.map((_, at) => (at === axis ? first : 0)),
          size: shape.with(axis, count),
        });
        const rows = own && unmoved ? unmoved.rows(own, axis) : own;
        if (!rows) return undefined;
        cut.push(rows);
        first += count;
      }
      return build.op("concat", cut, { axis });
    },
  };
}
