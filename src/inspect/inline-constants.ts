// Finds the constants that a text writes in place: scalars as numbers. Zeros for omitted operands are not written.

import type { Node, NodeId } from "#ir/graph.js";
import { nodeOf, operands } from "#ir/graph.js";
import { isPlainConstant } from "#ir/compare.js";
import { outputIds, users } from "#ir/node-order.js";
import { sameType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import { opOf } from "#ops/index.js";

/** The constants that do not need a `param`, because all their uses can be written without a name. */
export function inlineConstants(module: Module): ReadonlySet<NodeId> {
  const { graph } = module;
  const inline = new Set<NodeId>();
  for (const node of graph.nodes.values()) {
    if (!isPlainConstant(module, node) || outputIds(graph).has(node.id)) continue;
    const uses = (users(graph).get(node.id) ?? []).map((id) => nodeOf(graph, id));
    if (uses.every((user) => canInline(module, node, user))) inline.add(node.id);
  }
  return inline;
}

function canInline(module: Module, node: Node, user: Node): boolean {
  const op = opOf(user.op);
  const inputs = operands(module.graph, user);
  if (!isAbsent(module, node)) {
    // An op whose operands are all numbers would be a number, and a list of numbers would not be tensors.
    return inputs.some((input) => !isPlainConstant(module, input)) && !op.operands.at(-1)?.variadic;
  }
  const types = inputs.map((input) => input.type);
  return user.inputs.every((id, at) => {
    if (id !== node.id) return true;
    const optional = op.operands[at]?.optional ? op.optionalType?.(types, at) : undefined;
    return optional !== undefined && sameType(optional, node.type);
  });
}

function isAbsent(module: Module, node: Node): boolean {
  return node.op === "constant" && entryOf(module.weights, node.attributes.weight).source.kind === "absent";
}
