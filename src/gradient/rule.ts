// What a rule of reverse mode is given and gives.

import type { Node, NodeId, OpName } from "#ir/graph.js";
import type { GradientBuilder } from "./gradient-builder.js";

/** One node on the way back. */
export interface Backward<N extends Node = Node> {
  readonly build: GradientBuilder;
  readonly node: N;
  /** ∂L/∂y of the node's value y, of its shape. */
  readonly gradient: NodeId;
  /** Whether the gradient of an operand is wanted. */
  needs(operand: number): boolean;
}

/** Makes ∂L/∂x for each operand x that is wanted; undefined where it is zero. */
export type Rule<O extends OpName = OpName> = (
  backward: Backward<Extract<Node, { readonly op: O }>>,
) => readonly (NodeId | undefined)[];
