// How nearly the left side of a rule matches at a node: how many of its parts fit, and what is different.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { Span } from "#diagnostic/diagnostic.js";
import type { AttributeValue, Node, NodeId, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import { isMember, opOf } from "#ops/index.js";
import { uniformValue } from "./facts.js";
import type { Application, Miss } from "./match.js";
import { matchAt } from "./match.js";
import type { AttributePattern, EachPattern, OpPattern, Pattern, Rule } from "./rule.js";
import { candidates } from "./several-roots.js";
import type { Found, Item } from "./solve.js";
import { begin, bindNode, copyOf, emptyFound, holds, isZero, matchAttribute, waysOf } from "./solve.js";

/** What is different at a place: `node` is the node of the model, `span` the part of the rule. */
export type Difference =
  /** Another op. */
  | { readonly kind: "op"; readonly node: Node; readonly span: Span; readonly expected: readonly OpName[] }
  /** A convolution that is not pointwise. */
  | { readonly kind: "pointwise"; readonly node: Node; readonly span: Span }
  /** Another number of operands. */
  | { readonly kind: "operands"; readonly node: Node; readonly span: Span; readonly expected: number }
  /** An operand that the rule leaves out, and that is not zero. */
  | { readonly kind: "left-out"; readonly node: Node; readonly span: Span; readonly operand: string }
  /** Another attribute; `expected` is undefined if a variable stands for another value before. */
  | {
      readonly kind: "attribute";
      readonly node: Node;
      readonly span: Span;
      readonly key: string;
      readonly expected: AttributeValue | undefined;
      readonly found: AttributeValue | undefined;
    }
  /** The other attributes of two ops, which one name stands for, differ. */
  | { readonly kind: "rest"; readonly node: Node; readonly span: Span; readonly name: string }
  /** A variable stands for another value before. */
  | {
      readonly kind: "variable";
      readonly node: Node;
      readonly span: Span;
      readonly name: string;
      readonly before: Node;
    }
  /** No constant whose elements are all that number. */
  | {
      readonly kind: "number";
      readonly node: Node;
      readonly span: Span;
      readonly expected: number;
      readonly found: number | undefined;
    }
  /** No value for a further term of the left side. */
  | { readonly kind: "term"; readonly node: Node; readonly span: Span }
  /** The left side matches, and the rule does not apply. */
  | { readonly kind: "miss"; readonly node: Node; readonly miss: Miss };

/** A node at which a rule nearly matches. */
export interface NearMatch {
  readonly root: Node;
  /** How many parts of the left side there are, and how many of them match: ops, attributes and operands that the rule mentions. */
  readonly parts: number;
  readonly matched: number;
  /** In the order of the left side; not empty. */
  readonly differences: readonly Difference[];
}

/** The places where a rule applies, in the order of the graph. They may overlap. */
export function applicationsOf(rule: Rule, module: Module): Application[] {
  return topological(module.graph).flatMap((node) => matchAt(rule, module, node) ?? []);
}

/** The places where a rule nearly applies: the closest first, and else in the order of the graph. */
export function nearMatches(rule: Rule, module: Module): NearMatch[] {
  const near = topological(module.graph).flatMap((node): NearMatch[] => {
    if (isSource(node)) return [];
    const misses: Miss[] = [];
    if (matchAt(rule, module, node, (miss) => void misses.push(miss))) return [];
    const one = nearMatch(rule, module, node, misses);
    return one ? [one] : [];
  });
  const closeness = ({ matched, parts, differences }: NearMatch): number =>
    matched / parts - differences.length / 1000;
  return near.toSorted((a, b) => closeness(b) - closeness(a));
}

function nearMatch(rule: Rule, module: Module, root: Node, misses: readonly Miss[]): NearMatch | undefined {
  const parts = rule.roots.reduce((sum, pattern) => sum + sizeOf(pattern), 0);
  const furthest = furthestOf(misses);
  if (furthest) {
    const all = [furthest, ...furtherMisses(rule, module, root, furthest)];
    const differences = all.map((miss): Difference => ({ kind: "miss", node: root, miss }));
    return { root, parts, matched: parts, differences };
  }
  const state: State = { module, steps: mostSteps };
  let compared: Compared = { ...nothing, found: emptyFound() };
  for (const [at, pattern] of rule.roots.entries()) {
    const places = at === 0 ? [root.id] : candidates(module.graph, pattern, compared.found);
    const before = compared;
    const all = places.map((id) => compare(state, pattern, id, copyOf(before.found)));
    const best = all.reduce<Compared | undefined>((one, other) => closer(one, other), undefined);
    compared = best
      ? join(before, best)
      : {
          ...before,
          differences: [...before.differences, { kind: "term", node: root, span: spanOf(pattern) }],
        };
  }
  const { matched, ops, differences, more } = compared;
  // A variable matches everything, so only ops show that a place was meant.
  if (ops === 0 || differences.length === 0) return undefined;
  return { root, parts: parts + more, matched, differences };
}

/** What else would keep the rule from applying: parts of `when` after other uses or after another part. */
function furtherMisses(rule: Rule, module: Module, root: Node, miss: Miss): Miss[] {
  if (miss.kind === "use" && !rule.shared) {
    const misses: Miss[] = [];
    const shared: Rule = { ...rule, shared: true };
    if (matchAt(shared, module, root, (one) => void misses.push(one))) return [];
    const next = furthestOf(misses);
    return next?.kind === "condition" ? [next, ...furtherMisses(shared, module, root, next)] : [];
  }
  if (miss.kind !== "condition") return [];
  return rule.conditions.flatMap((condition) =>
    condition === miss.condition || condition.holds(miss.match) ? [] : [{ ...miss, condition }],
  );
}

/** Of several ways to match, the miss of the one that came furthest. */
function furthestOf(misses: readonly Miss[]): Miss | undefined {
  const order = [
    "kernel",
    "use",
    "where",
    "condition",
    "misfit",
    "type",
    "cycle",
    "same",
  ] as const satisfies Miss["kind"][];
  return misses.toSorted((a, b) => order.indexOf(b.kind) - order.indexOf(a.kind))[0];
}

/** How many terms are compared for one node: alternatives and orders of operands multiply. */
const mostSteps = 3000;

interface State {
  readonly module: Module;
  steps: number;
}

interface Compared {
  readonly matched: number;
  /** The matching ops among the parts. */
  readonly ops: number;
  readonly differences: readonly Difference[];
  /** How many more parts there are than the left side has, because lists have several operands; fewer, if lists are empty. */
  readonly more: number;
  readonly found: Found;
}

const nothing = { matched: 0, ops: 0, differences: [], more: 0 };

function join(a: Compared, b: Compared): Compared {
  return {
    matched: a.matched + b.matched,
    ops: a.ops + b.ops,
    differences: [...a.differences, ...b.differences],
    more: a.more + b.more,
    found: b.found,
  };
}

function closer(a: Compared | undefined, b: Compared): Compared {
  if (!a || b.matched > a.matched) return b;
  return b.matched === a.matched && distance(b) < distance(a) ? b : a;
}

/** How much differs. Another number is nearer to a number than a computed value is. */
function distance({ differences }: Compared): number {
  return differences.reduce(
    (sum, one) => sum + (one.kind === "number" && one.found !== undefined ? 0.5 : 1),
    0,
  );
}

/** Compares a term with a node. Changes `found`, and returns it or a copy. */
function compare(state: State, pattern: Pattern, id: NodeId, found: Found, item?: Item): Compared {
  const { module } = state;
  const node = nodeOf(module.graph, id);
  state.steps -= 1;
  if (state.steps < 0) return { ...nothing, found };
  switch (pattern.kind) {
    case "variable": {
      const before = found.nodes.get(pattern.name);
      if (bindNode(module, found, pattern.name, id, item)) return { ...nothing, matched: 1, found };
      return differs(found, {
        kind: "variable",
        node,
        span: pattern.span,
        name: pattern.name,
        before: nodeOf(module.graph, before ?? id),
      });
    }
    case "uniform": {
      const value = uniformValue(module.weights, node);
      if (value !== undefined && Math.fround(value) === Math.fround(pattern.value))
        return { ...nothing, matched: 1, found };
      return differs(found, {
        kind: "number",
        node,
        span: pattern.span,
        expected: pattern.value,
        found: value,
      });
    }
    case "either": {
      const all = pattern.alternatives.map((one) => compare(state, one, id, copyOf(found), item));
      return (
        all.reduce<Compared | undefined>((one, other) => closer(one, other), undefined) ?? {
          ...nothing,
          found,
        }
      );
    }
    case "op":
      return compareOp(state, pattern, node, found, item);
    default:
      return pattern satisfies never;
  }
}

function differs(found: Found, difference: Difference): Compared {
  return { ...nothing, differences: [difference], found };
}

function compareOp(state: State, pattern: OpPattern, node: Node, found: Found, item?: Item): Compared {
  const { module } = state;
  const { span } = pattern;
  const own: Difference[] = [];
  const types = node.inputs.map((id) => nodeOf(module.graph, id).type);
  const isOp = pattern.ops.includes(node.op);
  let matched = 0;
  if (!isOp) own.push({ kind: "op", node, span, expected: pattern.ops });
  else if (pattern.pointwise && node.op === "conv2d" && !isMember("pointwise", node, types))
    own.push({ kind: "pointwise", node, span });
  else matched += 1;
  // The operands of another op are compared too, if it has as many.
  if (!isOp && (isSource(node) || node.inputs.length !== pattern.operands.length))
    return { ...nothing, differences: own, found };
  if (isOp) {
    const attributes = compareAttributes(pattern, node, types, found);
    matched += attributes.matched;
    for (const one of attributes.differences) own.push(one);
  }
  if (pattern.binder !== undefined) bindNode(module, found, pattern.binder, node.id, item);
  found.covered.push(node.id);
  const base: Compared = { matched, ops: isOp ? 1 : 0, differences: own, more: 0, found };
  const hasEach = pattern.operands.some((operand) => operand.kind === "each");
  if (!hasEach && node.inputs.length < pattern.operands.length) {
    const expected = pattern.operands.length;
    return { ...base, differences: [...own, { kind: "operands", node, span, expected }] };
  }
  if (isOp && !hasEach)
    for (const [at, id] of node.inputs.entries())
      if (at >= pattern.operands.length && !isZero(module, node, at))
        own.push({ kind: "left-out", node: nodeOf(module.graph, id), span, operand: operandName(node, at) });
  const ways = waysOf(pattern, node).map((way) => {
    const inner = copyOf(found);
    begin(way, inner);
    const items = way.pairs.filter((pair) => pair.item !== undefined);
    const more =
      items.reduce((sum, pair) => sum + sizeOf(pair.pattern), 0) -
      pattern.operands.reduce((sum, one) => sum + (one.kind === "each" ? sizeOf(one) : 0), 0);
    return way.pairs.reduce<Compared>(
      (all, pair) => join(all, compare(state, pair.pattern, pair.id, all.found, pair.item ?? item)),
      { ...base, more, found: inner },
    );
  });
  const best = ways.reduce<Compared | undefined>((one, other) => closer(one, other), undefined);
  return (
    best ?? {
      ...base,
      differences: [...own, { kind: "operands", node, span, expected: pattern.operands.length }],
    }
  );
}

function compareAttributes(
  pattern: OpPattern,
  node: Node,
  types: readonly Node["type"][],
  found: Found,
): { readonly matched: number; readonly differences: readonly Difference[] } {
  const op = opOf(node.op);
  const differences: Difference[] = [];
  const { span } = pattern;
  const valueOf = (key: string): AttributeValue | undefined =>
    (node.attributes as Readonly<Record<string, AttributeValue>>)[key] ??
    ownEntry(op.derived, key)?.(types, node.attributes);
  const mentioned = new Set(pattern.attributes.map(([key]) => key));
  let matched = 0;
  for (const [key, term] of pattern.attributes) {
    const value = valueOf(key);
    const isSame =
      value !== undefined &&
      (term.kind === "value" ? holds(node, types, key, term.value) : matchAttribute(term, value, found));
    if (isSame) matched += 1;
    else
      differences.push({
        kind: "attribute",
        node,
        span,
        key,
        expected: expectedOf(term, found),
        found: value,
      });
  }
  const others = Object.keys(op.attributes).filter((key) => !mentioned.has(key));
  if (pattern.rest === undefined) {
    for (const key of others) {
      const expected = op.attributes[key]?.default;
      if (!holds(node, types, key, expected))
        differences.push({ kind: "attribute", node, span, key, expected, found: valueOf(key) });
    }
    return { matched, differences };
  }
  const rest = Object.fromEntries(
    others.flatMap((key) => {
      const value = valueOf(key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
  const known = found.rests.get(pattern.rest);
  if (known && JSON.stringify(known) !== JSON.stringify(rest))
    differences.push({ kind: "rest", node, span, name: pattern.rest });
  else found.rests.set(pattern.rest, rest);
  return { matched, differences };
}

/** The value that a term asks for, as far as it is known. */
function expectedOf(term: AttributePattern, found: Found): AttributeValue | undefined {
  switch (term.kind) {
    case "value":
      return term.value;
    case "variable":
      return found.values.get(term.name);
    case "list": {
      const items = term.items.map((one) => expectedOf(one, found));
      const numbers = items.filter((one) => typeof one === "number");
      return numbers.length === items.length ? numbers : undefined;
    }
    default:
      return term satisfies never;
  }
}

function operandName(node: Node, at: number): string {
  const { operands } = opOf(node.op);
  return operands[Math.min(at, operands.length - 1)]?.name ?? `operand ${at}`;
}

function isSource({ op }: Node): boolean {
  return op === "input" || op === "constant";
}

/** How many parts a term has: ops, attributes and operands that it mentions; of alternatives, those of the largest. */
function sizeOf(pattern: Pattern | EachPattern): number {
  switch (pattern.kind) {
    case "variable":
    case "uniform":
      return 1;
    case "each":
      return sizeOf(pattern.pattern);
    case "either":
      return pattern.alternatives.map(sizeOf).reduce((most, one) => Math.max(most, one), 0);
    case "op":
      return pattern.operands.map(sizeOf).reduce((sum, one) => sum + one, 1 + pattern.attributes.length);
    default:
      return pattern satisfies never;
  }
}

function spanOf(pattern: Pattern): Span {
  return pattern.span;
}
