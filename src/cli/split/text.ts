// The report of the split pass, as a table with a row for each layer.

import { bytesText, numberText, timeText } from "#ir/units.js";
import type { SplitLayer, SplitReport } from "#passes/split.js";
import type { ResponseErrors } from "#report/fitted.js";
import { responseText } from "#report/fitted.js";
import { table } from "#report/table.js";

/** A column, with its cell for a layer. */
interface Column {
  readonly name: string;
  readonly align: "left" | "right";
  readonly cell: (layer: SplitLayer) => string;
  readonly total?: (report: SplitReport) => string;
}

/** The columns of errors: of the weights, or with samples of the responses. */
function errorColumns(responses: ReadonlyMap<string, ResponseErrors> | undefined): Column[] {
  if (!responses)
    return [
      {
        name: "error",
        align: "right",
        cell: ({ split }) => percent(split?.weightError),
        total: ({ weightError }) => percent(weightError),
      },
      { name: "of random", align: "right", cell: ({ split }) => percent(split?.randomError) },
    ];
  const cell = ({ name }: SplitLayer): string => {
    const errors = responses.get(name);
    return errors ? responseText(errors) : "";
  };
  return [{ name: "response error", align: "right", cell }];
}

function columnsOf(responses: ReadonlyMap<string, ResponseErrors> | undefined): Column[] {
  const costs = ["parameters", "MACs", "bytes", "time"].map((name, at): Column => {
    const cell = (one: Pick<SplitLayer, "before" | "after">): string => costCells(one)[at] ?? "";
    return { name, align: "right", cell, total: cell };
  });
  return [
    { name: "convolution", align: "left", cell: ({ name }) => name, total: () => "total" },
    {
      name: "kernel",
      align: "left",
      cell: ({ shape, groups }) => `${shape.join("×")}${groups > 1 ? `, ${groups} groups` : ""}`,
    },
    { name: "order", align: "left", cell: ({ split }) => split?.order ?? "whole" },
    { name: "rank", align: "right", cell: ({ split }) => (split ? `${split.rank}` : "") },
    ...costs,
    ...errorColumns(responses),
    {
      name: "why",
      align: "left",
      cell: ({ reason }) => reason,
      total: ({ target }) => `times come from the cost model of ${target}`,
    },
  ];
}

/** The report of the split pass for a terminal. `responses` has the errors of layers that were fitted to samples, by their names. */
export function splitText(report: SplitReport, responses?: ReadonlyMap<string, ResponseErrors>): string {
  const columns = columnsOf(responses);
  const left = report.left.map(({ name, reason }) =>
    columns.map((column) => ({ convolution: name, order: "whole", why: reason })[column.name] ?? ""),
  );
  const rows = [
    ...report.layers.map((layer) => columns.map(({ cell }) => cell(layer))),
    columns.map(({ total }) => total?.(report) ?? ""),
    ...left,
  ];
  const note = report.needsTraining ? "\nThe split parameters are new: the model must be trained again." : "";
  return `${table(
    columns.map(({ name }) => name),
    rows,
    columns.map(({ align }) => align),
  )}${note}`;
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
