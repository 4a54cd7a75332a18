// Left sides of several terms: where the terms after the first may match, and whether replacing all of them makes a cycle.

import { greatest, least } from "#diagnostic/extremes.js";
import type { Graph, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { memoise, topological, users } from "#ir/node-order.js";
import type { Found } from "./solve.js";
import type { Ref } from "./replacement-builder.js";
import type { EachPattern, Pattern } from "./rule.js";
import { rootOps } from "./rule.js";

/** The most nodes at which a term after the first is tried: a value that thousands of nodes read would take quadratic time. */
const mostCandidates = 256;

/**
 * The nodes at which a term may match, given the variables that terms before it bound: those that read a bound value through as many
 * nodes as the term has around the variable. The variable with the fewest such nodes decides.
 */
export function candidates(graph: Graph, pattern: Pattern, found: Found): readonly NodeId[] {
  const all = [...depthsOf(pattern)].flatMap(([name, depths]) => {
    const id = found.nodes.get(name);
    return id === undefined ? [] : [{ id, depths }];
  });
  // A constant is often one of several equal ones, each with its own users.
  const computed = all.filter(({ id }) => nodeOf(graph, id).op !== "constant");
  const ops = new Set(rootOps(pattern));
  const readers = (computed.length > 0 ? computed : all).map(({ id, depths }) =>
    readersAt(graph, id, depths).filter((one) => ops.has(nodeOf(graph, one).op)),
  );
  return (readers.toSorted((a, b) => a.length - b.length)[0] ?? []).slice(0, mostCandidates);
}

/** The variables of a term that every match of it binds, with the numbers of ops around them. */
export function depthsOf(pattern: Pattern | EachPattern): ReadonlyMap<string, ReadonlySet<number>> {
  switch (pattern.kind) {
    case "variable":
      return new Map([[pattern.name, new Set([0])]]);
    case "uniform":
      return new Map();
    case "op": {
      const depths = new Map<string, Set<number>>();
      if (pattern.binder !== undefined) depths.set(pattern.binder, new Set([0]));
      for (const operand of pattern.operands)
        for (const [name, inner] of depthsOf(operand)) {
          const own = depths.get(name) ?? new Set<number>();
          for (const depth of inner) own.add(depth + 1);
          depths.set(name, own);
        }
      return depths;
    }
    case "either": {
      const [first, ...others] = pattern.alternatives.map(depthsOf);
      const shared = [...(first ?? [])].filter(([name]) => others.every((other) => other.has(name)));
      return new Map(
        shared.map(([name, depths]) => [
          name,
          new Set([depths, ...others.map((other) => other.get(name) ?? depths)].flatMap((one) => [...one])),
        ]),
      );
    }
    case "each":
      // There may be no operands at all.
      return new Map();
    default:
      return pattern satisfies never;
  }
}

/** The nodes that read a value through `depth` - 1 nodes between, for each depth. */
function readersAt(graph: Graph, id: NodeId, depths: ReadonlySet<number>): NodeId[] {
  const found = new Set<NodeId>();
  const most = greatest(depths, 0);
  let level: ReadonlySet<NodeId> = new Set([id]);
  for (let depth = 0; depth <= most; depth += 1) {
    if (depths.has(depth)) for (const one of level) found.add(one);
    if (depth < most) level = new Set([...level].flatMap((one) => users(graph).get(one) ?? []));
  }
  return [...found];
}

/** A replacement of several roots at once. */
export interface Joint {
  readonly roots: readonly Node[];
  readonly replacements: readonly Ref[];
}

const places = memoise(
  (graph): ReadonlyMap<NodeId, number> => new Map(topological(graph).map(({ id }, at) => [id, at])),
);

/**
 * Whether the graph stays without cycles if `joint` is applied, together with `others` that are to be applied too. A value of the right
 * side may read whatever any term of the left side bound. If that depends on a root, the new root would depend on itself.
 */
export function staysAcyclic(graph: Graph, joint: Joint, others: readonly Joint[]): boolean {
  if (joint.roots.length === 1) return true;
  const place = (id: NodeId): number => places(graph).get(id) ?? 0;
  const own = new Set(joint.roots.map(({ id }) => id));
  const jumps = new Map<NodeId, readonly NodeId[]>();
  for (const other of others) {
    if (other.roots.length === 1) continue;
    const leaves = leavesOf(other.replacements);
    for (const { id } of other.roots) jumps.set(id, leaves);
  }
  // A path goes back in the order, except at the root of another replacement.
  const first = least([...own, ...jumps.keys()].map(place));
  const seen = new Set<NodeId>();
  const open = leavesOf(joint.replacements);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (own.has(id)) return false;
    if (seen.has(id) || place(id) < first) continue;
    seen.add(id);
    for (const next of jumps.get(id) ?? nodeOf(graph, id).inputs) open.push(next);
  }
  return true;
}

/** The nodes of the graph that values of the right side read. */
function leavesOf(replacements: readonly Ref[]): NodeId[] {
  const seen = new Set<Ref>();
  const open = [...replacements];
  const leaves: NodeId[] = [];
  for (let one = open.pop(); one; one = open.pop()) {
    if (seen.has(one)) continue;
    seen.add(one);
    if (one.kind === "node") leaves.push(one.id);
    else if (one.kind === "op") for (const operand of one.operands) open.push(operand);
  }
  return leaves;
}
