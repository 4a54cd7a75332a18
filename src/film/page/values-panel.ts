// The value of a node: statistics, a histogram, and an image of each channel.

import { numberText } from "#ir/units.js";
import { greatest } from "#diagnostic/extremes.js";
import type { ChannelImages, NodeVersion, ValueRow } from "../data.js";
import { elementsOf } from "../model/timeline.js";
import { contextOf, h } from "./dom.js";
import { percent } from "./kernels.js";
import { valueText } from "../model/numbers.js";
import type { App } from "./state.js";

export function valuePart(app: App, node: NodeVersion): HTMLElement[] {
  const row = app.images.valueOf(node, app.state().step);
  if (!row) return [];
  const { min, max, mean, deviation, zeros, nonFinite } = row;
  const stats = [
    ["min", valueText(min)],
    ["mean", valueText(mean)],
    ["max", valueText(max)],
    ["deviation", valueText(deviation)],
    ...(zeros > 0 ? [["zeros", percent(zeros)]] : []),
    ...(nonFinite > 0 ? [["not finite", numberText(nonFinite)]] : []),
  ];
  return [
    h(
      "section",
      { class: "values" },
      h("h3", {}, "Value"),
      h(
        "div",
        { class: "stats" },
        stats.map(([name = "", value = ""]) => h("div", {}, h("span", {}, name), value)),
      ),
      histogram(row),
      imagePart(app, node, row.image),
    ),
  ];
}

const [barWidth, barHeight] = [8, 44];

function histogram({ histogram: counts, min, max }: ValueRow): HTMLElement {
  const most = greatest(counts, 1);
  const canvas = h("canvas", {
    class: "histogram",
    role: "img",
    label: `histogram from ${valueText(min)} to ${valueText(max)}`,
  });
  canvas.width = counts.length * barWidth;
  canvas.height = barHeight;
  const context = contextOf(canvas);
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  for (const [at, count] of counts.entries()) {
    // Roots, because one high bar, often that of 0, would hide all others.
    const height = count === 0 ? 0 : Math.max(1, Math.sqrt(count / most) * barHeight);
    context.fillRect(at * barWidth, barHeight - height, barWidth - 1, height);
  }
  return h(
    "figure",
    {},
    canvas,
    h(
      "figcaption",
      {},
      h("span", {}, valueText(min)),
      h("span", {}, "bars are square roots of counts"),
      h("span", {}, valueText(max)),
    ),
  );
}

/** The edge of an image in the panel, in pixels. */
const edge = 58;

function imagePart(app: App, node: NodeVersion, image: ChannelImages): HTMLElement[] {
  const { height, width, of } = image;
  const channels = image.low.length;
  const told = h("p", { class: "note told" }, described(image));
  const picture = app.images.picture(node, app.state().step);
  const tell = (text: string): void => void (told.textContent = text);
  const tiles = Array.from({ length: channels }, (_, channel) => {
    const canvas = app.images.channel(image, channel);
    const factor = Math.min(edge / height, edge / width, 12);
    canvas.style.width = `${Math.max(width * factor, 8)}px`;
    canvas.style.height = `${Math.max(height * factor, height === 1 ? 18 : 2)}px`;
    if (height === 1) canvas.style.width = "100%";
    const show = (event: PointerEvent): void => {
      const box = canvas.getBoundingClientRect();
      const x = Math.min(
        width - 1,
        Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * width)),
      );
      const y = Math.min(
        height - 1,
        Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * height)),
      );
      const value = valueText(app.images.number(image, channel, y, x));
      const place =
        height === 1
          ? `element ${Math.floor((x * of[1]) / width)}`
          : `channel ${channel}, row ${Math.floor((y * of[0]) / height)}, column ${Math.floor((x * of[1]) / width)}`;
      tell(`${place}: ${value}`);
    };
    canvas.addEventListener("pointermove", show);
    canvas.addEventListener("pointerdown", show);
    canvas.addEventListener("pointerleave", () => tell(described(image)));
    canvas.title =
      height === 1
        ? ""
        : `channel ${channel}: ${valueText(image.low[channel] ?? 0)} to ${valueText(image.high[channel] ?? 0)}`;
    return canvas;
  });
  if (picture) {
    picture.classList.add("picture");
    tiles.unshift(picture);
  }
  return [h("div", { class: "channels" }, tiles), told];
}

/** What the images show, and what they leave out. */
function described({ height, width, of, low }: ChannelImages): string {
  const [fullHeight, fullWidth, channels] = of;
  const parts = [
    low.length < channels
      ? `the first ${low.length} of ${numberText(channels)} channels`
      : channels > 1
        ? `${numberText(channels)} channels`
        : `${numberText(elementsOf(of))} elements`,
    ...(height < fullHeight || width < fullWidth
      ? [`averaged from ${fullHeight}×${fullWidth} to ${height}×${width}`]
      : []),
  ];
  return `${parts.join(", ")}; each image from its least (dark) to its greatest value`;
}
