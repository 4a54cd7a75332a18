// Plots as SVG: pairs of bars, and a curve with a marked point. Colours are CSS classes, which the page defines.

import { markupText } from "#diagnostic/escape.js";
import { greatest, least } from "#diagnostic/extremes.js";

/** A pair of bars, before and after. */
export interface BarPair {
  readonly label: string;
  readonly before: number;
  readonly after: number;
}

/** The styles of the plots, for the page or image that contains them. */
export const plotStyle = `
.plot { font: 12px system-ui, sans-serif; }
.plot text { fill: var(--text, #24292f); }
.plot .axis { stroke: var(--line, #d0d7de); }
.plot .before { fill: var(--before, #8c959f); }
.plot .after, .plot .point { fill: var(--after, #0969da); }
.plot .line { fill: none; stroke: var(--before, #8c959f); stroke-width: 1.5; stroke-dasharray: 4 3; }
.plot .joined { fill: none; stroke: var(--after, #0969da); stroke-width: 1.5; }
.plot .chosen { fill: none; stroke: var(--chosen, #bc4c00); stroke-width: 2; }
`;

const [labelWidth, barWidth, valueWidth] = [190, 380, 170];
const [barHeight, rowHeight, titleHeight] = [9, 28, 26];

/** Rows of two bars, with the values next to them. */
export function barPlot(title: string, rows: readonly BarPair[], format: (value: number) => string): string {
  const most = greatest(rows.flatMap(({ before, after }) => [before, after])) || 1;
  const width = labelWidth + barWidth + valueWidth;
  const height = titleHeight + rows.length * rowHeight;
  const bars = rows.map(({ label, before, after }, at) => {
    const y = titleHeight + at * rowHeight;
    const bar = (kind: "before" | "after", value: number, top: number): string =>
      `<rect class="${kind}" x="${labelWidth}" y="${y + top}" width="${fixed((value / most) * barWidth)}" height="${barHeight}"/>`;
    const end = labelWidth + (Math.max(before, after) / most) * barWidth + 6;
    const values = before === after ? format(before) : `${format(before)} → ${format(after)}`;
    return `<g><title>${markupText(`${label}: ${values}`)}</title>
<text x="${labelWidth - 8}" y="${y + 14}" text-anchor="end">${markupText(shortened(label))}</text>
${bar("before", before, 1)}
${bar("after", after, 1 + barHeight)}
<text x="${fixed(end)}" y="${y + 14}">${markupText(values)}</text></g>`;
  });
  return svg(title, width, height, bars.join("\n"));
}

/** A point of a curve. */
interface CurvePoint {
  readonly x: number;
  readonly y: number;
  /** The tooltip. */
  readonly label: string;
  readonly chosen: boolean;
}

/** The position of values along an axis, from 0 to 1, and its ticks. */
export interface Axis {
  place(value: number): number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

export interface Curve {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  readonly xAxis: Axis;
  readonly yAxis: Axis;
  /** A line behind the points, without points outside the axes. */
  readonly line: readonly { readonly x: number; readonly y: number }[];
  /** Whether the line joins the points; otherwise it shows something else and is dashed. */
  readonly joins: boolean;
  readonly points: readonly CurvePoint[];
}

const [plotWidth, plotHeight] = [640, 320];
/** Most lines of the logarithmic axis, without the first. */
const mostRows = 8;
const margin = { left: 64, right: 24, top: 34, bottom: 46 };

/** Shares from 0 to 1. */
export const shareAxis: Axis = {
  place: (value) => value,
  ticks: [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, label: `${100 * value}%` })),
};

