// Removes nodes that no output needs.

import { produce } from "immer";
import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Pass } from "#rewrite/pipeline/pass.js";

export const eliminateDeadNodes: Pass = {
  name: "eliminate-dead-nodes",
  doc: "Removes nodes that no output needs. Inputs of the net stay, since they are part of its interface.",
  run: (module) => {
    const { graph } = module;
    const live = new Set<NodeId>();
    const work = graph.outputs.map((output) => output.node);
    for (let id = work.pop(); id !== undefined; id = work.pop()) {
      if (live.has(id)) continue;
      live.add(id);
      for (const input of nodeOf(graph, id).inputs) work.push(input);
    }
    const dead = [...graph.nodes.values()].filter((node) => !live.has(node.id) && node.op !== "input");
    if (dead.length === 0) return module;
    return {
      weights: module.weights,
      graph: produce(graph, (draft) => {
        for (const { id } of dead) draft.nodes.delete(id);
      }),
    };
  },
};
