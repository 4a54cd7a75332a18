// What splitting did, as a table per layer.

import type { SplitLayer, SplitReport } from "#passes/split.js";
import { bytesText, numberText, timeText } from "#ir/units.js";
import { table } from "#report/table.js";

const columns = [
  ["convolution", "left"],
  ["kernel", "left"],
  ["order", "left"],
  ["rank", "right"],
  ["parameters", "right"],
  ["MACs", "right"],
  ["bytes", "right"],
  ["time", "right"],
  ["error", "right"],
  ["of random", "right"],
  ["why", "left"],
] as const;

/** The report of the split pass for a terminal. */
export function splitText(report: SplitReport): string {
  const total = [
    "total",
    "",
    "",
    "",
    ...costCells(report),
    percent(report.weightError),
    "",
    `times are those of the model of costs for ${report.target}`,
  ];
  const left = report.left.map(({ name, reason }) => [
    name,
    "",
    "whole",
    ...columns.slice(3, -1).map(() => ""),
    reason,
  ]);
  const rows = [...report.layers.map(row), total, ...left];
  const note = report.needsTraining ? "\nThe split parameters are new: the model must be trained again." : "";
  const head = columns.map(([name]) => name);
  return `${table(
    head,
    rows,
    columns.map(([, align]) => align),
  )}${note}`;
}

function row(layer: SplitLayer): string[] {
  const { split } = layer;
  return [
    layer.name,
    `${layer.shape.join("×")}${layer.groups > 1 ? `, ${layer.groups} groups` : ""}`,
    split?.order ?? "whole",
    split ? `${split.rank}` : "",
    ...costCells(layer),
    percent(split?.weightError),
    percent(split?.randomError),
    layer.reason,
  ];
}

function costCells({ before, after }: Pick<SplitLayer, "before" | "after">): string[] {
  return [
    change(before.parameters, after.parameters),
    change(before.macs, after.macs),
    `${bytesText(before.bytes)} → ${bytesText(after.bytes)}`,
    before.seconds === after.seconds
      ? timeText(before.seconds)
      : `${timeText(before.seconds)} → ${timeText(after.seconds)}`,
  ];
}

function change(before: number, after: number): string {
  return before === after ? numberText(before) : `${numberText(before)} → ${numberText(after)}`;
}

function percent(share: number | undefined): string {
  return share === undefined ? "" : `${(100 * share).toPrecision(3)}%`;
}
