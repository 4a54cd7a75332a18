// Solves a left side at a place of a graph: one search with backtracking over alternatives, orders of operands and lists of operands.

import { ownEntry } from "#diagnostic/own-entry.js";
import type { AttributeValue, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import type { TensorType } from "#ir/type.js";
import type { Module } from "#ir/weights.js";
import { isMember, normalizeAttributes, opOf } from "#ops/index.js";
import type { Attributes } from "#ops/op.js";
import { isProblem } from "#ops/op.js";
import { uniformValue } from "./facts.js";
import type { AttributePattern, EachPattern, Match, OpPattern, Pattern } from "./rule.js";

/** The variables that are bound so far; see `Match`. */
export interface Found {
  readonly nodes: Map<string, NodeId>;
  readonly lists: Map<string, NodeId[]>;
  readonly values: Map<string, AttributeValue>;
  readonly rests: Map<string, Attributes>;
  readonly covered: NodeId[];
  readonly roots: NodeId[];
}

/** Bindings that are only read. */
type Bindings = Pick<Match, "nodes" | "lists" | "values" | "rests" | "covered">;

/** How many terms one search may compare with nodes. Beyond it, a left side of many alternatives counts as no match. */
export const mostSteps = 20_000;

/** A search. */
export interface Search<Result> {
  readonly module: Module;
  /** How many terms it may still compare. */
  readonly budget: { steps: number };
  /** Called with all variables bound; if it gives undefined, the search goes on. */
  conclude(found: Found): Result | undefined;
}

/** The result of the first solution in which `pattern` matches the node `id`. Changes `found`. */
export function solveAt<Result>(
  search: Search<Result>,
  pattern: Pattern,
  id: NodeId,
  found: Found,
): Result | undefined {
  return solve(search, { pattern, id, item: undefined, rest: undefined }, found);
}

export function emptyFound(): Found {
  return { nodes: new Map(), lists: new Map(), values: new Map(), rests: new Map(), covered: [], roots: [] };
}

export function copyOf(found: Bindings & { readonly roots: readonly NodeId[] }): Found {
  return {
    nodes: new Map(found.nodes),
    lists: new Map([...found.lists].map(([name, ids]) => [name, [...ids]])),
    values: new Map(found.values),
    rests: new Map(found.rests),
    covered: [...found.covered],
    roots: [...found.roots],
  };
}

/** Equality of attribute values. Numbers are equal if they are equal as f32, which is the precision in which models give them. */
export function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  if (typeof a === "number" && typeof b === "number") return sameNumber(a, b);
  if (typeof a !== "object" || typeof b !== "object") return a === b;
  return a.length === b.length && a.every((item, at) => sameNumber(item, b[at] ?? Number.NaN));
}

export function sameAttributes(a: Attributes, b: Attributes): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => a[key] !== undefined && b[key] !== undefined && sameValue(a[key], b[key]))
  );
}

/** The operand of a `p..` that a goal is about. */
export interface Item {
  readonly each: EachPattern;
  readonly index: number;
}

/** Pairs of pattern and node that are still to be matched. */
type Goals =
  | {
      readonly pattern: Pattern;
      readonly id: NodeId;
      readonly item: Item | undefined;
      readonly rest: Goals;
    }
  | undefined;

function solve<Result>(search: Search<Result>, goals: Goals, found: Found): Result | undefined {
  const { module, budget } = search;
  for (let goal = goals; goal;) {
    if (budget.steps <= 0) return undefined;
    budget.steps -= 1;
    const { pattern, id, item, rest } = goal;
    switch (pattern.kind) {
      case "variable":
        if (!bindNode(module, found, pattern.name, id, item)) return undefined;
        goal = rest;
        break;
      case "uniform": {
        const value = uniformValue(module.weights, nodeOf(module.graph, id));
        if (value === undefined || !sameNumber(value, pattern.value)) return undefined;
        goal = rest;
        break;
      }
      case "either":
        return firstOf(search, found, pattern.alternatives, (one) => ({ pattern: one, id, item, rest }));
      case "op": {
        const node = nodeOf(module.graph, id);
        if (!matchOp(module, pattern, node, found, item)) return undefined;
        const ways = waysOf(pattern, node).filter((way) => fits(way, found));
        const [only] = ways;
        if (only === undefined) return undefined;
        if (ways.length > 1)
          return firstOf(search, found, ways, (way, own) => push(begin(way, own), item, rest));
        goal = push(begin(only, found), item, rest);
        break;
      }
      default:
        return pattern satisfies never;
    }
  }
  return search.conclude(found);
}

/** The first solution among some choices. Each gets its own copy of the bindings. */
function firstOf<Result, Choice>(
  search: Search<Result>,
  found: Found,
  choices: readonly Choice[],
  goalsOf: (choice: Choice, found: Found) => Goals,
): Result | undefined {
  for (const choice of choices) {
    const own = copyOf(found);
    const result = solve(search, goalsOf(choice, own), own);
    if (result !== undefined) return result;
  }
  return undefined;
}

