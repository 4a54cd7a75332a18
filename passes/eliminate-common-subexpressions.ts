// Merges nodes that compute the same value.

import { castDraft, produce } from "immer";
import type { AttributeValue, Node, NodeId } from "#ir/graph.js";
import { nodeOf, uniteSpans } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import { opOf } from "#ops/index.js";
import type { Pass } from "#rewrite/pipeline/pass.js";

export const eliminateCommonSubexpressions: Pass = {
  name: "eliminate-common-subexpressions",
  doc: "Merges nodes with the same op, attributes and operands.",
  run: (module) => {
    const { graph } = module;
    const byKey = new Map<string, NodeId>();
    const replaced = new Map<NodeId, NodeId>();
    const changed = new Map<NodeId, Node>();
    const current = (id: NodeId): Node => changed.get(id) ?? nodeOf(graph, id);
    // In topological order, so that operands are merged before their users are compared.
    for (const node of topological(graph)) {
      if (node.inputs.some((id) => replaced.has(id))) {
        changed.set(node.id, { ...node, inputs: node.inputs.map((id) => replaced.get(id) ?? id) });
      }
      if (node.op === "input") continue;
      const key = keyOf(current(node.id));
      const first = byKey.get(key);
      if (first === undefined) {
        byKey.set(key, node.id);
        continue;
      }
      const kept = current(first);
      const spans = uniteSpans([kept.origin.spans, node.origin.spans]);
      changed.set(first, { ...kept, origin: { ...kept.origin, spans } });
      changed.delete(node.id);
      replaced.set(node.id, first);
    }
    if (replaced.size === 0) return module;
    return {
      weights: module.weights,
      graph: produce(graph, (draft) => {
        for (const [id, node] of changed) draft.nodes.set(id, castDraft(node));
        for (const id of replaced.keys()) draft.nodes.delete(id);
        if (graph.outputs.some((output) => replaced.has(output.node)))
          draft.outputs = graph.outputs.map((output) => ({
            ...output,
            node: replaced.get(output.node) ?? output.node,
          }));
      }),
    };
  },
};

/** A key that is equal for nodes that compute the same value. */
function keyOf({ op, attributes, inputs, type, kernel = "" }: Node): string {
  const ordered = opOf(op).commutative ? inputs.toSorted((a, b) => a - b) : inputs;
  const values = Object.entries(attributes as Readonly<Record<string, AttributeValue>>)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    // String() writes ∞ and NaN differently; JSON writes both as null.
    .map(([key, value]) => `${key}=${typeof value === "string" ? JSON.stringify(value) : String(value)}`);
  // Nodes in two kernels are not merged: without one of its values, the other kernel could have two outputs.
  return [op, kernel, ordered.join(","), type.shape.join(","), ...values].join("|");
}
