// A move of elements (a transpose with the reshapes around it) and helpers to build one.

import type { Graph, Node, NodeId, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import type { Shape } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Attributes } from "#ops/op.js";
import type { ReplacementBuilder, Ref } from "#rewrite/rule/replacement-builder.js";

/** The value is `base`, reshaped to `split`, transposed by `perm`, and reshaped to `shape`. */
export interface Move {
  readonly base: NodeId;
  readonly split: Shape;
  readonly perm: readonly number[];
  readonly shape: Shape;
  /** Whether a reshape follows the transpose. */
  readonly isFlat: boolean;
  /** The ids of the reshapes and the transpose, last first. */
  readonly nodes: readonly NodeId[];
}

export function moveOf(graph: Graph, id: NodeId): Move | undefined {
  const nodes: NodeId[] = [];
  const through = (op: OpName, from: Node): Node => {
    if (from.op !== op) return from;
    nodes.push(from.id);
    return nodeOf(graph, from.inputs[0] ?? from.id);
  };
  const last = nodeOf(graph, id);
  const moved = through("reshape", last);
  if (moved.op !== "transpose") return undefined;
  const split = through("transpose", moved);
  const base = through("reshape", split);
  return {
    base: base.id,
    split: split.type.shape,
    perm: moved.attributes.perm,
    shape: last.type.shape,
    isFlat: last !== moved,
    nodes,
  };
}

/** The base, reshaped to `split`. */
export function splitBase(build: ReplacementBuilder, { base, split }: Move): Ref | undefined {
  return build.op("reshape", [build.existing(base)], { shape: split });
}

/** A value that has the axes of `split`, moved. */
export function moved(
  build: ReplacementBuilder,
  value: Ref,
  { perm, shape }: Pick<Move, "perm" | "shape">,
): Ref | undefined {
  const turned = build.op("transpose", [value], { perm });
  return turned && build.op("reshape", [turned], { shape });
}

/** Whether each of these nodes has exactly one use. */
export function isOnlyHere({ graph }: Module, nodes: readonly NodeId[]): boolean {
  return nodes.every((id) => !outputIds(graph).has(id) && users(graph).get(id)?.length === 1);
}

export function attributesOf(node: Node): Attributes {
  return { ...node.attributes };
}
