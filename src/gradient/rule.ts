// The type of a rule of reverse mode: what it takes and returns.

import type { Node, NodeId, OpName } from "#ir/graph.js";
import type { GradientBuilder } from "./gradient-builder.js";

/** A node during the backward pass. */
export interface Backward<N extends Node = Node> {
  readonly build: GradientBuilder;
  readonly node: N;
  /** ∂L/∂y of the node's value y, in its shape. */
  readonly gradient: NodeId;
  /** Whether the gradient of an operand is wanted. */
  needs(operand: number): boolean;
}

/** Makes ∂L/∂x for each operand x that needs it; undefined where it is zero. */
export type Rule<O extends OpName = OpName> = (
  backward: Backward<Extract<Node, { readonly op: O }>>,
) => readonly (NodeId | undefined)[];
