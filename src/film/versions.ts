// The states of the nodes, outputs and kernels in the graphs of a film, each with the steps in which it is there.

import { printExpression } from "#grammar/printing/print.js";
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
import type { NodeVersion, OutputVersion, PlanVersion, Step } from "./data.js";
import { regionsOf } from "./regions.js";
import type { Sources } from "./sources.js";

/** Steps with their graphs. Where they are compared, none follows from the one before. */
export interface StepGraphs {
  readonly steps: readonly Pick<Step, "covered" | "made">[];
  readonly modules: readonly (() => Module)[];
  readonly compares: boolean;
}

export interface Versions {
  readonly nodes: readonly NodeVersion[];
  readonly outputs: readonly OutputVersion[];
  readonly plans: readonly PlanVersion[];
}

/** The states of everything in the graphs of the steps, of which each is made when its turn comes, and not kept. */
export function versionsOf({ steps, modules, compares }: StepGraphs, sources: Sources): Versions {
  const nodes = createLifetimes(isSameNode);
  const outputs = createLifetimes<string, Graph["outputs"][number]>((a, b) => a === b);
  const plans = createLifetimes<KernelId, KernelPlan>((a, b) => a === b);
  const result = {
    nodes: [] as Version<NodeVersion>[],
    outputs: [] as Version<OutputVersion>[],
    plans: [] as Version<PlanVersion>[],
  };
  const isBatched = createBatched();
  const blocksOf = createBlocks(compares);
  const end = modules.length;
  for (const [step, make] of modules.entries()) {
    const module = make();
    const { graph } = module;
    nodes.next(step, graph.nodes, (node) => {
      const type = printType(node.type, isBatched(graph, node.id) ? graph.batch : undefined);
      const version = nodeVersion(module, node, type, sources);
      const blocks = blocksOf(graph, node, steps[step]);
      return pushed(result.nodes, { ...version, ...given({ blocks }), born: step, died: end });
    });
    outputs.next(step, outputsByName(graph), ({ name, node }) =>
      pushed(result.outputs, { name: lineText(name), node, born: step, died: end }),
    );
    plans.next(step, graph.kernels, (plan, id) =>
      pushed(result.plans, { id, ...planText(plan), born: step, died: end }),
    );
  }
  return result;
}

type Version<T> = Omit<T, "died"> & { died: number };

function pushed<T>(list: T[], item: T): T {
  list.push(item);
  return item;
}

/** Whether a node of a graph depends on an input with an open batch. What is known of ids stays true from step to step. */
function createBatched(): (graph: Graph, id: NodeId) => boolean {
  const known = new Map<NodeId, boolean>();
  let last: Graph | undefined;
  return (graph, id) => {
    if (graph.batch === undefined) return false;
    const first = known.get(id);
    if (first !== undefined) return first;
    // In a step that makes a few nodes, their operands are known, or a few steps away; a graph that is new is asked as a whole.
    const near = nodeOf(graph, id).inputs.map((input) => known.get(input));
    if (near.length > 0 && near.every((one) => one !== undefined)) {
      const isBatched = near.includes(true);
      known.set(id, isBatched);
      return isBatched;
    }
    if (last !== graph) {
      last = graph;
      const all = batchedNodes(graph);
      for (const node of graph.nodes.keys()) if (!known.has(node)) known.set(node, all.has(node));
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

const outputMaps = new WeakMap<Graph["outputs"], ReadonlyMap<string, Graph["outputs"][number]>>();

function outputsByName({ outputs }: Graph): ReadonlyMap<string, Graph["outputs"][number]> {
  const known = outputMaps.get(outputs);
  if (known) return known;
  const made = new Map(outputs.map((output) => [output.name, output]));
  outputMaps.set(outputs, made);
  return made;
}

/** Follows what maps hold from step to step. */
function createLifetimes<K, V>(isSame: (a: V, b: V) => boolean) {
  const open = new Map<K, { readonly value: V; readonly row: { died: number } }>();
  let last: ReadonlyMap<K, V> | undefined;
  return {
    /** Calls `describe` for each value that the map before did not hold, and ends the rows of those that this one does not. */
    next(step: number, map: ReadonlyMap<K, V>, describe: (value: V, key: K) => { died: number }): void {
      if (map === last) return;
      last = map;
      for (const [key, { row }] of open) {
        if (map.has(key)) continue;
        row.died = step;
        open.delete(key);
      }
      for (const [key, value] of map) {
        const before = open.get(key);
        if (before && isSame(before.value, value)) continue;
        if (before) before.row.died = step;
        open.set(key, { value, row: describe(value, key) });
      }
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
