// What splitting did, as a table per layer.

import type { SplitLayer, SplitReport } from "#passes/split.js";
import { bytesText, numberText } from "#ir/units.js";
import { table } from "#report/table.js";

/** The report of the split pass for a terminal. */
export function splitText(report: SplitReport): string {
  const head = [
    "convolution",
    "kernel",
    "order",
    "m",
    "parameters",
    "MACs",
    "bytes",
    "error",
    "of random",
    "why",
  ];
  const align = [
    "left",
    "left",
    "left",
    "right",
    "right",
    "right",
    "right",
    "right",
    "right",
    "left",
  ] as const;
  const total = [
    "total",
    "",
    "",
    "",
    change(report.before.parameters, report.after.parameters),
    change(report.before.macs, report.after.macs),
    `${bytesText(report.before.bytes)} → ${bytesText(report.after.bytes)}`,
    percent(report.weightError),
    "",
    "",
  ];
  const rows = [...report.layers.map(row), total];
  const note = report.needsTraining ? "\nThe split parameters are new: the model must be trained again." : "";
  return `${table(head, rows, [...align])}${note}`;
}

function row(layer: SplitLayer): string[] {
  const { split } = layer;
  return [
    layer.name,
    layer.shape.join("×"),
    split?.order ?? "whole",
    split ? `${split.m}` : "",
    change(layer.before.parameters, layer.after.parameters),
    change(layer.before.macs, layer.after.macs),
    `${bytesText(layer.before.bytes)} → ${bytesText(layer.after.bytes)}`,
    percent(split?.weightError),
    percent(split?.randomError),
    layer.reason,
  ];
}

function change(before: number, after: number): string {
  return before === after ? numberText(before) : `${numberText(before)} → ${numberText(after)}`;
}

function percent(share: number | undefined): string {
  return share === undefined ? "" : `${(100 * share).toPrecision(3)}%`;
}
