// Compiles `fuse` items of the language into links over nodes and a condition on chains.

import type { FuseItem, FuseLink, Item } from "#grammar/ast.js";
import { printName } from "#grammar/printing/print-name.js";
import type { Diagnostic, Result, Span } from "#diagnostic/diagnostic.js";
import { error, hasErrors } from "#diagnostic/diagnostic.js";
import { meant, meantOr } from "#diagnostic/suggest.js";
import type { Graph, Node, OpName } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { opClasses, opNames } from "#ops/index.js";
import type { Unmet } from "./condition.js";
import { compileChainCondition } from "./condition.js";
import { templateProblem } from "./template.js";
import type { OpSet } from "../rule/compile/classes.js";
import { compileClasses, isOneOf, setOfLink } from "../rule/compile/classes.js";
import { ruleSizeProblem } from "../rule/compile/rule-size.js";

/** A compiled `fuse` item. */
export interface Fusion {
  readonly name: string;
  readonly span: Span;
  /** The links of the item; `a+` becomes `a` and `a*`. */
  readonly links: readonly FusionLink[];
  /** The part of the item's `when` that does not hold, on the facts of the cost model; none without a `when`. */
  readonly unmet: Unmet;
}

interface FusionLink {
  /** The op or the class in the text. */
  readonly name: string;
  readonly repeat: "one" | "*" | "?";
  readonly accepts: (graph: Graph, node: Node) => boolean;
}

/** Checks and compiles the `fuse` items among all items, in their order. Two of the same name are an error. */
export function compileFusions(items: readonly Item[]): Result<readonly Fusion[]> {
  // The compiler of rules reports the errors in classes.
  const { classes } = compileClasses(items);
  const diagnostics: Diagnostic[] = [];
  const fusions: Fusion[] = [];
  const first = new Map<string, FuseItem>();
  for (const item of items) {
    if (item.kind !== "fuse") continue;
    const other = first.get(item.name.text);
    if (other) {
      diagnostics.push(
        error("repeated-name", `there are two fusions named \`${item.name.text}\``, {
          span: item.name.span,
          label: "the second one",
          others: [{ span: other.name.span, message: "the first one" }],
        }),
      );
    }
    first.set(item.name.text, other ?? item);
    const compiled = compileFusion(item, classes);
    for (const one of compiled.diagnostics) diagnostics.push(one);
    if (compiled.value) fusions.push(compiled.value);
  }
  return hasErrors(diagnostics) ? { diagnostics } : { value: fusions, diagnostics };
}

/** Checks and compiles a `fuse` item. */
function compileFusion(item: FuseItem, classes: ReadonlyMap<string, OpSet>): Result<Fusion> {
  const tooLarge = ruleSizeProblem(item);
  if (tooLarge) return { diagnostics: [tooLarge] };
  const diagnostics = item.links.flatMap((link) => checkLink(link, classes));
  if (!item.links.some((link) => link.repeat === "*" || link.repeat === "+") && item.links.length < 2) {
    diagnostics.push(
      error("short-fusion", `\`${item.name.text}\` never holds two ops, so it fuses nothing`, {
        span: item.span,
        help: ["join links by `->`, or let one repeat, as in `elementwise+`"],
      }),
    );
  }
  if (!hasErrors(diagnostics)) {
    const problem = templateProblem(item, classes);
    if (problem) diagnostics.push(problem);
  }
  const condition = item.when
    ? compileChainCondition(item.when)
    : { value: (): undefined => undefined, diagnostics: [] };
  for (const one of condition.diagnostics) diagnostics.push(one);
  if (hasErrors(diagnostics) || !condition.value) return { diagnostics };
  const links = item.links.flatMap(({ name, repeat }): FusionLink[] => {
    const set = setOfLink(name.text, classes) ?? { ops: [] };
    const link = { name: name.text, accepts: acceptor(set) };
    if (repeat !== "+") return [{ ...link, repeat }];
    return [
      { ...link, repeat: "one" },
      { ...link, repeat: "*" },
    ];
  });
  return {
    value: { name: item.name.text, span: item.span, links, unmet: condition.value },
    diagnostics,
  };
}

/**
 * The links that may take the next node of a chain, as states of the automaton of `links`. A state is the index of a link;
 * `links.length` means that the whole chain is matched.
 */
export function startStates(fusion: Fusion): ReadonlySet<number> {
  const states = new Set<number>();
  addClosure(fusion, 0, states);
  return states;
}

/** The states after one more node; empty if no chain of the fusion continues with it. */
export function nextStates(
  fusion: Fusion,
  states: ReadonlySet<number>,
  graph: Graph,
  node: Node,
): ReadonlySet<number> {
  const next = new Set<number>();
  for (const state of states) {
    const link = fusion.links[state];
    if (link?.accepts(graph, node)) addClosure(fusion, link.repeat === "*" ? state : state + 1, next);
  }
  return next;
}

/** Adds a state, and those that are reached from it without a node. */
function addClosure(fusion: Fusion, start: number, all: Set<number>): void {
  all.add(start);
  for (let state = start; (fusion.links[state]?.repeat ?? "one") !== "one"; state += 1) all.add(state + 1);
}

/** Ops that no kernel computes: they cannot be in a chain. */
const sources = ["input", "constant"];

function checkLink({ name: { text, span } }: FuseLink, classes: ReadonlyMap<string, OpSet>): Diagnostic[] {
  if (sources.includes(text)) {
    return [error("not-fusible", `no kernel computes \`${text}\``, { span, label: "cannot be in a chain" })];
  }
  if (setOfLink(text, classes)) return [];
  const near = meant(text, [...opNames, ...opClasses, ...classes.keys()], span, printName);
  const list = `classes are ${[...opClasses, ...classes.keys()].join(", ")}; \`cleave ops\` lists all ops`;
  return [
    error("unknown-op", `\`${text}\` is not an op or a class of ops`, { span, ...meantOr(near, list) }),
  ];
}

/** Whether a link takes a node. Every node of a graph is asked about, by every fusion. */
function acceptor(set: OpSet): FusionLink["accepts"] {
  const ops: ReadonlySet<OpName> = new Set(set.ops);
  return (graph, node) => {
    if (!ops.has(node.op)) return false;
    if (!set.pointwise) return true;
    // Classes look only at data and weights, and a concat may have thousands of operands.
    const types = node.inputs.slice(0, 2).map((id) => nodeOf(graph, id).type);
    return isOneOf(set, node, types);
  };
}
