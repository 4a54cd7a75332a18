// Whether and how a rule applies at a place of a graph: solves its left side, tests its conditions, builds its right side.

import type { AttributeValue, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import type { TensorType } from "#ir/type.js";
import { sameType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import type { Aim } from "./aim.js";
import type { Ref } from "./replacement-builder.js";
import { createBuilder } from "./replacement-builder.js";
import type { Condition, Match, NativeRule, Rule } from "./rule.js";
import { rootOps } from "./rule.js";
import { candidates, staysAcyclic } from "./several-roots.js";
import type { Found, Search } from "./solve.js";
import { copyOf, emptyFound, mostSteps, sameAttributes, solveAt } from "./solve.js";

/** A place in a graph where a rule applies. */
export interface Application {
  /** The rule's name. */
  readonly rule: string;
  /** The nodes that are replaced. The rule was tried at the first. */
  readonly roots: readonly Node[];
  /** The nodes that the left side covers, roots included. */
  readonly covered: readonly NodeId[];
  /** The values that replace the roots. */
  readonly replacements: readonly Ref[];
  /** What the names of the left side stand for; a rule in code has none. */
  readonly match?: Match;
}

/** Like `matchAt`, for rules of both kinds. */
export function applicationAt(
  rule: Rule | NativeRule,
  module: Module,
  node: Node,
  onMiss?: (miss: Miss) => void,
): Application | undefined {
  return rule.kind === "native" ? rewriteAt(rule, module, node) : matchAt(rule, module, node, onMiss);
}

/**
 * How a rule applies with `node` as its first root, or undefined. All conditions are checked, and the right side must
 * have the type of the root: `mul(x, 1) => x` does not apply where the 1 broadcasts x to a larger shape. `onMiss` is called
 * with the reason where the left side matches but the rule does not apply; several times if it matches in several ways.
 */
export function matchAt(
  rule: Rule,
  module: Module,
  node: Node,
  onMiss?: (miss: Miss) => void,
): Application | undefined {
  const [first] = rule.roots;
  if (!first || !rootOps(first).includes(node.op)) return undefined;
  const budget = { steps: mostSteps };
  const ids = [node.id];
  /** Finds the remaining roots, from the one at index `at`. */
  const solveFrom = (at: number, found: Found): Application | undefined => {
    const pattern = rule.roots[at];
    if (!pattern) return conclude({ rule, module, onMiss: onMiss ?? ignore }, found);
    const places = at === 0 ? ids : candidates(module.graph, pattern, found);
    const search: Search<Application> = {
      module,
      budget,
      conclude: (solved) => solveFrom(at + 1, solved),
    };
    for (const id of places) {
      if (found.roots.includes(id)) continue;
      const own = at === 0 ? found : copyOf(found);
      own.roots.push(id);
      const application = solveAt(search, pattern, id, own);
      if (application) return application;
    }
    return undefined;
  };
  return solveFrom(0, emptyFound());
}

/** Why a rule does not apply where its left side matches, in the order of the tests. */
export type Miss =
  /** A covered node is in another kernel than the root. */
  | { readonly kind: "kernel"; readonly node: Node }
  /** A covered node has another use: a node that reads it, or the net, of which it is an output. */
  | { readonly kind: "use"; readonly node: Node; readonly reader?: Node }
  /** A term of `where` has no value. */
  | { readonly kind: "where"; readonly name: string; readonly match: Match; readonly aim?: Aim | undefined }
  /** The part of `when` that does not hold. */
  | { readonly kind: "condition"; readonly condition: Condition; readonly match: Match }
  /** The operands or attributes of the right side do not fit together. */
  | { readonly kind: "misfit" }
  /** The right side has another type than the left one. */
  | { readonly kind: "type"; readonly right: TensorType; readonly root: Node }
  /** The right side equals the matched nodes. */
  | { readonly kind: "same" }
  /** A root depends on another one through nodes outside the left side. */
  | { readonly kind: "cycle" };

function ignore(): void {}

function rewriteAt(rule: NativeRule, module: Module, root: Node): Application | undefined {
  if (!rule.ops.includes(root.op)) return undefined;
  const replacement = rule.rewrite(module, root, createBuilder(module.graph));
  if (!replacement || !sameType(replacement.type, root.type)) return undefined;
  return { rule: rule.name, roots: [root], covered: [root.id], replacements: [replacement] };
}

interface Problem {
  readonly rule: Rule;
  readonly module: Module;
  onMiss(miss: Miss): void;
}

/** With everything bound: tests uses and conditions, and builds the right side. */
function conclude({ rule, module, onMiss }: Problem, found: Found): Application | undefined {
  const { graph } = module;
  const miss = (why: Miss): undefined => void onMiss(why);
  const roots = found.roots.map((id) => nodeOf(graph, id));
  // A rule does not apply across the boundary of a kernel: the rest of the kernel might not be a kernel.
  const [first] = roots;
  const elsewhere = found.covered.find((id) => nodeOf(graph, id).kernel !== first?.kernel);
  if (elsewhere !== undefined) return miss({ kind: "kernel", node: nodeOf(graph, elsewhere) });
  const use = rule.shared ? undefined : useOutside(rule, module, found);
  if (use) return miss(use);
  const values = new Map<string, AttributeValue>(found.values);
  const match: Match = { ...found, module, roots, values };
  for (const { name, compute, aim } of rule.values) {
    const value = compute(match);
    if (value === undefined) return miss({ kind: "where", name, match, aim });
    values.set(name, value);
  }
  const failed = rule.conditions.find((condition) => !condition.holds(match));
  if (failed) return miss({ kind: "condition", condition: failed, match });
  const builder = createBuilder(graph);
  const replacements: Ref[] = [];
  for (const construct of rule.replacements) {
    const replacement = construct(match, builder);
    if (!replacement) return miss({ kind: "misfit" });
    replacements.push(replacement);
  }
  for (const [at, root] of roots.entries()) {
    const right = replacements[at]?.type;
    if (right && !sameType(right, root.type)) return miss({ kind: "type", right, root });
  }
  if (roots.every((root, at) => isSame(replacements[at], root))) return miss({ kind: "same" });
  if (!staysAcyclic(graph, { roots, replacements }, [])) return miss({ kind: "cycle" });
  return { rule: rule.name, roots, covered: match.covered, replacements, match };
}

/** A use of a node inside the left side by something else. Those that the right side reads may have one. */
function useOutside(rule: Rule, { graph }: Module, found: Found): Extract<Miss, { kind: "use" }> | undefined {
  const covered = new Set(found.covered);
  const free = new Set(found.roots);
  for (const name of rule.kept) {
    const id = found.nodes.get(name);
    if (id !== undefined) free.add(id);
    for (const one of found.lists.get(name) ?? []) free.add(one);
  }
  for (const id of covered) {
    if (free.has(id)) continue;
    const node = nodeOf(graph, id);
    if (outputIds(graph).has(id)) return { kind: "use", node };
    const reader = users(graph)
      .get(id)
      ?.find((one) => !covered.has(one));
    if (reader !== undefined) return { kind: "use", node, reader: nodeOf(graph, reader) };
  }
  return undefined;
}

/** Whether the right side equals the matched node: then the rule would apply without end. */
export function isSame(replacement: Ref | undefined, root: Node): boolean {
  return (
    replacement?.kind === "op" &&
    replacement.op === root.op &&
    replacement.operands.length === root.inputs.length &&
    replacement.operands.every((operand, at) => operand.kind === "node" && operand.id === root.inputs[at]) &&
    sameAttributes(replacement.attributes, root.attributes)
  );
}
