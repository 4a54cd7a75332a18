// The report on a net that was split with samples as one self-contained HTML page, without scripts.

import { markupText } from "#diagnostic/escape.js";
import { greatest, least } from "#diagnostic/extremes.js";
import { bytesText, countText, numberText, plural, timeText } from "#ir/units.js";
import type { FittedReport, OutputComparison } from "./fitted.js";
import { meanLoss, percentText, responseText } from "./fitted.js";
import type { BarPair } from "./plot.js";
import { barPlot, curvePlot, decadeAxis, linearAxis, plotStyle, shareAxis } from "./plot.js";

/** The HTML text of the page. */
export function fittedPage(report: FittedReport): string {
  const { name, limit, target } = report;
  const title = `${name}, split to ${limit}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${markupText(title)}</title>
<style>${style}${plotStyle}</style>
</head>
<body>
<h1>${markupText(title)}</h1>
<p>Fitted to ${plural(report.samples, "sample")}, seed ${report.seed}; times are modelled for ${markupText(target)} where they are not called measured.</p>
${summary(report)}
${outputs(report.outputs)}
<p class="key"><span class="before">■</span> before <span class="after">■</span> after</p>
${bars(report).join("\n")}
<h2>Loss in the outputs against cost</h2>
<p>The dashed line is what the losses of single layers add up to; points are measured on the split net. The ring marks the net that was written.</p>
${lossPlots(report).join("\n")}
${sweepTable(report)}
${distillation(report)}
<h2>Layers</h2>
${layerTable(report)}
</body>
</html>
`;
}

/** The curve of loss against MACs, as a standalone SVG. */
export function fittedPicture(report: FittedReport): string {
  const [plot = ""] = lossPlots(report);
  return `${plot.replace(/(<svg [^>]*>)/, `$1<style>${plotStyle}</style><rect width="100%" height="100%" fill="#fff"/>`)}\n`;
}

const style = `
:root { color-scheme: light dark; --text: #24292f; --line: #d0d7de; --before: #8c959f; --after: #0969da; --chosen: #bc4c00; --ground: #fff; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --line: #30363d; --before: #8b949e; --after: #58a6ff; --chosen: #f0883e; --ground: #0d1117; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground); max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
.scroll { margin: .8rem 0; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th.l, td.l { text-align: left; }
.total td { font-weight: 600; }
.key .before { color: var(--before); } .key .after { color: var(--after); }
.plot { display: block; max-width: 100%; height: auto; margin: 1rem 0; }
`;

function summary({ before, after, net }: FittedReport): string {
  const rows = [
    [
      "the whole net",
      numberText(net.before.parameters),
      numberText(net.after.parameters),
      countText(net.before.macs),
      countText(net.after.macs),
      net.measured ? `${timeText(net.measured.before)} (measured)` : "",
      net.measured ? `${timeText(net.measured.after)} (measured)` : "",
    ],
    [
      "its convolutions",
      numberText(before.parameters),
      numberText(after.parameters),
      countText(before.macs),
      countText(after.macs),
      timeText(before.seconds),
      timeText(after.seconds),
    ],
  ];
  return htmlTable(["", "parameters", "after", "MACs", "after", "time", "after"], rows, 1);
}

function outputs(all: readonly OutputComparison[]): string {
  const share = (value: number | undefined): string => (value === undefined ? "" : percentText(value));
  return htmlTable(
    ["output", "samples", "accuracy", "after", "same first class", "mean difference", "largest", "loss"],
    all.map((one) => [
      one.name,
      numberText(one.samples),
      share(one.accuracy?.before),
      share(one.accuracy?.after),
      share(one.agreement),
      one.meanDifference.toPrecision(3),
      one.largestDifference.toPrecision(3),
      one.loss.toPrecision(3),
    ]),
    1,
  );
}

function bars({ layers }: FittedReport): string[] {
  const pairs = (
    of: (
      layer: FittedReport["layers"][number],
    ) => { readonly before: number; readonly after: number } | undefined,
  ): BarPair[] =>
    layers.flatMap((layer) => {
      const values = of(layer);
      return values ? [{ label: layer.name, ...values }] : [];
    });
  const measured = pairs(({ measured: one }) => one);
  return [
    barPlot(
      "Multiply-accumulates",
      pairs(({ before, after }) => ({ before: before.macs, after: after.macs })),
      countText,
    ),
    barPlot(
      "Modelled time",
      pairs(({ before, after }) => ({ before: before.seconds, after: after.seconds })),
      timeText,
    ),
    ...(measured.length > 0 ? [barPlot("Measured time", measured, timeText)] : []),
  ];
}

