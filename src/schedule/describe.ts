// A schedule as text: the kernels in order, their reads and writes, and the size of the memory plan.

import type { Graph, KernelPlan, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import { bytesText, plural, shapeText } from "#ir/units.js";
import { entryOf } from "#ir/weights.js";
import { addedProduct } from "#ops/added-product.js";
import { reasonText } from "#template/plan.js";
import { conversionsOf } from "./group-nodes.js";
import type { Group, Schedule, Source, Step, View } from "./schedule.js";
import { arenaElements } from "#ir/arenas.js";

/**
 * One line per kernel with its reason, then lines for what it reads, computes and writes. Places are `@offset` in elements, with `/stride`
 * if there are gaps between the last-axis vectors. Ends with a line of totals.
 */
export function describeSchedule(schedule: Schedule): string {
  const { groups, inputs, outputs } = schedule;
  const lines = [
    ...inputs.map(({ name, view }) => `input ${name} ${viewText(view)}`),
    ...groups.flatMap((group, at) => [
      `kernel ${at}${planText(schedule, group)}`,
      ...describeGroup(schedule, group),
    ]),
    ...outputs.map(({ name, view }) => `output ${name} ${viewText(view)}`),
    `${plural(groups.length, "kernel")}, ${arenaText(schedule)}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** The fusion that made a kernel of several ops, and why. */
function planText({ graph }: Schedule, { nodes, plan }: Group): string {
  const why = whyFused(graph, nodes, plan);
  return why === undefined ? "" : ` ${why.fusion}: ${why.reason}`;
}

/** The fusion that joined the ops of a kernel, and what that saves; undefined for a single op. */
export function whyFused(
  graph: Graph,
  nodes: readonly NodeId[],
  plan: KernelPlan,
): { readonly fusion: string; readonly reason: string } | undefined {
  const all = nodes.map((id) => nodeOf(graph, id));
  if (nodes.length - conversionsOf(all).size < 2) return undefined;
  const added = addedProduct(graph, all);
  return { fusion: plan.fusion ?? plan.template, reason: reasonText(plan, added?.product.name) };
}

/** `arena 1.2 MiB (no plan needs less than 1.1 MiB)`. */
export function arenaText(schedule: Schedule): string {
  return `arena ${bytesText(4 * arenaElements(schedule))} (no plan needs less than ${bytesText(4 * schedule.arenaBound)})`;
}

/** What one kernel reads, computes and writes, one line each, indented. */
export function describeGroup({ graph, weights }: Schedule, group: Group): string[] {
  const shown = (operands: ReadonlyMap<number, Source>): Source[] =>
    [...operands.values()].filter(
      (source) => source.kind === "view" || entryOf(weights, source.weight).source.kind !== "absent",
    );
  const stages = group.stages.flatMap((stage) => [
    `  ${nameOf(graph, stage.node)}${operandText(shown(stage.operands))}`,
    ...(stage.added
      ? [
          `  plus ${nameOf(graph, stage.added.node)} of ${sourceText(stage.added.input)}${operandText(shown(stage.added.operands))}`,
        ]
      : []),
    ...stage.epilogue.map((step) => `  ${stepText(graph, step)}`),
  ]);
  const copy = group.stages.length === 0 && group.prologue.length === 0 ? ["  copy"] : [];
  return [
    `  read ${sourceText(group.input)}`,
    ...group.prologue.map((step) => `  ${stepText(graph, step)}`),
    ...copy,
    ...stages,
    `  write ${nameOf(graph, group.nodes.at(-1) ?? -1)} ${viewText(group.output)}`,
  ];
}

function nameOf(graph: Graph, id: NodeId): string {
  const node = nodeOf(graph, id);
  return node.name === node.op ? node.name : `${node.name} (${node.op})`;
}

function operandText(operands: readonly Source[]): string {
  return operands.length === 0 ? "" : ` with ${operands.map(sourceText).join(", ")}`;
}

function stepText(graph: Graph, step: Step): string {
  const sides = [...step.sides.values()].map(({ source, broadcast }) =>
    broadcast === "same" ? sourceText(source) : `${sourceText(source)} per ${broadcast}`,
  );
  if (step.table) return `${nameOf(graph, step.node)} by a table`;
  return `${nameOf(graph, step.node)}${sides.length === 0 ? "" : ` with ${sides.join(", ")}`}`;
}

function sourceText(source: Source): string {
  return source.kind === "weight" ? source.weight : viewText(source.view);
}

function viewText({ type, offset, stride }: View): string {
  return `${shapeText(type.shape)} @${offset}${stride === channels(type.shape) ? "" : `/${stride}`}`;
}
