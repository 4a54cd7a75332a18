// A schedule as text: the kernels in order, where they read and write, and what the memory plan came to.

import type { Graph, NodeId } from "#ir/graph.js";
import { nodeOf } from "#ir/graph.js";
import { channels } from "#ir/type.js";
import { bytesText, shapeText } from "#ir/units.js";
import { entryOf } from "#ir/weights.js";
import type { Group, Schedule, Source, Step, View } from "./schedule.js";

/**
 * One line a kernel with its reason, then lines for what it reads, does and writes; places are `@offset` in elements, with
 * `/stride` where the last-axis vectors have gaps. Ends with a line of totals.
 */
export function describeSchedule(schedule: Schedule): string {
  const { groups, inputs, outputs } = schedule;
  const lines = [
    ...inputs.map(({ name, view }) => `input ${name} ${viewText(view)}`),
    ...groups.flatMap((group, at) => describeGroup(schedule, group, at)),
    ...outputs.map(({ name, view }) => `output ${name} ${viewText(view)}`),
    `${groups.length} ${groups.length === 1 ? "kernel" : "kernels"}, arena ${bytesText(4 * schedule.arenas.reduce((sum, one) => sum + one.elements, 0))} (no plan needs less than ${bytesText(4 * schedule.arenaBound)})`,
  ];
  return `${lines.join("\n")}\n`;
}

function describeGroup({ graph, weights }: Schedule, group: Group, at: number): string[] {
  const rule = group.rule === undefined ? "" : ` ${group.rule}`;
  const reason = group.reason === undefined ? "" : `: ${group.reason}`;
  const shown = (operands: ReadonlyMap<number, Source>): Source[] =>
    [...operands.values()].filter(
      (source) => source.kind === "view" || entryOf(weights, source.weight).source.kind !== "absent",
    );
  const stages = group.stages.flatMap((stage) => [
    `  ${nameOf(graph, stage.node)}${operandText(shown(stage.operands))}`,
    ...stage.epilogue.map((step) => `  ${stepText(graph, step)}`),
  ]);
  const copy = group.stages.length === 0 && group.prologue.length === 0 ? ["  copy"] : [];
  return [
    `kernel ${at}${rule}${reason}`,
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
  return `${nameOf(graph, step.node)}${sides.length === 0 ? "" : ` with ${sides.join(", ")}`}`;
}

function sourceText(source: Source): string {
  return source.kind === "weight" ? source.weight : viewText(source.view);
}

function viewText({ type, offset, stride }: View): string {
  return `${shapeText(type.shape)} @${offset}${stride === channels(type.shape) ? "" : `/${stride}`}`;
}