/** An axis over the values; with `rounded`, it ends at round numbers. */
export function linearAxis(
  low: number,
  high: number,
  { rounded = true }: { readonly rounded?: boolean } = {},
): Axis {
  // Equal values (up to rounding) get an interval around them.
  const range = Math.max(high - low, 1e-6 * Math.abs(high)) || 1;
  const power = 10 ** Math.floor(Math.log10(range / 4));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= range / 7) ?? 10) * power;
  const first = rounded ? Math.floor(low / step + 1e-9) : Math.ceil(low / step - 1e-9);
  const last = rounded ? Math.max(first + 1, Math.ceil(high / step - 1e-9)) : Math.floor(high / step + 1e-9);
  const [from, to] = rounded ? [first * step, last * step] : [low, low + range];
  return {
    place: (value) => (value - from) / (to - from),
    ticks: Array.from({ length: last - first + 1 }, (_, at) => {
      const value = Number(((first + at) * step).toPrecision(8));
      return { value, label: String(value) };
    }),
  };
}

/** A logarithmic axis over powers of ten. 0 is at its lower end. */
export function decadeAxis(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(least(positive, 1)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(greatest(positive, 10 ** low)) - 1e-9));
  const step = Math.ceil((high - low) / mostRows);
  return {
    place: (value) => (value > 0 ? Math.max(0, (Math.log10(value) - low) / (high - low)) : Number.NaN),
    ticks: Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, at) => {
      const value = Number(`1e${low + at * step}`);
      return { value, label: String(value) };
    }),
  };
}

/** Points and a line between two axes. A point below the axis is drawn at its lower end. */
export function curvePlot({ title, xName, yName, xAxis, yAxis, line, joins, points }: Curve): string {
  const [innerWidth, innerHeight] = [
    plotWidth - margin.left - margin.right,
    plotHeight - margin.top - margin.bottom,
  ];
  const px = (x: number): number => margin.left + xAxis.place(x) * innerWidth;
  const py = (y: number): number => margin.top + (1 - (yAxis.place(y) || 0)) * innerHeight;
  const grid = [
    ...yAxis.ticks.map(
      ({ value, label }) =>
        `<line class="axis" x1="${margin.left}" x2="${plotWidth - margin.right}" y1="${fixed(py(value))}" y2="${fixed(py(value))}"/>
<text x="${margin.left - 8}" y="${fixed(py(value) + 4)}" text-anchor="end">${label}</text>`,
    ),
    ...xAxis.ticks.map(
      ({ value, label }) =>
        `<text x="${fixed(px(value))}" y="${plotHeight - margin.bottom + 18}" text-anchor="middle">${label}</text>`,
    ),
    `<text x="${fixed(margin.left + innerWidth / 2)}" y="${plotHeight - 8}" text-anchor="middle">${markupText(xName)}</text>`,
    `<text transform="translate(14 ${fixed(margin.top + innerHeight / 2)}) rotate(-90)" text-anchor="middle">${markupText(yName)}</text>`,
  ];
  const path = line
    .filter(({ y }) => !Number.isNaN(yAxis.place(y)))
    .map(({ x, y }) => `${fixed(px(x))},${fixed(py(y))}`)
    .join(" ");
  const marks = points.map(({ x, y, label, chosen }) => {
    const at = `cx="${fixed(px(x))}" cy="${fixed(py(y))}"`;
    const ring = chosen ? `<circle class="chosen" ${at} r="8"/>` : "";
    return `<g><title>${markupText(label)}</title><circle class="point" ${at} r="4"/>${ring}</g>`;
  });
  const drawn = path === "" ? "" : `<polyline class="${joins ? "joined" : "line"}" points="${path}"/>`;
  return svg(title, plotWidth, plotHeight, [...grid, drawn, ...marks].join("\n"));
}

function svg(title: string, width: number, height: number, inside: string): string {
  return `<svg class="plot" xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${markupText(title)}</title>
<text x="0" y="16" font-weight="600">${markupText(title)}</text>
${inside}
</svg>`;
}

function fixed(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** A label shortened to its end, since names of layers may be paths, which differ at the end. */
function shortened(label: string): string {
  return label.length > 28 ? `…${label.slice(-27)}` : label;
}