/** One way to distribute the operands of a node: a pattern for each. */
interface Way {
  readonly pairs: readonly { readonly pattern: Pattern; readonly id: NodeId; readonly item?: Item }[];
  readonly lists: readonly { readonly each: EachPattern; readonly length: number }[];
}

/** The ways to distribute the operands of a node to those of a pattern, in the order in which they are tried. */
export function waysOf({ operands }: OpPattern, node: Node): readonly Way[] {
  const { inputs } = node;
  const each = operands.findIndex((operand) => operand.kind === "each");
  if (each < 0) {
    const straight = wayOf(operands, inputs, []);
    const [a, b] = inputs;
    if (!opOf(node.op).commutative || operands.length !== 2 || a === undefined || b === undefined || a === b)
      return [straight];
    return [straight, wayOf(operands, [b, a], [])];
  }
  const lists = operands.filter((operand) => operand.kind === "each").length;
  const spare = inputs.length - (operands.length - lists);
  if (spare < 0) return [];
  if (lists === 1) return [wayOf(operands, inputs, [spare])];
  return Array.from({ length: spare + 1 }, (_, first) => wayOf(operands, inputs, [first, spare - first]));
}

/** The way in which the lists have the given numbers of operands. A trailing operand that the pattern leaves out was checked before. */
function wayOf(operands: OpPattern["operands"], inputs: readonly NodeId[], lengths: readonly number[]): Way {
  const pairs: Way["pairs"][number][] = [];
  const lists: Way["lists"][number][] = [];
  let at = 0;
  for (const operand of operands) {
    if (operand.kind !== "each") {
      const id = inputs[at];
      if (id !== undefined) pairs.push({ pattern: operand, id });
      at += 1;
      continue;
    }
    const length = lengths[lists.length] ?? 0;
    lists.push({ each: operand, length });
    for (const [index, id] of inputs.slice(at, at + length).entries())
      pairs.push({ pattern: operand.pattern, id, item: { each: operand, index } });
    at += length;
  }
  return { pairs, lists };
}

/** Whether lists that are bound already have the lengths of a way. */
function fits({ lists }: Way, found: Found): boolean {
  return lists.every(({ each, length }) =>
    [...each.lists].every((name) => (found.lists.get(name)?.length ?? length) === length),
  );
}

/** Begins the lists of a way, with nothing bound in them. */
export function begin(way: Way, found: Found): Way {
  for (const { each, length } of way.lists)
    for (const name of each.lists)
      if (!found.lists.has(name)) found.lists.set(name, new Array<NodeId>(length).fill(unbound));
  return way;
}

/** An item of a list that is not bound yet; no node has this id. */
const unbound: NodeId = -1;

function push({ pairs }: Way, item: Item | undefined, rest: Goals): Goals {
  return pairs.reduceRight<Goals>(
    (goals, { pattern, id, item: own }) => ({ pattern, id, item: own ?? item, rest: goals }),
    rest,
  );
}

export function bindNode(
  module: Module,
  found: Found,
  name: string,
  id: NodeId,
  item: Item | undefined,
): boolean {
  const list = item?.each.lists.has(name) ? found.lists.get(name) : undefined;
  const known = list && item ? list[item.index] : found.nodes.get(name);
  if (known === undefined || known === unbound) {
    if (list && item) list[item.index] = id;
    else found.nodes.set(name, id);
    return true;
  }
  if (known === id) return true;
  const [a, b] = [nodeOf(module.graph, known), nodeOf(module.graph, id)];
  return a.op === "constant" && b.op === "constant" && a.attributes.weight === b.attributes.weight;
}

/** Matches op, number of operands, attributes and binder, but not the operands. */
function matchOp(
  module: Module,
  pattern: OpPattern,
  node: Node,
  found: Found,
  item: Item | undefined,
): boolean {
  if (!pattern.ops.includes(node.op)) return false;
  const types = node.inputs.map((id) => nodeOf(module.graph, id).type);
  if (pattern.pointwise && node.op === "conv2d" && !isMember("pointwise", node, types)) return false;
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
  if (pattern.binder !== undefined && !bindNode(module, found, pattern.binder, node.id, item)) return false;
  found.covered.push(node.id);
  return true;
}

/** A pattern may leave out optional operands. They must then be zero. */
function matchLeftOut(module: Module, pattern: OpPattern, node: Node): boolean {
  if (pattern.operands.some((operand) => operand.kind === "each")) return true;
  if (node.inputs.length < pattern.operands.length) return false;
  return node.inputs.every((_, at) => at < pattern.operands.length || isZero(module, node, at));
}

/** Whether an operand is optional and zero. */
export function isZero({ graph, weights }: Module, node: Node, at: number): boolean {
  const id = node.inputs[at];
  if (id === undefined || opOf(node.op).operands[at]?.optional !== true) return false;
  return uniformValue(weights, nodeOf(graph, id)) === 0;
}

/** Whether an attribute has a value in any way of writing it: a pool's stride of 0 means the size of its window, `same` means four numbers. */
export function holds(
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

export function matchAttribute(term: AttributePattern, value: AttributeValue, found: Found): boolean {
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

function sameNumber(a: number, b: number): boolean {
  return a === b || Math.fround(a) === Math.fround(b);
}
