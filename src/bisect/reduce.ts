// Reduces a case: finds a smaller one that still shows what is wrong, by delta debugging (Zeller and Hildebrandt 2002, "Simplifying and
// Isolating Failure-Inducing Input"). Each step is tried, and kept if the case still shows it.

import type { Node, NodeId } from "#ir/graph.js";
import { elements } from "#ir/type.js";
import type { Case, CaseValues } from "./case.js";
import { computedNodes, partOf, valuesOf, zerosOf } from "./case.js";
import { simplerAttributes, simplerExtents, simplerValues, valueCost } from "./simpler.js";

export interface ReduceOptions {
  /** Whether a case shows what is wrong. */
  readonly shows: (of: Case) => Promise<boolean>;
  /** Whether values matter; if not, inputs that replace values are zeros. */
  readonly withValues: boolean;
  /** Whether the time is over. */
  readonly isOver: () => boolean;
  /** Called after each case that was tried, with the number of ops that are left. */
  readonly onTry?: (ops: number) => void;
}

/** The smallest case that was found. */
export async function reduce(start: Case, options: ReduceOptions): Promise<Case> {
  let current = start;
  for (const family of [dropNodes, dropOutputs]) current = await settle(current, family, options);
  for (let before: Case | undefined; before !== current && !options.isOver();) {
    before = current;
    for (const family of [simplerExtents, simplerAttributes, dropNodes, dropOutputs])
      current = await settle(current, family, options);
  }
  return settle(current, simplerValues, options);
}

/** Gives smaller cases, larger steps first. */
type Family = (of: Case, values: CaseValues) => Iterable<Case>;

/** Tries the cases of a family until none of them shows what is wrong. */
async function settle(start: Case, family: Family, options: ReduceOptions): Promise<Case> {
  let current = start;
  for (let isSettled = false; !isSettled;) {
    isSettled = true;
    const values = options.withValues ? valuesOf(current) : zerosOf(current);
    for (const smaller of family(current, values)) {
      if (options.isOver()) return current;
      if (!isSmaller(smaller, current)) continue;
      const isKept = await options.shows(smaller);
      options.onTry?.(computedNodes((isKept ? smaller : current).module.graph).length);
      if (!isKept) continue;
      current = smaller;
      isSettled = false;
      break;
    }
  }
  return current;
}

/** Without runs of nodes, in halves, quarters, and so on down to single ones. */
function* dropNodes(of: Case, values: CaseValues): Iterable<Case> {
  const ids = computedNodes(of.module.graph).map(({ id }) => id);
  for (let size = Math.ceil(ids.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < ids.length; from += size) {
      const kept = new Set<NodeId>([...ids.slice(0, from), ...ids.slice(from + size)]);
      if (kept.size > 0) yield partOf(of, kept, values);
    }
  }
}

/** With one output, and then without one. */
function* dropOutputs(of: Case, values: CaseValues): Iterable<Case> {
  const { outputs } = of.module.graph;
  if (outputs.length === 1) return;
  const kept = new Set(computedNodes(of.module.graph).map(({ id }) => id));
  const of1 = (ids: readonly NodeId[]): Case => partOf(of, kept, values, ids);
  for (const { node } of outputs) yield of1([node]);
  for (const { node } of outputs)
    yield of1([...new Set(outputs.map((one) => one.node))].filter((id) => id !== node));
}

/** Whether a case is smaller: in the first of the measures in which they differ. */
function isSmaller(a: Case, b: Case): boolean {
  for (const measure of measures) {
    const [first, second] = [measure(a), measure(b)];
    if (first !== second) return first < second;
  }
  return false;
}

/** Ops, outputs, inputs and weights, elements, the text of attributes, and what values say. The last ones are seldom needed. */
const measures: readonly ((of: Case) => number)[] = [
  ({ module }) => computedNodes(module.graph).length,
  ({ module }) => module.graph.outputs.length,
  ({ module }) => module.graph.nodes.size,
  ({ module }) => sum(module, ({ type }) => elements(type.shape)),
  ({ module }) =>
    sum(module, ({ op, attributes }) => (op === "constant" ? 0 : JSON.stringify(attributes).length)),
  valueCost,
];

function sum({ graph }: Case["module"], of: (node: Node) => number): number {
  let total = 0;
  for (const node of graph.nodes.values()) total += of(node);
  return total;
}
