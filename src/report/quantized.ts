// The report on a net that was quantized with samples: per layer and in total, as data and as text for a terminal.

import { lineText } from "#diagnostic/escape.js";
import { bytesText, countText, plural, shapeText } from "#ir/units.js";
import type { OutputComparison } from "./fitted.js";
import { outputText } from "./fitted.js";
import { table } from "./table.js";

/** A product with constant weights that sums integers. */
export interface QuantizedLayer {
  readonly name: string;
  /** Of its weights. */
  readonly shape: readonly number[];
  readonly macs: number;
  /** The integers of its input: q stands for scale · (q − zero). Absent if each run finds the scale. */
  readonly input?: { readonly scale: number; readonly zero: number };
  /** √(Σ(w′ − w)² / Σw²) for the rounded weights w′. */
  readonly weightError: number;
  /** With samples, E‖y − ŷ‖² / E‖y − E[y]‖² of its response in the quantized net, after the elementwise ops that follow it. */
  readonly responseError?: number;
  /** The loss in the outputs if only this layer is quantized; present if the losses of layers were needed to keep a limit. */
  readonly loss?: number;
}

/** A product that stays f32. */
export interface F32Layer {
  readonly name: string;
  readonly macs: number;
  readonly reason: string;
  readonly loss?: number;
}

/** A product that summed integers before. */
export interface IntegerLayer {
  readonly name: string;
  readonly macs: number;
}

/** The content of `cleave quantize --json`. */
export interface QuantizedReport {
  readonly name: string;
  /** The number of samples; 0 if ranges come from activations and from each run. */
  readonly samples: number;
  /** The largest loss that was allowed. */
  readonly limit?: number;
  readonly layers: readonly QuantizedLayer[];
  readonly left: readonly F32Layer[];
  /** The products that summed integers before. */
  readonly already: readonly IntegerLayer[];
  /** Bytes of all weights, before and after. */
  readonly bytes: { readonly before: number; readonly after: number };
  /** With samples, the loss in the outputs over them; instead of a softmax, its operand counts. */
  readonly loss?: number;
}

/** The report for a terminal. `outputs` compares them over samples. */
export function quantizedText(report: QuantizedReport, outputs: readonly OutputComparison[] = []): string {
  const withLosses = [...report.layers, ...report.left].some(({ loss }) => loss !== undefined);
  const loss = (one: { readonly loss?: number }): string[] =>
    withLosses ? [one.loss === undefined ? "" : one.loss.toPrecision(3)] : [];
  const rows = report.layers.map((layer) => [
    layer.name,
    shapeText(layer.shape),
    "int8",
    countText(layer.macs),
    layer.input?.scale.toPrecision(4) ?? "each run",
    String(layer.input?.zero ?? ""),
    percent(layer.weightError),
    layer.responseError === undefined ? "" : percent(layer.responseError),
    ...loss(layer),
    "",
  ]);
  const left = report.left.map((layer) => [
    layer.name,
    "",
    "f32",
    countText(layer.macs),
    "",
    "",
    "",
    "",
    ...loss(layer),
    layer.reason,
  ]);
  const already = report.already.map(({ name, macs }) => [
    name,
    "",
    "integers",
    countText(macs),
    "",
    "",
    "",
    "",
    ...(withLosses ? [""] : []),
    "it was in integers before",
  ]);
  const columns = [
    ["layer", "left"],
    ["weights", "left"],
    ["type", "left"],
    ["MACs", "right"],
    ["scale", "right"],
    ["zero", "right"],
    ["weight error", "right"],
    ["response error", "right"],
    ...(withLosses ? [["loss alone", "right"] as const] : []),
    ["why", "left"],
  ] as const;
  return [
    table(
      columns.map(([name]) => name),
      [...rows, ...already, ...left],
      columns.map(([, align]) => align),
    ),
    "",
    totalText(report),
    ...outputs.map((one) => outputText(one, outputs.length > 1)),
    "",
  ].join("\n");
}

function totalText({ name, samples, layers, left, already, bytes, loss }: QuantizedReport): string {
  const all = [...layers, ...already];
  const [own, others] = [all, left].map((some: readonly { readonly macs: number }[]) =>
    some.reduce((sum, { macs }) => sum + macs, 0),
  );
  const share = (own ?? 0) / Math.max(1, (own ?? 0) + (others ?? 0));
  const by = samples > 0 ? `by ${plural(samples, "sample")}` : "without samples";
  const lost = loss === undefined ? "" : `; loss ${loss.toPrecision(3)}`;
  const before = already.length > 0 ? ` (${already.length} of them before)` : "";
  return `${lineText(name)}, int8, ${by}: ${plural(all.length, "layer")} in integers${before} with ${percent(share)} of the MACs, ${left.length} in f32; weights ${bytesText(bytes.before)} → ${bytesText(bytes.after)}${lost}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}
