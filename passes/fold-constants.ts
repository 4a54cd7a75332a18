// Replaces ops over constants by constants: expressions in the weight store, which are computed when they are packed.

import { castDraft, produce } from "immer";
import type { Node, NodeId } from "#ir/graph.js";
import { nodeOf, uniteSpans } from "#ir/graph.js";
import { outputIds, topological, users } from "#ir/node-order.js";
import { constantNode } from "#rewrite/rule/replacement-builder.js";
import type { Pass } from "#rewrite/pipeline/pass.js";

export const foldConstants: Pass = {
  name: "fold-constants",
  doc: "Replaces ops over constants by constants. No value is computed or copied until weights are packed.",
  run: (module) => {
    const { graph, weights } = module;
    const folded = new Map<NodeId, Node>();
    for (const node of topological(graph)) {
      if (node.op === "input" || node.op === "constant") continue;
      const operands = node.inputs.map((id) => folded.get(id) ?? graph.nodes.get(id));
      const constants = operands.filter((operand) => operand?.op === "constant");
      if (constants.length < operands.length || operands.length === 0) continue;
      const weight = weights.add(node.name, node.type, {
        kind: "expression",
        op: node.op,
        attributes: { ...node.attributes },
        inputs: constants.map((constant) => constant.attributes.weight),
      });
      const origin = {
        pass: "fold-constants",
        spans: uniteSpans([node.origin.spans, ...constants.map((constant) => constant.origin.spans)]),
      };
      folded.set(node.id, constantNode({ ...node, origin }, weight));
    }
    if (folded.size === 0) return module;
    // Operands that only folded nodes read are dead, and so are folded nodes that only folded nodes read. The store keeps their entries.
    const isRead = (id: NodeId): boolean =>
      outputIds(graph).has(id) || (users(graph).get(id) ?? []).some((user) => !folded.has(user));
    const read = [...folded.values()].flatMap(({ id }) => nodeOf(graph, id).inputs);
    const dead = new Set(read.filter((id) => !isRead(id)));
    return {
      weights,
      graph: produce(graph, (draft) => {
        for (const [id, node] of folded) if (!dead.has(id)) draft.nodes.set(id, castDraft(node));
        for (const id of dead) draft.nodes.delete(id);
      }),
    };
  },
};
