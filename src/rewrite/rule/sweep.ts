// Applies rules to a graph until none applies. Reads the frozen graph, and makes one `produce` per sweep.

import { castDraft, produce } from "immer";
import { createFresh } from "#ir/fresh.js";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { bug, error } from "#diagnostic/diagnostic.js";
import type { Graph, KernelId, Node, NodeId, OpName, Origin } from "#ir/graph.js";
import { nodeOf, uniteSpans } from "#ir/graph.js";
import { topological } from "#ir/node-order.js";
import type { Module } from "#ir/weights.js";
import type { GraphChange } from "./changes.js";
import { changesByRewrite } from "./changes.js";
import type { Built } from "./replacement-builder.js";
import { materialize } from "./replacement-builder.js";
import type { Application } from "./match.js";
import { applicationAt } from "./match.js";
import { NativeError } from "./predicate.js";
import type { NativeRule, Rule } from "./rule.js";
import { rootOps } from "./rule.js";
import { staysAcyclic } from "./several-roots.js";

type SweepRule = Rule | NativeRule;

export interface SweepOptions {
  /** The pass that new nodes name as their origin. */
  readonly pass: string;
  /** Called with an error if rules apply without end. */
  report(diagnostic: Diagnostic): void;
  /** Called for every application of a rule, in order. */
  readonly onApply?: ((applied: AppliedRule) => void) | undefined;
}

/** A rule that was applied at one place. */
export interface AppliedRule {
  /** The rule's name. */
  readonly rule: string;
  /** The nodes that were replaced; several if the left side has several terms. */
  readonly roots: readonly NodeId[];
  /** The nodes that the rule covered, roots included. Those that others read stay. */
  readonly covered: readonly NodeId[];
  /** The nodes that it made, one under the id of each root that no other value of the graph replaces. */
  readonly made: readonly NodeId[];
  /** The module with this application and those before it, but none after it. Computed on each request, in the time of one sweep. */
  after(): Module;
  /** What it changed in the module before it. All those of a sweep are found together, in the time of one sweep. */
  change(): GraphChange;
}

/** The limits beyond which rules count as applying without end. */
export interface SweepLimits {
  /** Sweeps; each rewrites all matches that do not overlap. */
  readonly sweeps: number;
  /** Rewrites: a rule that makes two nodes of one grows a graph beyond any bound within few sweeps. */
  readonly rewrites: number;
}

/** Rules that apply without end. */
export interface Loop {
  /** Their names: each rule makes what the next one matches, and the last makes what the first one matches. */
  readonly cycle: readonly string[];
  /** A node that they would rewrite next. */
  readonly node: Node;
}

/**
 * Applies the rules everywhere until none applies; where several match, the one with the greatest benefit wins, then the first. Returns
 * the same module if no rule applies. Reports rules that apply without end as an error that names them, and returns the graph so far.
 */
export function applyRules(module: Module, rules: readonly SweepRule[], options: SweepOptions): Module {
  const limits = { sweeps: 200, rewrites: 100 * module.graph.nodes.size + 10_000 };
  let swept: ReturnType<typeof sweep>;
  try {
    swept = sweep(module, rules, options, limits);
  } catch (thrown) {
    if (!(thrown instanceof NativeError)) throw thrown;
    options.report(failedRule(thrown));
    return module;
  }
  if (swept.loop)
    options.report(loopError(swept.loop, ` at \`${swept.loop.node.name}\` of ${module.graph.name}`, rules));
  return swept.module;
}

/** Like `applyRules`, but returns the loop. */
export function sweep(
  module: Module,
  rules: readonly SweepRule[],
  { pass, onApply }: Pick<SweepOptions, "pass" | "onApply">,
  limits: SweepLimits,
): { readonly module: Module; readonly loop?: Loop } {
  const levels = levelsOf(rules);
  const histories: Histories = new Map();
  let { rewrites } = limits;
  let current = module;
  for (let count = 0; ; count += 1) {
    const applications = findApplications(current, levels);
    if (applications.length === 0) return { module: current };
    rewrites -= applications.length;
    if (count >= limits.sweeps || rewrites < 0)
      return { module: current, loop: loopOf(applications, histories) };
    const changes = changesOf(current, applications, pass, histories);
    const swept = withChanges(current, changes);
    if (onApply) {
      const byRewrite = rewritesOf(current, changes);
      for (const at of changes.keys()) onApply(appliedRule(current, changes, at, swept, byRewrite));
    }
    current = swept;
  }
}

/** The error for a rule or a predicate of the caller that fails. */
export function failedRule({ message }: NativeError): Diagnostic {
  return error("failed-rule", message, {
    help: ["code that a rule calls must handle every value that it may be given"],
  });
}

