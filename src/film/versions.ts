// The states of the nodes, outputs and kernels in the graphs of a film, each with the steps in which it is there.

import { printExpression } from "#grammar/printing/print.js";
import { bug } from "#diagnostic/diagnostic.js";
import { given } from "#diagnostic/given.js";
import { lineText } from "#diagnostic/escape.js";
import type { Graph, KernelId, KernelPlan, Node, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { batchedNodes } from "#ir/node-order.js";
import { printType } from "#ir/type.js";
import { bytesText, countText, timeText } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import { nodeCost } from "#inspect/cost.js";
import { opFacts } from "#inspect/op-facts.js";
import { liftWeight } from "#inspect/lift-weights.js";
import { opOf } from "#ops/index.js";
import type { NodeVersion, OutputVersion, PlanVersion } from "./data.js";
import { regionsOf } from "./regions.js";
import type { Sources } from "./sources.js";
import type { Steps } from "./steps.js";

/** Steps with their graphs. Where they are compared, none follows from the one before. */
export interface StepGraphs extends Pick<Steps, "steps" | "graphs"> {
  readonly compares: boolean;
}

export interface Versions {
  readonly nodes: readonly NodeVersion[];
  readonly outputs: readonly OutputVersion[];
  readonly plans: readonly PlanVersion[];
}

/** The states of everything in the graphs of the steps. A step that says what it changes takes time for that alone. */
export function versionsOf({ steps, graphs, compares }: StepGraphs, sources: Sources): Versions {
  const nodes = createLifetimes(isSameNode);
  const outputs = createLifetimes<string, Graph["outputs"][number]>((a, b) => a === b);
  const plans = createLifetimes<KernelId, KernelPlan>((a, b) => a === b);
  const result = {
    nodes: [] as Version<NodeVersion>[],
    outputs: [] as Version<OutputVersion>[],
    plans: [] as Version<PlanVersion>[],
  };
  let isBatched = createBatched();
  const blocksOf = createBlocks(compares);
  const end = graphs.length;
  /** The graph of the step, and its nodes as a map that steps change. */
  let module: Module | undefined;
  let current = new Map<NodeId, Node>();
  for (const [step, made] of graphs.entries()) {
    const describe = (node: Node): { died: number } => {
      const now = module ?? bug("a film begins with a change");
      const type = printType(node.type, isBatched(now.graph, node.id) ? now.graph.batch : undefined);
      const version = nodeVersion(now, node, type, sources);
      const blocks = blocksOf(now.graph, node, steps[step]);
      return pushed(result.nodes, { ...version, ...given({ blocks }), born: step, died: end });
    };
    const describePlan = (plan: KernelPlan, id: KernelId): { died: number } =>
      pushed(result.plans, { id, ...planText(plan), born: step, died: end });
    const outputsBefore: Graph["outputs"] | undefined = module?.graph.outputs;
    if ("module" in made || !module) {
      const whole = "module" in made ? made.module() : bug("a film begins with a change");
      current = new Map(whole.graph.nodes);
      isBatched = createBatched();
      module = { ...whole, graph: { ...whole.graph, nodes: current } };
      nodes.next(step, current, describe);
      plans.next(step, whole.graph.kernels, describePlan);
    } else {
      const change = made.change();
      for (const [id, node] of change.nodes) {
        if (node) current.set(id, node);
        else current.delete(id);
      }
      if (change.outputs) module = { ...module, graph: { ...module.graph, outputs: change.outputs } };
      nodes.some(step, change.nodes, describe);
      plans.some(step, change.kernels ?? [], describePlan);
    }
    const { graph } = module;
    if (graph.outputs !== outputsBefore)
      outputs.next(step, new Map(graph.outputs.map((output) => [output.name, output])), ({ name, node }) =>
        pushed(result.outputs, { name: lineText(name), node, born: step, died: end }),
      );
  }
  return result;
}

type Version<T> = Omit<T, "died"> & { died: number };

function pushed<T>(list: T[], item: T): T {
  list.push(item);
  return item;
}

/** Whether a node of a graph depends on an input with an open batch, in a graph and in what changes make of it. */
function createBatched(): (graph: Graph, id: NodeId) => boolean {
  let known: Map<NodeId, boolean> | undefined;
  return (graph, id) => {
    if (graph.batch === undefined) return false;
    if (!known) {
      const all = batchedNodes(graph);
      known = new Map([...graph.nodes.keys()].map((node) => [node, all.has(node)]));
    }
    // Of nodes that a step made, those that they read are known, or made by it too.
    const work = [id];
    for (let next = work.at(-1); next !== undefined; next = work.at(-1)) {
      const { inputs } = nodeOf(graph, next);
      const open = inputs.filter((input) => !known?.has(input));
      for (const input of open) work.push(input);
      if (open.length > 0) continue;
      if (!known.has(next))
        known.set(
          next,
          inputs.some((input) => known?.get(input)),
        );
      work.pop();
    }
    return known.get(id) ?? false;
  };
}

/** The blocks by structure of nodes: those of the first graph; what a rule made is where it was, and other new nodes are where their operands are. */
function createBlocks(
  compares: boolean,
): (
  graph: Graph,
  node: Node,
  step: StepGraphs["steps"][number] | undefined,
) => readonly string[] | undefined {
  const known = new Map<NodeId, readonly string[]>();
  let last: Graph | undefined;
  return (graph, node, step) => {
    if (last === undefined || (compares && last !== graph))
      for (const [id, blocks] of regionsOf(graph)) if (!known.has(id)) known.set(id, blocks);
    last = graph;
    if (known.size === 0 || node.op === "constant" || node.op === "input") return undefined;
    const own = known.get(node.id);
    if (own) return own;
    const near = step?.made.includes(node.id) ? step.covered : node.inputs;
    const found = near.map((id) => known.get(id)).find((blocks) => blocks !== undefined);
    if (found) known.set(node.id, found);
    return found;
  };
}

/** Whether two nodes are the same. Rewired nodes are made anew for each application of a rule. */
function isSameNode(a: Node, b: Node): boolean {
  return (
    a === b ||
    (a.op === b.op &&
      a.name === b.name &&
      a.type === b.type &&
      a.attributes === b.attributes &&
      a.origin === b.origin &&
      a.kernel === b.kernel &&
      a.inputs.length === b.inputs.length &&
      a.inputs.every((id, at) => id === b.inputs[at]))
  );
}

/** Follows what maps hold from step to step; `describe` makes the row of a value that is new, or not the same as before. */
function createLifetimes<K, V>(isSame: (a: V, b: V) => boolean) {
  const open = new Map<K, { readonly value: V; readonly row: { died: number } }>();
  type Describe = (value: V, key: K) => { died: number };
  /** Takes some of what a map holds; undefined for what it no longer holds. */
  const some = (step: number, changes: Iterable<readonly [K, V | undefined]>, describe: Describe): void => {
    for (const [key, value] of changes) {
      const before = open.get(key);
      if (before && value !== undefined && isSame(before.value, value)) continue;
      if (before) before.row.died = step;
      if (value === undefined) open.delete(key);
      else open.set(key, { value, row: describe(value, key) });
    }
  };
  return {
    some,
    /** Takes all that a map holds. */
    next(step: number, map: ReadonlyMap<K, V>, describe: Describe): void {
      const gone = [...open.keys()].filter((key) => !map.has(key));
      some(
        step,
        gone.map((key) => [key, undefined]),
        describe,
      );
      some(step, map, describe);
    },
  };
}

function nodeVersion(
  module: Module,
  node: Node,
  type: string,
  sources: Sources,
): Omit<NodeVersion, "born" | "died"> {
  const { graph } = module;
  const op = opOf(node.op);
  const last = op.operands.at(-1);
  return {
    id: node.id,
    name: lineText(node.name),
    op: node.op,
    kind: kindOf(node, nodeCost(module, node).macs),
    type,
    shape: node.type.shape,
    inputs: node.inputs,
    operands: node.inputs.map((_, at) => op.operands[at]?.name ?? (last?.variadic ? last.name : "")),
    ...(node.op === "constant" ? { attributes: [], derived: [] } : opFacts(graph, node)),
    ...(node.op === "constant"
      ? {
          weight: lineText(
            printExpression(liftWeight(module.weights, node.attributes.weight, { byKey: true }).value),
          ),
        }
      : {}),
    position: node.position,
    ...nodeCost(module, node),
    ...given({ kernel: node.kernel, pass: node.origin.pass, rule: node.origin.rule }),
    spans: sources.spansOf(node.origin.spans),
  };
}

function kindOf({ op: name }: Node, macs: number): NodeVersion["kind"] {
  if (name === "input" || name === "constant") return name;
  const { classes, integers } = opOf(name);
  if (macs > 0) return "sum";
  if (classes.includes("elementwise")) return "elementwise";
  if (classes.includes("pooling") || classes.includes("reduction")) return "pool";
  return integers === "moves" ? "move" : "other";
}

function planText({ template, fusion, ...plan }: KernelPlan): Pick<PlanVersion, "title" | "facts"> {
  const facts: (readonly [string, string])[] = [["template", template]];
  if (fusion !== undefined) facts.push(["fusion", lineText(fusion)]);
  if (plan.rows > 0) facts.push(["rows of a strip", String(plan.rows)]);
  if (plan.pixels > 0) facts.push(["pixels of a tile", String(plan.pixels)]);
  if (plan.strips > 0) facts.push([plan.pixels > 0 ? "tiles" : "strips", String(plan.strips)]);
  if (plan.winograd > 0) facts.push(["Winograd", `${plan.winograd}×${plan.winograd} results`]);
  if (plan.savedBytes > 0) facts.push(["kept out of memory", bytesText(plan.savedBytes)]);
  if (plan.scratchBytes > 0) facts.push(["on chip", bytesText(plan.scratchBytes)]);
  if (plan.extraBytes > 0) facts.push(["read again", bytesText(plan.extraBytes)]);
  if (plan.extraMacs > 0) facts.push(["computed again", `${countText(plan.extraMacs)} MACs`]);
  if (plan.extraSeconds > 0) facts.push(["time for that", timeText(plan.extraSeconds)]);
  return { title: lineText(fusion ?? template), facts };
}
