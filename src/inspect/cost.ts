// The costs of nodes: parameters, multiply-accumulates, bytes.

import type { Graph, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { macsOf } from "#ops/index.js";

/** Costs of one node at batch 1. */
export interface NodeCost {
  /** Elements of the constants that it reads; an omitted operand counts 0. */
  readonly parameters: number;
  /** Multiply-accumulates. */
  readonly macs: number;
  /** Bytes of its result. */
  readonly bytes: number;
}

/** The costs of a node; a constant counts for its user. */
export function nodeCost(module: Module, node: Node): NodeCost {
  const inputs = operands(module.graph, node);
  const parameters = inputs
    .filter((input) => isParameter(module, input))
    .reduce((sum, input) => sum + elements(input.type.shape), 0);
  return {
    parameters,
    macs: macsOf(
      node,
      inputs.map((input) => input.type),
    ),
    bytes: 4 * elements(node.type.shape),
  };
}

/** Whether a node is a constant that counts as a parameter. A single number that a pass wrote, as a zero point, is none of the model's. */
function isParameter(module: Module, node: Node): boolean {
  if (node.op !== "constant") return false;
  const { source, type } = entryOf(module.weights, node.attributes.weight);
  const isHelper = source.kind === "literal" && type.shape.length === 0 && node.origin.pass !== undefined;
  return source.kind !== "absent" && !isHelper;
}

/** Parameters (a constant with many users counts once) and multiply-accumulates of a whole graph at batch 1. */
export function totalCost(module: Module): { parameters: number; macs: number } {
  let parameters = 0;
  let macs = 0;
  for (const node of module.graph.nodes.values()) {
    if (isParameter(module, node)) parameters += elements(node.type.shape);
    macs += nodeCost(module, node).macs;
  }
  return { parameters, macs };
}

/** The number of ops of a graph: nodes that are neither inputs nor constants. */
export function opCount(graph: Graph): number {
  return [...graph.nodes.values()].filter(({ op }) => op !== "input" && op !== "constant").length;
}
