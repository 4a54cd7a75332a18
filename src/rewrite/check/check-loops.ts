// Finds rules that apply without end, on the samples of the checks of the single rules; this needs no model.

import type { Diagnostic } from "#diagnostic/diagnostic.js";
import type { Graph, NodeId } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import type { UserRule } from "../rule/rule.js";
import type { AppliedRule, Loop } from "../rule/sweep.js";
import { loopError, sweep } from "../rule/sweep.js";
import type { RuleCheck } from "./check-rule.js";

/** Far more than terminating rules need on graphs of a few nodes. */
const limits = { sweeps: 60, rewrites: 400 };

/**
 * An error for each cycle of rules that undo each other or match their own results: once, with the shortest chain. A cycle that contains the
 * rules of another one is not reported, since it ends when that one is mended, or is found then.
 */
export function checkLoops(checks: readonly RuleCheck[]): Diagnostic[] {
  const rules: readonly UserRule[] = checks.map(({ rule }) => rule);
  const loops = new Map<string, Loop>();
  for (const { lefts } of checks) {
    for (const { module } of lefts) {
      const found = loopIn(module, rules);
      if (!found) continue;
      const loop = withFewestRules(module, rules, found);
      const key = [...new Set(loop.cycle)].sort().join();
      const known = loops.get(key);
      if (!known || loop.cycle.length < known.cycle.length) loops.set(key, loop);
    }
  }
  const all = [...loops.values()].toSorted((a, b) => a.cycle.length - b.cycle.length);
  return all
    .filter((loop) => !all.some((other) => other !== loop && isWithin(other, loop)))
    .map((loop) => loopError(loop, "", rules));
}

function loopIn(module: Module, rules: readonly UserRule[]): Loop | undefined {
  return sweep(module, rules, { pass: "check" }, limits).loop;
}

/** The loop that is left on a sample without the rules that it does not need, with the shortest chain that leads back to the same graph. */
function withFewestRules(module: Module, rules: readonly UserRule[], found: Loop): Loop {
  const forwards = fewest(module, rules, rules, found);
  const backwards = fewest(module, rules, rules.toReversed(), found);
  const { needed, loop } = backwards.needed.length < forwards.needed.length ? backwards : forwards;
  return { ...loop, cycle: shortestCycle(module, needed) ?? loop.cycle };
}

/** Leaves out rules in an order, each without which a loop is left. */
function fewest(
  module: Module,
  rules: readonly UserRule[],
  order: readonly UserRule[],
  found: Loop,
): { readonly needed: readonly UserRule[]; readonly loop: Loop } {
  let needed = rules;
  let loop = found;
  for (const rule of order) {
    const fewer = needed.filter((one) => one !== rule);
    const left = loopIn(module, fewer);
    if (left) [needed, loop] = [fewer, left];
  }
  return { needed, loop };
}

/** The fewest rules in a row that lead back to the same graph; undefined if the graph only grows. */
function shortestCycle(module: Module, rules: readonly UserRule[]): readonly string[] | undefined {
  const names: string[] = [];
  const forms: string[] = [];
  const onApply = ({ rule, after }: AppliedRule): void => {
    if (names.length >= mostApplied) return;
    names.push(rule);
    forms.push(formOf(after().graph));
  };
  sweep(module, rules, { pass: "check", onApply }, { ...limits, sweeps: mostApplied });
  let shortest: readonly string[] | undefined;
  const last = new Map<string, number>();
  for (const [at, form] of forms.entries()) {
    const before = last.get(form);
    if (before !== undefined && at - before < (shortest?.length ?? Number.POSITIVE_INFINITY))
      shortest = names.slice(before + 1, at + 1);
    last.set(form, at);
  }
  return shortest && withoutRepetition(shortest);
}

/** A chain that is the same part several times, as that part. */
function withoutRepetition(chain: readonly string[]): readonly string[] {
  const isPeriod = (length: number): boolean =>
    chain.length % length === 0 && chain.every((name, at) => name === chain[at % length]);
  return chain.slice(0, chain.findIndex((_, at) => isPeriod(at + 1)) + 1);
}

/** How many applications are looked through for a graph that was there before. */
const mostApplied = 20;

/** A text that two graphs share if they compute the same in the same way, whatever the ids of their nodes are. */
function formOf(graph: Graph): string {
  const known = new Map<NodeId, number>();
  const lines: string[] = [];
  for (const node of topological(graph)) {
    const inputs = node.inputs.map((id) => known.get(id));
    const line = JSON.stringify([node.op, node.attributes, node.op === "input" ? node.id : inputs]);
    const at = lines.indexOf(line);
    known.set(node.id, at < 0 ? lines.push(line) - 1 : at);
  }
  return JSON.stringify([lines, graph.outputs.map(({ node }) => known.get(node))]);
}

/** Whether all rules of a loop are among those of another one, which has more. */
function isWithin({ cycle }: Loop, other: Loop): boolean {
  const names = new Set(cycle);
  const others = new Set(other.cycle);
  return names.size < others.size && [...names].every((name) => others.has(name));
}
