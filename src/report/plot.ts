// Plots as SVG: bars before and after, and a curve with one point marked. Colours are classes, which the page around them sets.

import { markupText } from "#diagnostic/escape.js";
import { greatest, least } from "#diagnostic/extremes.js";

/** A bar of each kind for one thing. */
export interface BarPair {
  readonly label: string;
  readonly before: number;
  readonly after: number;
}

/** Styles of the plots, for the page or the picture that holds them. */
export const plotStyle = `
.plot { font: 12px system-ui, sans-serif; }
.plot text { fill: var(--text, #24292f); }
.plot .axis { stroke: var(--line, #d0d7de); }
.plot .before { fill: var(--before, #8c959f); }
.plot .after, .plot .point { fill: var(--after, #0969da); }
.plot .line { fill: none; stroke: var(--before, #8c959f); stroke-width: 1.5; stroke-dasharray: 4 3; }
.plot .chosen { fill: none; stroke: var(--chosen, #bc4c00); stroke-width: 2; }
`;

const [labelWidth, barWidth, valueWidth] = [190, 380, 170];
const [barHeight, rowHeight, titleHeight] = [9, 28, 26];

/** Two bars a row, as long as the values are, with the values written beside them. */
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
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  /** What is said of it where the pointer rests on it. */
  readonly label: string;
  readonly chosen: boolean;
}

export interface Curve {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  /** A line behind the points. */
  readonly line: readonly { readonly x: number; readonly y: number }[];
  readonly points: readonly CurvePoint[];
}

const [plotWidth, plotHeight] = [640, 320];
/** Most lines of the logarithmic axis, but for the first. */
const mostRows = 8;
const margin = { left: 64, right: 24, top: 34, bottom: 46 };

/** Points over a share from 0 to 1; the other axis is logarithmic. Points with 0 stand at its foot, and the line leaves them out. */
export function curvePlot({ title, xName, yName, line, points }: Curve): string {
  const positive = [...line, ...points].map(({ y }) => y).filter((y) => y > 0);
  const low = Math.floor(Math.log10(least(positive, 1)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(greatest(positive, 10 ** low)) - 1e-9));
  const [innerWidth, innerHeight] = [
    plotWidth - margin.left - margin.right,
    plotHeight - margin.top - margin.bottom,
  ];
  const px = (x: number): number => margin.left + x * innerWidth;
  const py = (y: number): number => {
    const share = (Math.log10(Math.max(y, 10 ** low)) - low) / (high - low);
    return margin.top + (1 - share) * innerHeight;
  };
  const step = Math.ceil((high - low) / mostRows);
  const rows = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, at) => low + at * step);
  const grid = [
    ...rows.map(
      (exponent) =>
        `<line class="axis" x1="${margin.left}" x2="${plotWidth - margin.right}" y1="${fixed(py(10 ** exponent))}" y2="${fixed(py(10 ** exponent))}"/>
<text x="${margin.left - 8}" y="${fixed(py(10 ** exponent) + 4)}" text-anchor="end">${Number(`1e${exponent}`)}</text>`,
    ),
    ...[0, 0.25, 0.5, 0.75, 1].map(
      (share) =>
        `<text x="${fixed(px(share))}" y="${plotHeight - margin.bottom + 18}" text-anchor="middle">${100 * share}%</text>`,
    ),
    `<text x="${fixed(px(0.5))}" y="${plotHeight - 8}" text-anchor="middle">${markupText(xName)}</text>`,
    `<text transform="translate(14 ${fixed(margin.top + innerHeight / 2)}) rotate(-90)" text-anchor="middle">${markupText(yName)}</text>`,
  ];
  const path = line
    .filter(({ y }) => y > 0)
    .map(({ x, y }) => `${fixed(px(x))},${fixed(py(y))}`)
    .join(" ");
  const marks = points.map(({ x, y, label, chosen }) => {
    const at = `cx="${fixed(px(x))}" cy="${fixed(py(y))}"`;
    const ring = chosen ? `<circle class="chosen" ${at} r="8"/>` : "";
    return `<g><title>${markupText(label)}</title><circle class="point" ${at} r="4"/>${ring}</g>`;
  });
  return svg(
    title,
    plotWidth,
    plotHeight,
    [...grid, path === "" ? "" : `<polyline class="line" points="${path}"/>`, ...marks].join("\n"),
  );
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

/** Names of layers may be paths: their end tells them apart. */
function shortened(label: string): string {
  return label.length > 28 ? `…${label.slice(-27)}` : label;
}
