// The values of an optimized graph that rules or splitting approximated, and the outputs that depend on them.

import { given } from "#diagnostic/given.js";
import type { Graph, Node, NodeId, NodeOf } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import type { UserRule } from "#rewrite/rule/rule.js";

/** One kind of change that alters values: a `rule approx`, or splitting. */
export interface Approximation {
  /** `rule NAME`, `split`, or `weights TYPE`. */
  readonly by: string;
  /** The tolerance that the rule states, relative to the greatest value. */
  readonly tolerance?: number;
  /** The names of values that it made, except those that later rules of the same pass replaced. */
  readonly nodes: readonly string[];
  /** The names of the outputs that depend on these values. */
  readonly outputs: readonly string[];
}

/** The approximations that some passes made, in the order of the first use of each. */
export function approximationsOf(trace: readonly PassRun[], rules: readonly UserRule[]): Approximation[] {
  const stated = new Map(rules.flatMap(({ name, approx }) => (approx === undefined ? [] : [[name, approx]])));
  const all = new Map<string, Approximation>();
  for (const { pass, before, after } of trace) {
    if (before.graph === after.graph) continue;
    const made = new Map<string, Node[]>();
    for (const [id, node] of after.graph.nodes) {
      if (before.graph.nodes.get(id) === node) continue;
      const by = node.op === "constant" ? roundingOf(after, node) : causeOf(node, pass.name, stated);
      if (by === undefined) continue;
      const list = made.get(by);
      if (list) list.push(node);
      else made.set(by, [node]);
    }
    for (const [by, nodes] of made) {
      const known = all.get(by);
      const tolerance = stated.get(by.replace(/^rule /, ""));
      all.set(by, {
        by,
        ...given({ tolerance }),
        nodes: [...new Set([...(known?.nodes ?? []), ...nodes.map(({ name }) => name)])],
        outputs: [...new Set([...(known?.outputs ?? []), ...outputsBehind(after.graph, nodes)])],
      });
    }
  }
  return [...all.values()];
}

/** Whether an approximation is rounding weights to fewer bits. */
export function isRounding({ by }: Approximation): boolean {
  return by.startsWith("weights ");
}

/** The type to which the weights of a constant are rounded; undefined if they are not. */
function roundingOf({ weights }: Module, { attributes }: NodeOf<"constant">): string | undefined {
  const { source } = entryOf(weights, attributes.weight);
  if (source.kind !== "compact" || !source.isRounded) return undefined;
  return `weights ${source.form.codes === "float16" ? "f16" : source.form.codes}`;
}

function causeOf(
  { origin }: Node,
  pass: string,
  stated: ReadonlyMap<string, number | string>,
): string | undefined {
  if (origin.rule !== undefined && stated.has(origin.rule)) return `rule ${origin.rule}`;
  return pass === "split" && origin.pass === "split" ? "split" : undefined;
}

/** The names of the outputs that depend on any of the nodes. */
function outputsBehind(graph: Graph, nodes: readonly Node[]): string[] {
  const reached = new Set<NodeId>(nodes.map(({ id }) => id));
  // Iterating over a set also visits the elements added during the iteration.
  for (const id of reached) for (const user of users(graph).get(id) ?? []) reached.add(user);
  return graph.outputs.filter(({ node }) => reached.has(node)).map(({ name }) => name);
}
