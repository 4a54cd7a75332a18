// Draws the bars of a comparison as SVG, with light and dark colours and without fonts or scripts.

/** A bar of length `value`, followed by `text`. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
  readonly kind: "own" | "mark" | "peer" | "native";
}

export interface BarGroup {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const [width, left, right, rowHeight, titleHeight, gap] = [800, 200, 130, 20, 30, 14] as const;

/** Groups of horizontal bars, one below the other, on one linear scale. */
export function barPlot(title: string, groups: readonly BarGroup[]): string {
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const unit = (width - left - right) / most;
  const parts: string[] = [];
  let y = 44;
  for (const { title: name, bars } of groups) {
    parts.push(`<text class="group" x="16" y="${y + 18}">${escape(name)}</text>`);
    y += titleHeight;
    for (const { label, value, text, kind } of bars) {
      const middle = y + rowHeight / 2 + 4;
      parts.push(
        `<text class="label" x="${left - 8}" y="${middle}">${escape(label)}</text>`,
        `<rect class="${kind}" x="${left}" y="${y + 2}" width="${(value * unit).toFixed(1)}" height="${rowHeight - 4}" rx="2"/>`,
        `<text x="${(left + value * unit + 6).toFixed(1)}" y="${middle}">${escape(text)}</text>`,
      );
      y += rowHeight;
    }
    y += gap;
  }
  const one = (left + unit).toFixed(1);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-label="${escape(title)}">
<style>
  text { font: 12px system-ui, sans-serif; fill: #1f2328; stroke: #ffffff; stroke-width: 3px; paint-order: stroke; }
  .title { font-size: 15px; font-weight: 600; }
  .group { font-weight: 600; }
  .label { text-anchor: end; fill: #59636e; }
  .paper { fill: #ffffff; }
  .own { fill: #0969da; } .mark { fill: #8c959f; } .peer { fill: #afb8c1; } .native { fill: #bf8700; }
  line { stroke: #59636e; stroke-dasharray: 2 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; stroke: #0d1117; }
    .label { fill: #9198a1; }
    .paper { fill: #0d1117; }
    .own { fill: #4493f8; } .mark { fill: #7d8590; } .peer { fill: #57606a; } .native { fill: #d29922; }
    line { stroke: #9198a1; }
  }
</style>
<rect width="${width}" height="${y}" class="paper"/>
<text class="title" x="16" y="26">${escape(title)}</text>
<line x1="${one}" x2="${one}" y1="44" y2="${y - gap}"/>
${parts.join("\n")}
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
