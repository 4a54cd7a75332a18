// The steps of a film: the graph as written, then the graph after each application of a rule, after each kernel that a pass makes of nodes, and
// after each other change by a pass.

import type { KernelId, KernelPlan, Node, NodeId } from "#ir/graph.js";
import type { Module } from "#ir/weights.js";
import type { PassRun } from "#rewrite/pipeline/pipeline.js";
import type { GraphChange } from "#rewrite/rule/changes.js";
import type { FilmPass, Step } from "./data.js";

/** A graph as a whole, or what a step changes in the graph before it. Both are made when they are asked for. */
type StepGraph = { readonly module: () => Module } | { readonly change: () => StepChange };

/** Changes of nodes and outputs, and the kernels that are new or have other plans. */
interface StepChange extends GraphChange {
  readonly kernels?: readonly (readonly [KernelId, KernelPlan])[];
}

/** The steps with their graphs, and the passes. */
export interface Steps {
  readonly passes: readonly FilmPass[];
  readonly steps: readonly Step[];
  readonly graphs: readonly StepGraph[];
}

/** The steps from a graph through the runs of passes. */
export function stepsOf(written: Module, trace: readonly PassRun[]): Steps {
  const steps: Step[] = [step("as written")];
  const graphs: StepGraph[] = [{ module: () => written }];
  let last = written;
  const passes: FilmPass[] = [];
  for (const { pass, before, after, applied } of trace) {
    const first = steps.length;
    const add = (one: Step, graph: StepGraph): void => {
      steps.push({ ...one, pass: passes.length });
      graphs.push(graph);
    };
    // A change does not say which kernels lose all their nodes; only dumps have kernels before rules are applied.
    const isWhole = before.graph.kernels.size > 0;
    for (const one of applied)
      add(
        { ...step(one.rule), rule: one.rule, covered: one.covered, made: one.made },
        isWhole ? { module: () => one.after() } : { change: () => one.change() },
      );
    const kernels = applied.length > 0 ? [] : kernelsMade(before, after);
    for (const { rule, change } of kernels)
      add({ ...step(rule), rule, makesKernel: true }, { change: () => change });
    const made = applied.at(-1)?.after() ?? (kernels.length > 0 ? after : last);
    if (made.graph !== after.graph) add(step(pass.name), { module: () => after });
    last = after;
    passes.push({ name: pass.name, doc: pass.doc, first, end: steps.length });
  }
  return { passes, steps, graphs };
}

/** Two graphs as the two steps of a film that compares them. Nodes are the same if their names are. */
export function comparedSteps(
  sides: readonly [Module, Module],
  labels: readonly [string, string],
): Steps & { readonly modules: readonly [Module, Module] } {
  const [before, after] = sides;
  const modules = [before, withIdsOf(before, after)] as const;
  return {
    passes: [],
    steps: labels.map((label) => step(label)),
    graphs: modules.map((module) => ({ module: () => module })),
    modules,
  };
}

/** The kernels that a pass made, each with its fusion or else its template; none if the pass changed anything else. */
function kernelsMade(
  before: Module,
  after: Module,
): readonly { readonly rule: string; readonly change: StepChange }[] {
  const { nodes, kernels, outputs } = before.graph;
  if (outputs !== after.graph.outputs || nodes.size !== after.graph.nodes.size) return [];
  const members = new Map<KernelId, Node[]>();
  for (const node of after.graph.nodes.values()) {
    const old = nodes.get(node.id);
    if (old === node) continue;
    // A node that left its kernel shows in no kernel that is new.
    if (!old || !isSameBeside(old, node) || node.kernel === undefined || old.kernel !== undefined) return [];
    const list = members.get(node.kernel);
    if (list) list.push(node);
    else members.set(node.kernel, [node]);
  }
  if (![...kernels.keys()].every((id) => after.graph.kernels.has(id))) return [];
  const made = [...after.graph.kernels].filter(([id, plan]) => kernels.get(id) !== plan);
  const ids = new Set(made.map(([id]) => id));
  if (![...members.keys()].every((id) => ids.has(id))) return [];
  return made.map(([id, plan]) => ({
    rule: plan.fusion ?? plan.template,
    change: {
      nodes: new Map((members.get(id) ?? []).map((node) => [node.id, node])),
      kernels: [[id, plan]],
    },
  }));
}

/** Whether nodes differ in nothing but their kernel. */
function isSameBeside(a: Node, b: Node): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)] as (keyof Node)[]);
  keys.delete("kernel");
  return [...keys].every((key) => a[key] === b[key]);
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
