// Finds the first value of a graph that a pass or a kernel changes, and the small part around it that shows it.

import type { NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { interpretAll } from "#interpret/interpret.js";
import { nearestToTolerance, tolerance, longestReduction } from "#interpret/tolerance.js";
import type { Module } from "#ir/weights.js";
import type { Case } from "./case.js";
import { computedNodes, partOf, valuesOf } from "./case.js";

/** The first value, in the order of the graph, that departs in another graph that keeps the ids of equal values. */
export function firstDeparting(of: Case, after: Module): NodeId | undefined {
  const before = interpretAll(of.module, of.inputs);
  const values = interpretAll(after, of.inputs);
  const longest = longestReduction(of.module);
  return computedNodes(of.module.graph).find(({ id }) => {
    const [expected, actual] = [before.get(id)?.data, values.get(id)?.data];
    if (!expected || !actual) return false;
    const found = Float32Array.from(actual);
    return (
      found.length !== expected.length ||
      !nearestToTolerance(found, expected, tolerance(longest, expected)).agrees
    );
  })?.id;
}

/**
 * A small part of the graph that computes a value and shows what is wrong; undefined if no part does. The part contains the nodes
 * within a distance of the value; the distance grows by half until the part shows it.
 */
export async function partAround(
  of: Case,
  id: NodeId,
  shows: (part: Case) => Promise<boolean>,
): Promise<Case | undefined> {
  const values = valuesOf(of);
  let size = 0;
  for (let depth = 1; ; depth = Math.ceil(1.5 * depth)) {
    const kept = nodesBefore(of.module, id, depth);
    if (kept.size === size) return undefined;
    size = kept.size;
    const part = partOf(of, kept, values, [id]);
    if (await shows(part)) return part;
  }
}

/** The node and those that it is computed from, up to a distance of `depth` nodes. Inputs and constants are left out. */
function nodesBefore({ graph }: Module, id: NodeId, depth: number): ReadonlySet<NodeId> {
  const kept = new Set<NodeId>();
  let level = [id];
  for (let left = depth; left > 0 && level.length > 0; left -= 1) {
    const next: NodeId[] = [];
    for (const one of level) {
      const { op, inputs } = nodeOf(graph, one);
      if (kept.has(one) || op === "input" || op === "constant") continue;
      kept.add(one);
      for (const input of inputs) next.push(input);
    }
    level = next;
  }
  return kept;
}
