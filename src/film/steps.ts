// The steps of a film: the graph as written, then the graph after each application of a rule, after each kernel that a pass makes of nodes, and
// after each other change by a pass.

import type { KernelId, KernelPlan, Node, NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import type { FilmPass, Step } from "./data.js";

/** The steps with their graphs, and the passes. */
export interface Steps {
  readonly passes: readonly FilmPass[];
  readonly steps: readonly Step[];
  /** A graph is made when it is asked for, since all of them together may take gigabytes. */
  readonly modules: readonly (() => Module)[];
  readonly omitted: readonly string[];
}

/** The most nodes of all graphs together: to make a graph and to compare it takes some microseconds for each of its nodes. */
const mostNodes = 6_000_000;

/** The steps from a graph through the runs of passes. */
export function stepsOf(written: Module, trace: readonly PassRun[]): Steps {
  const steps: Step[] = [step("as written")];
  const modules: (() => Module)[] = [() => written];
  let last = written;
  const passes: FilmPass[] = [];
  const omitted: string[] = [];
  let budget = mostNodes;
  for (const { pass, before, after, applied } of trace) {
    const first = steps.length;
    const add = (one: Step, module: () => Module): void => {
      steps.push({ ...one, pass: passes.length });
      modules.push(module);
    };
    const kernels = applied.length > 0 ? [] : kernelsMade(before, after);
    const cost = (applied.length + kernels.length) * before.graph.nodes.size;
    if (cost > budget) {
      const what = kernels.length > 0 ? "kernels" : "applications of rules";
      omitted.push(`The ${applied.length + kernels.length} ${what} by ${pass.name} are one step.`);
    } else {
      budget -= cost;
      for (const one of applied)
        add({ ...step(one.rule), rule: one.rule, covered: one.covered, made: one.made }, () => one.after());
      for (const { rule, module } of kernels) add({ ...step(rule), rule }, module);
    }
    const made = steps.length > first ? (applied.at(-1)?.after() ?? after) : last;
    if (made.graph !== after.graph) add(step(pass.name), () => after);
    last = after;
    passes.push({ name: pass.name, doc: pass.doc, first, end: steps.length });
  }
  return { passes, steps, modules, omitted };
}

/** The kernels that a pass made, by the fusion or else the template of each, with the graph after each; none if the pass changed anything else. */
function kernelsMade(
  before: Module,
  after: Module,
): readonly { readonly rule: string; readonly module: () => Module }[] {
  const { nodes, kernels, outputs } = before.graph;
  if (outputs !== after.graph.outputs || nodes.size !== after.graph.nodes.size) return [];
  const isOnlyGrouped = [...after.graph.nodes.values()].every((node) => {
    const old = nodes.get(node.id);
    return old === node || (old !== undefined && isSameBeside(old, node));
  });
  const made = [...after.graph.kernels].filter(([id, plan]) => kernels.get(id) !== plan);
  const isOnlyMore = [...kernels.keys()].every((id) => after.graph.kernels.has(id));
  if (!isOnlyGrouped || !isOnlyMore) return [];
  return made.map(([, { fusion, template }], at) => ({
    rule: fusion ?? template,
    module: () => (at === made.length - 1 ? after : withKernels(before, after, made.slice(0, at + 1))),
  }));
}

/** Whether nodes differ in nothing but their kernel. */
function isSameBeside(a: Node, b: Node): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)] as (keyof Node)[]);
  keys.delete("kernel");
  return [...keys].every((key) => a[key] === b[key]);
}

/** The first graph with some of the kernels of the second. */
function withKernels(
  before: Module,
  after: Module,
  some: readonly (readonly [KernelId, KernelPlan])[],
): Module {
  const kernels = new Map([...before.graph.kernels, ...some]);
  const made = new Set(some.map(([id]) => id));
  const nodes = new Map(
    [...before.graph.nodes].map(([id, node]) => {
      const grouped = after.graph.nodes.get(id);
      return [id, grouped?.kernel !== undefined && made.has(grouped.kernel) ? grouped : node];
    }),
  );
  return { graph: { ...before.graph, nodes, kernels }, weights: after.weights };
}

/** Two graphs as the two steps of a film that compares them. Nodes are the same if their names are. */
export function comparedSteps(sides: readonly [Module, Module], labels: readonly [string, string]): Steps {
  const [before, after] = sides;
  const other = withIdsOf(before, after);
  return {
    passes: [],
    steps: labels.map((label) => step(label)),
    modules: [() => before, () => other],
    omitted: [],
  };
}

function step(label: string): Step {
  return { label, covered: [], made: [] };
}

/** The second module with the ids of the first for nodes of the same name, and ids that the first does not have for all others. */
function withIdsOf({ graph: first }: Module, { graph, weights }: Module): Module {
  const known = new Map([...first.nodes.values()].map(({ name, id }) => [name, id]));
  let next = Math.max(first.nextId, graph.nextId);
  const ids = new Map<NodeId, NodeId>();
  for (const node of graph.nodes.values()) ids.set(node.id, known.get(node.name) ?? next++);
  const idOf = (id: NodeId): NodeId => ids.get(id) ?? id;
  const nodes = new Map(
    [...graph.nodes.values()].map((node) => {
      const id = idOf(node.id);
      return [id, { ...node, id, inputs: node.inputs.map(idOf) }] as const;
    }),
  );
  const outputs = graph.outputs.map((output) => ({ ...output, node: idOf(output.node) }));
  return { graph: { ...graph, nodes, outputs, nextId: next }, weights };
}
