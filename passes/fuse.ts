// Fusing: decides which nodes become one kernel, by the fusions of the language and what they save on the target.

import { produce } from "immer";
import { bug } from "#diagnostic/diagnostic.js";
import type { NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { bytesText } from "#ir/units.js";
import type { Candidate, Fusion } from "#rewrite/fusion.js";
import { compileFusion, findCandidates } from "#rewrite/fusion.js";
import type { Pass, PassContext } from "#rewrite/pass.js";
import { fusions } from "./rules/fusions.js";

/** What the fuse pass wants to know: the user's own fusions, which come before the built-in ones. */
export interface FuseOptions {
  readonly fusions?: readonly Fusion[];
}

export const fuse: Pass<FuseOptions> = {
  name: "fuse",
  doc: "Groups chains of ops into kernels, so that values in between are never written to memory.",
  run: (module, context) => fuseModule(module, context),
};

function fuseModule(module: Module, context: PassContext<FuseOptions>): Module {
  const { graph, weights } = module;
  const all = [...(context.options.fusions ?? []), ...builtIn()];
  const candidates = all.flatMap((fusion, order) =>
    findCandidates(fusion, graph, context.target).map((candidate) => ({ candidate, order })),
  );
  // The larger saving wins; then the order of the file.
  candidates.sort((a, b) => b.candidate.saving - a.candidate.saving || a.order - b.order);
  const taken = new Set<NodeId>();
  const chosen: Candidate[] = [];
  for (const { candidate } of candidates) {
    if (candidate.nodes.some((node) => taken.has(node.id))) continue;
    for (const node of candidate.nodes) taken.add(node.id);
    chosen.push(candidate);
  }
  if (chosen.length === 0) return module;
  // Kernels are numbered in the order in which they stand in the graph.
  chosen.sort((a, b) => (a.nodes[0]?.position ?? 0) - (b.nodes[0]?.position ?? 0));
  let number = graph.kernels.size;
  const fused = produce(graph, (draft) => {
    for (const { fusion, nodes, savedBytes } of chosen) {
      let kernel = `k${number}`;
      while (graph.kernels.has(kernel)) kernel = `k${(number += 1)}`;
      number += 1;
      draft.kernels.set(kernel, {
        rule: fusion.name,
        reason: `keeps ${bytesText(savedBytes)} out of memory`,
      });
      for (const node of nodes) draft.nodes.set(node.id, { ...node, kernel } as never);
    }
  });
  return { graph: fused, weights };
}

let compiled: readonly Fusion[] | undefined;

/** The built-in fusions, compiled once. */
function builtIn(): readonly Fusion[] {
  compiled ??= fusions
    .ast()
    .items.filter((item) => item.kind === "fuse")
    .map((item) => compileFusion(item).value ?? bug(`the built-in fusion ${item.name.text} is wrong`));
  return compiled;
}