/** The error for a loop; `where` names the place. */
export function loopError({ cycle }: Loop, where: string, rules: readonly SweepRule[]): Diagnostic {
  const rule = rules.find((one) => one.name === cycle[0]);
  const path = [...cycle, cycle[0]].map((name) => `\`${name}\``).join(" → ");
  return error("rule-loop", `rules apply without end${where}: ${path}`, {
    ...(rule?.kind === "equation" ? { span: rule.span, label: "one of them" } : {}),
    help: ["no rule may match its own result again: add a condition, or swap its sides"],
  });
}

/** The names of the rules that led to each node, first to last. */
type Histories = Map<NodeId, readonly string[]>;

/** Rules of one benefit, by the ops at which they are tried. */
type Level = ReadonlyMap<OpName, readonly SweepRule[]>;

/** The rules in levels, the greatest benefit first. */
function levelsOf(rules: readonly SweepRule[]): readonly Level[] {
  const levels = new Map<number, Map<OpName, SweepRule[]>>();
  for (const rule of rules) {
    const { benefit = 0 } = rule;
    const level = levels.get(benefit) ?? new Map<OpName, SweepRule[]>();
    levels.set(benefit, level);
    for (const op of opsOf(rule)) {
      const list = level.get(op);
      if (list) list.push(rule);
      else level.set(op, [rule]);
    }
  }
  return [...levels].toSorted(([a], [b]) => b - a).map(([, level]) => level);
}

/** The ops of the nodes at which a rule is tried. */
function opsOf(rule: SweepRule): readonly OpName[] {
  if (rule.kind === "native") return rule.ops;
  const [first] = rule.roots;
  return first ? rootOps(first) : [];
}

/** The matches that do not overlap: by benefit, then in topological order, then in the order of the rules. */
function findApplications(module: Module, levels: readonly Level[]): Application[] {
  const applications: Application[] = [];
  const taken = new Set<NodeId>();
  const waiting = new Set<NodeId>();
  for (const level of levels) {
    for (const node of topological(module.graph)) {
      const rules = level.get(node.op);
      if (!rules || taken.has(node.id) || waiting.has(node.id)) continue;
      for (const rule of rules) {
        const application = applicationAt(rule, module, node);
        if (!application) continue;
        // The first rule wins. If it overlaps with a rewrite of this sweep, the node waits for the next sweep.
        const overlaps = application.covered.some((id) => taken.has(id));
        if (overlaps || !staysAcyclic(module.graph, application, applications)) waiting.add(node.id);
        else {
          for (const id of application.covered) taken.add(id);
          applications.push(application);
        }
        break;
      }
    }
  }
  return applications;
}

/** What one application changes. */
interface Change {
  readonly application: Application;
  /** The values that replace the roots, and the new nodes that compute them. */
  readonly built: Built;
  /** The next unused id after them. */
  readonly nextId: NodeId;
}

function changesOf(
  module: Module,
  applications: readonly Application[],
  pass: string,
  histories: Histories,
): Change[] {
  const { graph } = module;
  const fresh = createFresh(graph);
  return applications.map((application) => {
    const { rule, roots, covered, replacements } = application;
    const origin = originOf(application, graph, pass);
    const built = materialize(replacements, { module, roots, origin, fresh });
    const history = [...covered.flatMap((id) => histories.get(id) ?? []), rule].slice(-64);
    for (const node of built.nodes) histories.set(node.id, history);
    for (const { to } of aliasesOf(application, built)) histories.set(to, history);
    return { application, built, nextId: fresh.next };
  });
}

/** The roots that values of the graph, or other new nodes, replace. */
function aliasesOf({ roots }: Application, { ids }: Built): { readonly from: NodeId; readonly to: NodeId }[] {
  return roots.flatMap(({ id: from }, at) => {
    const to = ids[at];
    return to === undefined || to === from ? [] : [{ from, to }];
  });
}

/** What each of some changes does to the graph before it, found on the first request. */
function rewritesOf({ graph }: Module, changes: readonly Change[]): () => readonly GraphChange[] {
  let found: readonly GraphChange[] | undefined;
  return () =>
    (found ??= changesByRewrite(
      graph,
      changes.map(({ application, built }) => ({
        covered: application.covered,
        built: built.nodes,
        aliases: aliasesOf(application, built),
      })),
    ));
}

/** One of the changes that make `swept` of a module. */
function appliedRule(
  module: Module,
  changes: readonly Change[],
  at: number,
  swept: Module,
  byRewrite: () => readonly GraphChange[],
): AppliedRule {
  const { application, built } = changes[at] ?? bug("no such change");
  return {
    rule: application.rule,
    roots: application.roots.map(({ id }) => id),
    covered: application.covered,
    made: built.nodes.map((node) => node.id),
    after: () => (at === changes.length - 1 ? swept : withChanges(module, changes.slice(0, at + 1))),
    change: () => byRewrite()[at] ?? bug("no such change"),
  };
}

