// What became of a net that was split with samples: per layer and in all, as data and as text for a terminal.

import { lineText } from "#diagnostic/escape.js";
import { countText, numberText, plural, timeText } from "#ir/units.js";
import type { SplitCost, SplitOrder } from "#passes/split.js";
import { table } from "./table.js";

/** Each E‖y − ŷ‖² / E‖y − E[y]‖² of a layer's response, behind an activation that alone reads it. */
export interface ResponseErrors {
  readonly responseError: number;
  /** What it was before distillation, if there was any. */
  readonly fittedError?: number;
}

/** One convolution. */
export interface FittedLayer {
  readonly name: string;
  /** `[kh, kw, ci / groups, co]`. */
  readonly shape: readonly number[];
  readonly groups: number;
  /** Modelled, on the target. */
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** How it is split; absent if it stays whole. */
  readonly split?: ResponseErrors & { readonly order: SplitOrder; readonly rank: number };
  /** Seconds that its kernels took, with what is fused into them. */
  readonly measured?: { readonly before: number; readonly after: number };
  readonly reason: string;
}

/** An output of the split net beside that of the net as it was, over samples. */
export interface OutputComparison {
  readonly name: string;
  readonly samples: number;
  /** Σ‖z − ẑ‖² / Σ‖z − E[z]‖². */
  readonly loss: number;
  /** Of all values. */
  readonly meanDifference: number;
  readonly largestDifference: number;
  /** The share of samples whose largest value is at the same place; for outputs with one value for each class. */
  readonly agreement?: number;
  /** The share of samples whose largest value is at the place that their label says. */
  readonly accuracy?: { readonly before: number; readonly after: number };
}

/** A limit, and what comes of it. */
export interface SweepPoint {
  /** The options that give this point again. */
  readonly options: string;
  /** Shares of what the convolutions considered had before, modelled. */
  readonly macs: number;
  readonly time: number;
  readonly outputs: readonly OutputComparison[];
  /** Whether this is the net that was written. */
  readonly chosen: boolean;
}

/** What `cleave split --report FILE.json` holds. */
export interface FittedReport {
  readonly name: string;
  readonly target: string;
  /** As `--split` has it. */
  readonly limit: string;
  readonly samples: number;
  readonly seed: number;
  /** The convolutions considered. */
  readonly layers: readonly FittedLayer[];
  /** Those that cannot be split. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  /** Sums over the layers. */
  readonly before: SplitCost;
  readonly after: SplitCost;
  /** Of the whole net. */
  readonly net: {
    readonly before: { readonly parameters: number; readonly macs: number };
    readonly after: { readonly parameters: number; readonly macs: number };
    /** Seconds of a run. */
    readonly measured?: { readonly before: number; readonly after: number };
  };
  /** With gradient steps on the factors: the step whose average was kept, and the loss of samples held out, look by look. */
  readonly distilled?: {
    readonly best: number;
    readonly heldOut: readonly { readonly step: number; readonly loss: number }[];
  };
  readonly outputs: readonly OutputComparison[];
  /** What the losses of single layers add up to, by shares of the MACs and the time, from the dearest choice to the cheapest. */
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
    `times are those of the model of costs for ${report.target}`,
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
  return `distilled, ${plural(heldOut.at(-1)?.step ?? 0, "step")}, best after ${numberText(best)}: loss of the samples held out ${losses.join(" → ")}; response errors are those of the fit → those after it`;
}

function outputText(one: OutputComparison, named: boolean): string {
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

/** The loss over all outputs: their mean. */
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
