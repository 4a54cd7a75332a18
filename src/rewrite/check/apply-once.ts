// Applies a rule once to the roots of a sample.

import { given } from "#diagnostic/given.js";
import { createFresh } from "#ir/fresh.js";
import type { Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import { makeNode } from "#ops/index.js";
import type { Application, Miss } from "../rule/match.js";
import { applicationAt } from "../rule/match.js";
import type { Ref } from "../rule/replacement-builder.js";
import { constantNode, materialize } from "../rule/replacement-builder.js";
import type { Match, UserRule } from "../rule/rule.js";
import type { Side } from "./compare-sides.js";
import { outputsOf } from "./compare-sides.js";

/** The right side for a left one; or why the rule does not apply, for each way in which the left side matches. */
export function applyOnce(
  rule: UserRule,
  left: Side,
): { readonly right: Side; readonly match?: Match } | { readonly misses: readonly Miss[] } {
  const misses: Miss[] = [];
  const application = applicationTo(rule, left, (miss) => void misses.push(miss));
  if (!application) return { misses };
  const { roots, replacements } = application;
  const { graph } = left.module;
  const built = materialize(replacements, {
    module: left.module,
    roots,
    origin: noOrigin,
    fresh: createFresh(graph),
  });
  return { right: sideOf(left.module, built.ids, built.nodes), ...given({ match: application.match }) };
}

/**
 * The right side as the rule writes it: with an op for each term, also for those that compute constants. Its nodes are new, except for those
 * of the left side that it uses.
 */
export function writtenSide(rule: UserRule, left: Side): Side | undefined {
  const application = applicationTo(rule, left);
  if (!application) return undefined;
  const { weights } = left.module;
  const fresh = createFresh(left.module.graph);
  const nodes: Node[] = [];
  const made = new Map<Ref, NodeId>();
  const make = (ref: Ref): NodeId => {
    if (ref.kind === "node") return ref.id;
    const known = made.get(ref);
    if (known !== undefined) return known;
    const inputs = ref.kind === "op" ? ref.operands.map(make) : [];
    const id = fresh.nextId();
    const name = fresh.unique("r");
    const base = { id, name, position: id, type: ref.type, origin: noOrigin };
    if (ref.kind === "op") nodes.push(makeNode({ ...base, op: ref.op, inputs, attributes: ref.attributes }));
    else {
      const isNumber = ref.kind === "number";
      const source = isNumber
        ? ({ kind: "literal", data: Float32Array.of(ref.value) } as const)
        : ({ kind: "absent" } as const);
      nodes.push(constantNode(base, weights.add(name, ref.type, source)));
    }
    made.set(ref, id);
    return id;
  };
  return sideOf(left.module, application.replacements.map(make), nodes);
}

const noOrigin: Node["origin"] = { spans: [] };

function applicationTo(rule: UserRule, left: Side, onMiss?: (miss: Miss) => void): Application | undefined {
  const [root] = left.roots;
  return root === undefined
    ? undefined
    : applicationAt(rule, left.module, nodeOf(left.module.graph, root), onMiss);
}

function sideOf(module: Module, roots: readonly NodeId[], added: readonly Node[]): Side {
  const { graph, weights } = module;
  const nodes = new Map(graph.nodes);
  for (const node of added) nodes.set(node.id, node);
  const nextId = 1 + [...nodes.keys()].reduce((most, id) => Math.max(most, id), 0);
  return { module: { graph: { ...graph, nodes, outputs: outputsOf(roots), nextId }, weights }, roots };
}