/** The module after changes that do not overlap. */
function withChanges({ graph, weights }: Module, changes: readonly Change[]): Module {
  const changed = new Map<NodeId, Node>();
  const aliases = new Map<NodeId, NodeId>();
  for (const { application, built } of changes) {
    for (const node of built.nodes) changed.set(node.id, node);
    for (const { from, to } of aliasesOf(application, built)) aliases.set(from, to);
  }

  const resolve = (id: NodeId): NodeId => {
    let to = id;
    for (let next = aliases.get(to); next !== undefined; next = aliases.get(to)) to = next;
    return to;
  };
  for (const node of [...graph.nodes.values(), ...changed.values()]) {
    const latest = changed.get(node.id) ?? node;
    if (!latest.inputs.some((id) => aliases.has(id))) continue;
    changed.set(node.id, { ...latest, inputs: latest.inputs.map(resolve) });
  }
  const outputs = graph.outputs.some((output) => aliases.has(output.node))
    ? graph.outputs.map((output) => ({ ...output, node: resolve(output.node) }))
    : graph.outputs;
  const suspects = changes.flatMap(({ application: { covered } }) => [
    ...covered,
    ...covered.flatMap((id) => nodeOf(graph, id).inputs),
  ]);
  const dead = deadNodes(graph, changed, outputs, suspects);

  const after = produce(graph, (draft) => {
    for (const [id, node] of changed) if (!dead.has(id)) draft.nodes.set(id, castDraft(node));
    for (const id of dead) draft.nodes.delete(id);
    if (outputs !== graph.outputs) draft.outputs = castDraft(outputs);
    for (const kernel of emptyKernels(graph, changed, dead)) draft.kernels.delete(kernel);
    draft.nextId = changes.at(-1)?.nextId ?? graph.nextId;
  });
  return { graph: after, weights };
}

function originOf({ rule, covered }: Application, graph: Graph, pass: string): Origin {
  const spans = covered.map((id) => nodeOf(graph, id).origin.spans);
  return { pass, rule, spans: uniteSpans(spans) };
}

/** The nodes among `suspects` and their operands that no node uses any more. Inputs of the net stay. */
function deadNodes(
  graph: Graph,
  changed: ReadonlyMap<NodeId, Node>,
  outputs: Graph["outputs"],
  suspects: readonly NodeId[],
): ReadonlySet<NodeId> {
  const uses = new Map<NodeId, number>();
  const count = (id: NodeId, by: number): void => void uses.set(id, (uses.get(id) ?? 0) + by);
  for (const node of graph.nodes.values()) {
    if (!changed.has(node.id)) for (const input of node.inputs) count(input, 1);
  }
  for (const node of changed.values()) for (const input of node.inputs) count(input, 1);
  for (const output of outputs) count(output.node, 1);

  const dead = new Set<NodeId>();
  const work = [...new Set(suspects)];
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    const node = changed.get(id) ?? nodeOf(graph, id);
    if (dead.has(id) || node.op === "input" || (uses.get(id) ?? 0) > 0) continue;
    dead.add(id);
    for (const input of node.inputs) {
      count(input, -1);
      work.push(input);
    }
  }
  return dead;
}

/** Kernels whose nodes are all gone. */
function emptyKernels(
  graph: Graph,
  changed: ReadonlyMap<NodeId, Node>,
  dead: ReadonlySet<NodeId>,
): KernelId[] {
  if (graph.kernels.size === 0) return [];
  const live = [...graph.nodes.values(), ...changed.values()].filter((node) => !dead.has(node.id));
  const used = new Set(live.map((node) => (changed.get(node.id) ?? node).kernel));
  return [...graph.kernels.keys()].filter((kernel) => !used.has(kernel));
}

/** The rules that apply without end: the shortest period at the end of the longest history. */
function loopOf(applications: readonly Application[], histories: Histories): Loop {
  const chains = applications.map(({ rule, roots, covered }) => ({
    node: roots[0],
    chain: [...covered.flatMap((id) => histories.get(id) ?? []), rule],
  }));
  const { chain, node } =
    chains.toSorted((a, b) => b.chain.length - a.chain.length)[0] ?? bug("no rule applies");
  return { cycle: period(chain), node: node ?? bug("a rule replaces no node") };
}

function period(chain: readonly string[]): readonly string[] {
  for (let length = 1; length <= chain.length / 2; length += 1) {
    const last = chain.slice(-length);
    const repeats = Math.min(3, Math.floor(chain.length / length));
    const tail = chain.slice(-length * repeats);
    if (tail.every((name, index) => name === last[index % length])) return last;
  }
  return chain.slice(-1);
}