function lossPlots({ predicted, sweep, before, after, outputs: all, limit }: FittedReport): string[] {
  const points = sweep ?? [
    {
      options: `--split ${limit}`,
      macs: after.macs / before.macs,
      time: after.seconds / before.seconds,
      outputs: all,
      chosen: true,
    },
  ];
  return (["macs", "time"] as const).map((key) => {
    const line = frontier(predicted.map((one) => ({ x: one[key], y: one.loss })));
    const losses = points.map(({ outputs: found }) => meanLoss(found));
    return curvePlot({
      title: key === "macs" ? "Loss and MACs" : "Loss and modelled time",
      xName: `${key === "macs" ? "MACs" : "modelled time"} of the convolutions, relative to the original`,
      yName: "loss",
      xAxis: shareAxis,
      yAxis: decadeAxis([...line.map(({ y }) => y), ...losses]),
      line,
      joins: false,
      points: points.map((point, at) => ({
        x: point[key],
        y: losses[at] ?? 0,
        label: `${point.options}: ${percentText(point[key])}, loss ${(losses[at] ?? 0).toPrecision(3)}`,
        chosen: point.chosen,
      })),
    });
  });
}

/** The validation loss over the steps of distillation. */
function distillation({ distilled }: FittedReport): string {
  const last = distilled?.heldOut.at(-1);
  if (!distilled || !last) return "";
  const { best, heldOut } = distilled;
  const losses = heldOut.map(({ loss }) => loss);
  const plot = curvePlot({
    title: "Validation loss",
    xName: "gradient steps",
    yName: "loss",
    xAxis: linearAxis(0, last.step, { rounded: false }),
    yAxis: linearAxis(least(losses), greatest(losses)),
    line: heldOut.map(({ step, loss }) => ({ x: step, y: loss })),
    joins: true,
    points: heldOut.map(({ step, loss }) => ({
      x: step,
      y: loss,
      label: `after ${plural(step, "step")}: ${loss.toPrecision(3)}`,
      chosen: step === best,
    })),
  });
  const kept =
    best === 0
      ? "No step was better than the fit, so the fitted layers were kept."
      : `The ring marks the result that was kept: the average over steps after step ${numberText(best)}. Response errors are given before → after distillation.`;
  return `<h2>Distillation</h2>
<p>${kept}</p>
${plot}`;
}

/** The Pareto front, from the least cost on: the points that lose less than all cheaper ones. Splits chosen by MACs are not sorted by time. */
function frontier(points: readonly { readonly x: number; readonly y: number }[]) {
  let lowest = Number.POSITIVE_INFINITY;
  return points
    .toSorted((a, b) => a.x - b.x)
    .filter(({ y }) => {
      if (y >= lowest) return false;
      lowest = y;
      return true;
    });
}

function sweepTable({ sweep }: FittedReport): string {
  if (!sweep) return "";
  const share = (value: number | undefined): string => (value === undefined ? "" : percentText(value));
  return htmlTable(
    ["options", "MACs", "time", "loss", "same first class", "accuracy"],
    sweep.map(({ options, macs, time, outputs: all, chosen }) => [
      `${options}${chosen ? " (written)" : ""}`,
      percentText(macs),
      percentText(time),
      meanLoss(all).toPrecision(3),
      share(all[0]?.agreement),
      share(all[0]?.accuracy?.after),
    ]),
    1,
  );
}

function layerTable(report: FittedReport): string {
  const { layers, left } = report;
  const measured = layers.some((layer) => layer.measured);
  const arrow = (from: string, to: string): string => (from === to ? from : `${from} → ${to}`);
  const costs = ({ before, after }: Pick<FittedReport, "before" | "after">): string[] => [
    arrow(numberText(before.parameters), numberText(after.parameters)),
    arrow(numberText(before.macs), numberText(after.macs)),
    arrow(bytesText(before.bytes), bytesText(after.bytes)),
    arrow(timeText(before.seconds), timeText(after.seconds)),
  ];
  const rows = layers.map((layer) => [
    layer.name,
    `${layer.shape.join("×")}${layer.groups > 1 ? `, ${layer.groups} groups` : ""}`,
    layer.split?.order ?? "whole",
    layer.reason,
    layer.split ? String(layer.split.rank) : "",
    ...costs(layer),
    ...(measured
      ? [layer.measured ? arrow(timeText(layer.measured.before), timeText(layer.measured.after)) : ""]
      : []),
    layer.split ? responseText(layer.split) : "",
  ]);
  const head = [
    "convolution",
    "kernel",
    "order",
    "why",
    "rank",
    "parameters",
    "MACs",
    "bytes",
    "modelled time",
    ...(measured ? ["measured"] : []),
    "response error",
  ];
  const total = ["total", "", "", "", "", ...costs(report)];
  const whole = left.map(({ name, reason }) => [name, "", "whole", reason]);
  return htmlTable(head, [...rows, total, ...whole], 4);
}

/** An HTML table whose first `texts` columns are text. */
function htmlTable(head: readonly string[], rows: readonly (readonly string[])[], texts: number): string {
  const cells = (tag: "th" | "td", row: readonly string[]): string =>
    head
      .map((_, at) => `<${tag}${at < texts ? ' class="l"' : ""}>${markupText(row[at] ?? "")}</${tag}>`)
      .join("");
  const line = (row: readonly string[]): string =>
    `<tr${row[0] === "total" ? ' class="total"' : ""}>${cells("td", row)}</tr>`;
  return `<div class="scroll"><table>
<thead><tr>${cells("th", head)}</tr></thead>
<tbody>${rows.map(line).join("\n")}</tbody>
</table></div>`;
}
