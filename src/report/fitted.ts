// The report on a net that was split with samples: per layer and in total, as data and as text for a terminal.

import { lineText } from "#diagnostic/escape.js";
import { countText, numberText, plural, timeText } from "#ir/units.js";
import type { SplitCost, SplitOrder } from "#passes/split.js";
import { table } from "./table.js";

/** Errors E‖y − ŷ‖² / E‖y − E[y]‖² of a layer's response, after the activation if only an activation reads the response. */
export interface ResponseErrors {
  readonly responseError: number;
  /** The error before distillation, if the layers were distilled. */
  readonly fittedError?: number;
}

/** One convolution. */
export interface FittedLayer {
  readonly name: string;
  /** `[kh, kw, ci / groups, co]`. */
  readonly shape: readonly number[];
  readonly groups: number;
  /** Modelled costs on the target. */
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** The split; absent if the layer stays whole. */
  readonly split?: ResponseErrors & { readonly order: SplitOrder; readonly rank: number };
  /** Measured seconds of its kernels, including ops that are fused into them. */
  readonly measured?: { readonly before: number; readonly after: number };
  readonly reason: string;
}

/** An output of the split net compared with that of the original net, over samples. */
export interface OutputComparison {
  readonly name: string;
  readonly samples: number;
  /** Σ‖z − ẑ‖² / Σ‖z − E[z]‖². */
  readonly loss: number;
  /** The mean absolute difference of all values. */
  readonly meanDifference: number;
  readonly largestDifference: number;
  /** The share of samples whose largest value has the same index; for outputs with one value per class. */
  readonly agreement?: number;
  /** The share of samples whose largest value has the index of the label. */
  readonly accuracy?: { readonly before: number; readonly after: number };
}

/** A limit and its result. */
export interface SweepPoint {
  /** The options for this limit. */
  readonly options: string;
  /** Shares of the original costs of the convolutions considered, modelled. */
  readonly macs: number;
  readonly time: number;
  readonly outputs: readonly OutputComparison[];
  /** Whether the net of this limit was written. */
  readonly chosen: boolean;
}

/** The content of `cleave split --report FILE.json`. */
export interface FittedReport {
  readonly name: string;
  readonly target: string;
  /** The limit, as for `--split`. */
  readonly limit: string;
  readonly samples: number;
  readonly seed: number;
  /** The convolutions considered. */
  readonly layers: readonly FittedLayer[];
  /** Convolutions that cannot be split, with the reason. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  /** Sums over the layers. */
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** Figures of the whole net. */
  readonly net: {
    readonly before: { readonly parameters: number; readonly macs: number };
    readonly after: { readonly parameters: number; readonly macs: number };
    /** Seconds of a run. */
    readonly measured?: { readonly before: number; readonly after: number };
  };
  /** After distillation: the step whose average was kept, and the validation losses by step. */
  readonly distilled?: {
    readonly best: number;
    readonly heldOut: readonly { readonly step: number; readonly loss: number }[];
  };
  readonly outputs: readonly OutputComparison[];
  /** The sum of the predicted losses of single layers, by shares of MACs and time, from the most expensive choice to the cheapest. */
  readonly predicted: readonly { readonly macs: number; readonly time: number; readonly loss: number }[];
  readonly sweep?: readonly SweepPoint[];
}

/** The report for a terminal. */
export function fittedText(report: FittedReport): string {
  const measured = report.layers.some((layer) => layer.measured);
  const columns = [
    ["convolution", "left"],
    ["kernel", "left"],
    ["order", "left"],
    ["rank", "right"],
    ["parameters", "right"],
    ["MACs", "right"],
    ["time", "right"],
    ...(measured ? [["measured", "right"] as const] : []),
    ["response error", "right"],
    ["why", "left"],
  ] as const;
  const rows = report.layers.map((layer) => [
    layer.name,
    `${layer.shape.join("×")}${layer.groups > 1 ? `, ${layer.groups} groups` : ""}`,
    layer.split?.order ?? "whole",
    layer.split ? String(layer.split.rank) : "",
    ...costCells(layer),
    ...(measured ? [layer.measured ? timeChange(layer.measured.before, layer.measured.after) : ""] : []),
    layer.split ? responseText(layer.split) : "",
    layer.reason,
  ]);
  const all = [
    "total",
    "",
    "",
    "",
    ...costCells(report),
    ...(measured ? [measuredTotal(report)] : []),
    "",
    `times come from the cost model of ${report.target}`,
  ];
  const blank = columns.slice(3, -1).map(() => "");
  const left = report.left.map(({ name, reason }) => [name, "", "whole", ...blank, reason]);
  return [
    table(
      columns.map(([name]) => name),
      [...rows, all, ...left],
      columns.map(([, align]) => align),
    ),
    "",
    netText(report),
    ...(report.distilled ? [distilledText(report.distilled)] : []),
    ...report.outputs.map((one) => outputText(one, report.outputs.length > 1)),
    ...(report.sweep ? ["", sweepText(report)] : []),
    "",
  ].join("\n");
}

