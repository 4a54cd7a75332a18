// Matching a rule's left side against a graph, with backtracking over the orders of commutative operands.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { AttributeValue, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { outputIds, users } from "#ir/node-order.js";
import type { TensorType } from "#ir/type.js";
import { sameType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { isMember, normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import type { Ref } from "./replacement-builder.js";
import { createBuilder } from "./replacement-builder.js";
import { uniformValue } from "./facts.js";
import type { AttributePattern, Match, OpPattern, NativeRule, Pattern, Rule } from "./rule.js";

/** A place in a graph where a rule applies. */
export interface Application {
  /** The rule's name. */
  readonly rule: string;
  readonly root: Node;
  /** The nodes that the rule replaces, root included. */
  readonly covered: readonly NodeId[];
  /** The value that replaces the root. */
  readonly replacement: Ref;
}

/** Like `matchAt`, for rules of both kinds. */
export function applicationAt(rule: Rule | NativeRule, module: Module, node: Node): Application | undefined {
  return rule.kind === "native" ? rewriteAt(rule, module, node) : matchAt(rule, module, node);
}

/**
 * How a rule applies with `node` as its root, or undefined. All conditions are checked, and the right side must
 * have the type of the root: `mul(x, 1) => x` does not apply where the 1 broadcasts x to a larger shape. `onMiss` is called
 * with the reason where the left side matches but the rule does not apply; several times if operands match in several orders.
 */
export function matchAt(
  rule: Rule,
  module: Module,
  node: Node,
  onMiss?: (miss: Miss) => void,
): Application | undefined {
  if (!rule.pattern.ops.includes(node.op)) return undefined;
  const found: Found = { nodes: new Map(), values: new Map(), rests: new Map(), covered: [] };
  const problem: Problem = { rule, module, root: node, onMiss: onMiss ?? ignore };
  return solve(problem, { pattern: rule.pattern, id: node.id, rest: undefined }, found);
}

/** Why a rule does not apply where its left side matches, in the order of the tests. */
export type Miss =
  /** Covered nodes belong to several kernels, or have other uses. */
  | { readonly kind: "use" }
  /** A term of `where` has no value. */
  | { readonly kind: "where"; readonly name: string }
  | { readonly kind: "condition" }
  /** The operands or attributes of the right side do not fit together. */
  | { readonly kind: "misfit" }
  /** The right side has another type than the left one. */
  | { readonly kind: "type"; readonly right: TensorType }
  /** The right side equals the matched node. */
  | { readonly kind: "same" };

function ignore(): void {}

function rewriteAt(rule: NativeRule, module: Module, root: Node): Application | undefined {
  if (!rule.ops.includes(root.op)) return undefined;
  const replacement = rule.rewrite(module, root, createBuilder(module.graph));
  if (!replacement || !sameType(replacement.type, root.type)) return undefined;
  return { rule: rule.name, root, covered: [root.id], replacement };
}

interface Problem {
  readonly rule: Rule;
  readonly module: Module;
  readonly root: Node;
  onMiss(miss: Miss): void;
}

/** The variables that are bound so far. */
interface Found {
  readonly nodes: Map<string, NodeId>;
  readonly values: Map<string, AttributeValue>;
  readonly rests: Map<string, Attributes>;
  readonly covered: NodeId[];
}

/** Pairs of pattern and node that are still to be matched. */
type Goals = { readonly pattern: Pattern; readonly id: NodeId; readonly rest: Goals } | undefined;

function solve(problem: Problem, goals: Goals, found: Found): Application | undefined {
  const { module } = problem;
  for (let goal = goals; goal;) {
    const { pattern, id, rest } = goal;
    if (pattern.kind === "variable") {
      if (!bindNode(module, found, pattern.name, id)) return undefined;
      goal = rest;
    } else if (pattern.kind === "uniform") {
      const value = uniformValue(module.weights, nodeOf(module.graph, id));
      if (value === undefined || !sameNumber(value, pattern.value)) return undefined;
      goal = rest;
    } else {
      const node = nodeOf(module.graph, id);
      if (!matchOp(module, pattern, node, found)) return undefined;
      const [first, second] = pattern.operands;
      const [a, b] = node.inputs;
      if (opOf(node.op).commutative && first && second && a !== undefined && b !== undefined && a !== b) {
        const straight = push(first, a, push(second, b, rest));
        const swapped = push(first, b, push(second, a, rest));
        return solve(problem, straight, copyOf(found)) ?? solve(problem, swapped, found);
      }
      let next = rest;
      for (let at = pattern.operands.length - 1; at >= 0; at -= 1) {
        const operand = pattern.operands[at];
        const input = node.inputs[at];
        if (operand && input !== undefined) next = push(operand, input, next);
        // A trailing optional operand that the pattern leaves out was checked by `matchOp`.
      }
      goal = next;
    }
  }
  return conclude(problem, found);
}

function push(pattern: Pattern, id: NodeId, rest: Goals): Goals {
  return { pattern, id, rest };
}

function copyOf(found: Found): Found {
  return {
    nodes: new Map(found.nodes),
    values: new Map(found.values),
    rests: new Map(found.rests),
    covered: [...found.covered],
  };
}

/** With everything bound: tests uses and conditions, and builds the right side. */
function conclude({ rule, module, root, onMiss }: Problem, found: Found): Application | undefined {
  const { graph } = module;
  const miss = (why: Miss): undefined => void onMiss(why);
  // A rule does not apply across the boundary of a kernel: the rest of the kernel might not be a kernel.
  if (found.covered.some((id) => nodeOf(graph, id).kernel !== root.kernel)) return miss({ kind: "use" });
  if (!rule.shared) {
    const covered = new Set(found.covered);
    const kept = new Set([...rule.kept].map((name) => found.nodes.get(name)));
    for (const id of covered) {
      if (id === root.id || kept.has(id)) continue;
      const isRead = users(graph)
        .get(id)
        ?.some((user) => !covered.has(user));
      if (isRead || outputIds(graph).has(id)) return miss({ kind: "use" });
    }
  }
  const values = new Map(found.values);
  const match: Match = {
    module,
    root,
    nodes: found.nodes,
    values,
    rests: found.rests,
    covered: found.covered,
  };
  for (const [name, compute] of rule.values) {
    const value = compute(match);
    if (value === undefined) return miss({ kind: "where", name });
    values.set(name, value);
  }
  if (rule.condition && rule.condition(match) !== true) return miss({ kind: "condition" });
  const replacement = rule.replacement(match, createBuilder(graph));
  if (!replacement) return miss({ kind: "misfit" });
  if (!sameType(replacement.type, root.type)) return miss({ kind: "type", right: replacement.type });
  if (isSame(replacement, root)) return miss({ kind: "same" });
  return { rule: rule.name, root, covered: match.covered, replacement };
}

/** Whether the right side equals the matched node: then the rule would apply without end. */
function isSame(replacement: Ref, root: Node): boolean {
  return (
    replacement.kind === "op" &&
    replacement.op === root.op &&
    replacement.operands.length === root.inputs.length &&
    replacement.operands.every((operand, at) => operand.kind === "node" && operand.id === root.inputs[at]) &&
    sameAttributes(replacement.attributes, root.attributes)
  );
}

function bindNode(module: Module, found: Found, name: string, id: NodeId): boolean {
  const known = found.nodes.get(name);
  if (known === undefined) {
    found.nodes.set(name, id);
    return true;
  }
  if (known === id) return true;
  const [a, b] = [nodeOf(module.graph, known), nodeOf(module.graph, id)];
  return a.op === "constant" && b.op === "constant" && a.attributes.weight === b.attributes.weight;
}

/** Matches op, number of operands, attributes and binder, but not the operands. */
function matchOp(module: Module, pattern: OpPattern, node: Node, found: Found): boolean {
  if (!pattern.ops.includes(node.op)) return false;
  const types = node.inputs.map((id) => nodeOf(module.graph, id).type);
  if (pattern.memberOf && !isMember(pattern.memberOf, node, types)) return false;
  if (!matchLeftOut(module, pattern, node)) return false;

  const op = opOf(node.op);
  const attributes: Attributes = node.attributes;
  const mentioned = new Set<string>();
  for (const [key, term] of pattern.attributes) {
    mentioned.add(key);
    const value = attributes[key] ?? ownEntry(op.derived, key)?.(types, attributes);
    if (value === undefined) return false;
    if (term.kind === "value" ? !holds(node, types, key, term.value) : !matchAttribute(term, value, found))
      return false;
  }
  const unmentioned = Object.keys(op.attributes).filter((key) => !mentioned.has(key));
  if (pattern.rest === undefined) {
    if (!unmentioned.every((key) => holds(node, types, key, ownEntry(op.attributes, key)?.default)))
      return false;
  } else {
    const rest: Record<string, AttributeValue> = {};
    for (const key of unmentioned) {
      const value = attributes[key];
      if (value !== undefined) rest[key] = value;
    }
    const known = found.rests.get(pattern.rest);
    if (known && !sameAttributes(known, rest)) return false;
    found.rests.set(pattern.rest, rest);
  }
  if (pattern.binder !== undefined && !bindNode(module, found, pattern.binder, node.id)) return false;
  found.covered.push(node.id);
  return true;
}

/** A pattern may leave out optional operands. They must then be zero. */
function matchLeftOut(module: Module, pattern: OpPattern, node: Node): boolean {
  if (node.inputs.length < pattern.operands.length) return false;
  return node.inputs
    .slice(pattern.operands.length)
    .every(
      (id, index) =>
        opOf(node.op).operands[pattern.operands.length + index]?.optional === true &&
        uniformValue(module.weights, nodeOf(module.graph, id)) === 0,
    );
}

/** Whether an attribute has a value in any way of writing it: a pool's stride of 0 means the size of its window, `same` means four numbers. */
function holds(
  node: Node,
  types: readonly TensorType[],
  key: string,
  value: AttributeValue | undefined,
): boolean {
  const op = opOf(node.op);
  const attributes: Attributes = node.attributes;
  const actual = attributes[key] ?? ownEntry(op.derived, key)?.(types, attributes);
  if (value === undefined || actual === undefined) return false;
  if (sameValue(actual, value)) return true;
  if (ownEntry(op.attributes, key) === undefined) return false;
  const normal = normalizeAttributes(node.op, types, { ...attributes, [key]: value });
  return !isProblem(normal) && sameValue((normal as Attributes)[key] ?? "", actual);
}

function matchAttribute(term: AttributePattern, value: AttributeValue, found: Found): boolean {
  switch (term.kind) {
    case "value":
      return sameValue(term.value, value);
    case "variable": {
      const known = found.values.get(term.name);
      if (known !== undefined) return sameValue(known, value);
      found.values.set(term.name, value);
      return true;
    }
    case "list":
      if (typeof value !== "object" || value.length !== term.items.length) return false;
      return term.items.every((item, at) => matchAttribute(item, value[at] ?? Number.NaN, found));
    default:
      return term satisfies never;
  }
}

function sameAttributes(a: Attributes, b: Attributes): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => a[key] !== undefined && b[key] !== undefined && sameValue(a[key], b[key]))
  );
}

/** Equality of attribute values. Numbers are equal if they are equal as f32, which is the precision in which models give them. */
export function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  if (typeof a === "number" && typeof b === "number") return sameNumber(a, b);
  if (typeof a !== "object" || typeof b !== "object") return a === b;
  return a.length === b.length && a.every((item, at) => sameNumber(item, b[at] ?? Number.NaN));
}

function sameNumber(a: number, b: number): boolean {
  return a === b || Math.fround(a) === Math.fround(b);
}
