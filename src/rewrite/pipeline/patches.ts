// The difference of two graphs as immer patches, which are small if the change is small.

import type { Patch } from "immer";
import { castDraft, produceWithPatches } from "immer";
import type { Graph } from "#ir/graph.js";

/** Patches that turn `before` into `after`. Compares nodes by identity, because passes keep nodes that they do not change. */
export function graphPatches(before: Graph, after: Graph): readonly Patch[] {
  if (before === after) return [];
  const [, patches] = produceWithPatches(before, (draft) => {
    for (const id of before.nodes.keys()) if (!after.nodes.has(id)) draft.nodes.delete(id);
    for (const [id, node] of after.nodes) {
      if (before.nodes.get(id) !== node) draft.nodes.set(id, castDraft(node));
    }
    for (const id of before.kernels.keys()) if (!after.kernels.has(id)) draft.kernels.delete(id);
    for (const [id, label] of after.kernels) {
      if (before.kernels.get(id) !== label) draft.kernels.set(id, label);
    }
    if (before.outputs !== after.outputs) draft.outputs = castDraft(after.outputs);
    if (before.nextId !== after.nextId) draft.nextId = after.nextId;
  });
  return patches;
}