function netText({ name, limit, samples, net: { before, after, measured } }: FittedReport): string {
  const time = measured ? `; measured ${timeChange(measured.before, measured.after)} a run` : "";
  return `${lineText(name)}, ${limit}, by ${plural(samples, "sample")}: parameters ${change(before.parameters, after.parameters)}; MACs ${countText(before.macs)} → ${countText(after.macs)}${time}`;
}

function distilledText({ best, heldOut }: NonNullable<FittedReport["distilled"]>): string {
  const kept = heldOut.find(({ step }) => step === best);
  const losses = [heldOut[0], kept].map((one) => (one?.loss ?? 0).toPrecision(3));
  return `distilled, ${plural(heldOut.at(-1)?.step ?? 0, "step")}, best after ${numberText(best)}: validation loss ${losses.join(" → ")}; response errors are given before → after`;
}

/** A line on the difference of an output, with its name if there are several. */
export function outputText(one: OutputComparison, named: boolean): string {
  const { samples, accuracy, agreement, meanDifference, loss } = one;
  const parts = [
    ...(accuracy ? [`accuracy ${percentText(accuracy.before)} → ${percentText(accuracy.after)}`] : []),
    ...(agreement === undefined ? [] : [`the first class agrees in ${percentText(agreement)}`]),
    `mean difference ${meanDifference.toPrecision(3)}`,
    `loss ${loss.toPrecision(3)}`,
  ];
  return `${named ? `${lineText(one.name)}: ` : ""}${parts.join(", ")} (${plural(samples, "sample")})`;
}

function sweepText({ sweep = [] }: FittedReport): string {
  const accuracy = sweep.some(({ outputs }) => outputs[0]?.accuracy);
  const agreement = sweep.some(({ outputs }) => outputs[0]?.agreement !== undefined);
  const head = [
    "MACs",
    "time",
    "loss",
    ...(agreement ? ["same class"] : []),
    ...(accuracy ? ["accuracy"] : []),
    "options",
  ];
  const rows = sweep.map(({ macs, time, outputs, options, chosen }) => [
    percentText(macs),
    percentText(time),
    meanLoss(outputs).toPrecision(3),
    ...(agreement ? [shareCell(outputs[0]?.agreement)] : []),
    ...(accuracy ? [shareCell(outputs[0]?.accuracy?.after)] : []),
    `${options}${chosen ? "  (written)" : ""}`,
  ]);
  return table(
    head,
    rows,
    head.map((name) => (name === "options" ? "left" : "right")),
  );
}

/** `3.1%`, and `4% → 3.1%` after distillation. */
export function responseText({ responseError, fittedError }: ResponseErrors): string {
  const shown = (error: number): string => `${Number((100 * error).toPrecision(3))}%`;
  return fittedError === undefined ? shown(responseError) : `${shown(fittedError)} → ${shown(responseError)}`;
}

/** The mean loss of all outputs. */
export function meanLoss(outputs: readonly OutputComparison[]): number {
  return outputs.reduce((sum, { loss }) => sum + loss / outputs.length, 0);
}

function measuredTotal({ layers }: FittedReport): string {
  const sum = (key: "before" | "after"): number =>
    layers.reduce((all, { measured }) => all + (measured?.[key] ?? 0), 0);
  return timeChange(sum("before"), sum("after"));
}

function costCells({ before, after }: Pick<FittedLayer, "before" | "after">): string[] {
  return [
    change(before.parameters, after.parameters),
    change(before.macs, after.macs),
    timeChange(before.seconds, after.seconds),
  ];
}

function change(before: number, after: number): string {
  return before === after ? numberText(before) : `${numberText(before)} → ${numberText(after)}`;
}

function timeChange(before: number, after: number): string {
  return before === after ? timeText(before) : `${timeText(before)} → ${timeText(after)}`;
}

function shareCell(share: number | undefined): string {
  return share === undefined ? "" : percentText(share);
}

/** `92.4%`. */
export function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(4))}%`;
}
