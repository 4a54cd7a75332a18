// Paints a scene on a canvas: links, frames around kernels, boxes with their text and images.

import { drawLine } from "../model/line.js";
import type { Rect } from "../model/rect.js";
import { overlaps, rectAround } from "../model/rect.js";
import type { Scene, SceneBox, SceneLink } from "../model/scene.js";
import { metrics } from "../model/scene.js";
import type { Camera, Size } from "./camera.js";
import { seen } from "./camera.js";
import type { Theme } from "./theme.js";
import { kernelColour } from "./theme.js";

/** A box at the place where it is now, which moves while a step is animated. */
export interface Placed {
  readonly box: SceneBox;
  readonly x: number;
  readonly y: number;
  /** From 0 for invisible to 1. */
  readonly strength: number;
}

/** A frame around the boxes of one kernel. */
export interface KernelFrame {
  readonly kernel: string;
  readonly title: string;
  readonly rect: Rect;
}

export interface Painting {
  readonly scene: Scene;
  /** The boxes of the scene, in order, and then those that go. */
  readonly placed: readonly Placed[];
  /** Frames; none while boxes move. */
  readonly frames: readonly KernelFrame[];
  /** How much links and frames are there, from 0 to 1, while boxes move. */
  readonly settled: number;
  readonly selected: ReadonlySet<number>;
  /** The boxes that stay bright; all of them if absent. */
  readonly lit?: ReadonlySet<number>;
  readonly hovered: number;
  imageOf(box: SceneBox): HTMLCanvasElement | undefined;
}

const font = "system-ui, sans-serif";

/** Below this scale text is too small to read. */
const leastText = 0.42;

/** Below this scale an image is a few pixels. */
const leastImage = 0.12;

export function paint(
  context: CanvasRenderingContext2D,
  painting: Painting,
  camera: Camera,
  screen: Size,
  ratio: number,
  theme: Theme,
): void {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = theme.ground;
  context.fillRect(0, 0, screen.width, screen.height);
  context.setTransform(ratio * camera.scale, 0, 0, ratio * camera.scale, ratio * camera.x, ratio * camera.y);
  const view = seen(camera, screen);
  for (const frame of painting.frames)
    if (overlaps(frame.rect, view)) paintFrame(context, frame, camera, theme);
  context.globalAlpha = painting.settled;
  for (const link of painting.scene.links) paintLink(context, painting, link, view, camera, theme);
  for (const [index, placed] of painting.placed.entries()) {
    if (!overlaps(rectAround(placed, placed.box), view)) continue;
    const isDim = painting.lit !== undefined && !painting.lit.has(index) && !painting.selected.has(index);
    context.globalAlpha = placed.strength * (isDim ? 0.25 : placed.box.change === "removed" ? 0.6 : 1);
    paintBox(context, placed, painting, index, camera, theme);
  }
  context.globalAlpha = 1;
}

function paintFrame(
  context: CanvasRenderingContext2D,
  { kernel, title, rect }: KernelFrame,
  { scale }: Camera,
  theme: Theme,
): void {
  const colour = kernelColour(kernel, theme.isDark);
  context.globalAlpha = theme.isDark ? 0.16 : 0.1;
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(rect.left, rect.top, rect.right - rect.left, rect.bottom - rect.top, 9);
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.stroke();
  if (scale < leastText) return;
  context.fillStyle = colour;
  context.font = `600 10px ${font}`;
  context.textBaseline = "alphabetic";
  context.fillText(elided(context, title, rect.right - rect.left - 12), rect.left + 7, rect.top + 11);
}

function paintLink(
  context: CanvasRenderingContext2D,
  painting: Painting,
  { from, to, points, kind, label, top, bottom }: SceneLink,
  view: Rect,
  { scale }: Camera,
  theme: Theme,
): void {
  const [first, last] = [points[0], points.at(-1)];
  const [source, target] = [painting.placed[from], painting.placed[to]];
  if (!first || !last || !source || !target) return;
  // The ends follow the boxes while these move.
  const start = { x: first.x + source.x - source.box.x, y: first.y + source.y - source.box.y };
  const end = { x: last.x + target.x - target.box.x, y: last.y + target.y - target.box.y };
  if (Math.max(bottom, start.y, end.y) < view.top || Math.min(top, start.y, end.y) > view.bottom) return;
  const isNear =
    painting.selected.has(from) ||
    painting.selected.has(to) ||
    painting.hovered === from ||
    painting.hovered === to;
  const isRemoved = source.box.change === "removed" || target.box.change === "removed";
  const isDim = painting.lit !== undefined && !(painting.lit.has(from) && painting.lit.has(to));
  context.globalAlpha = painting.settled * (isDim && !isNear ? 0.2 : 1);
  context.strokeStyle =
    kind === "became" ? theme.changed : isNear ? theme.accent : isRemoved ? theme.removed : theme.line;
  context.lineWidth = (isNear || kind === "became" ? 2 : 1.2) / Math.min(1, Math.max(scale, 0.3));
  context.setLineDash(kind === "became" ? [2, 4] : isRemoved ? [5, 4] : []);
  context.beginPath();
  drawLine([start, ...points.slice(1, -1), end], context);
  context.stroke();
  context.setLineDash([]);
  if (scale < 0.25) return;
  context.fillStyle = context.strokeStyle;
  const down = end.y >= (points.at(-2)?.y ?? start.y) ? 1 : -1;
  context.beginPath();
  context.moveTo(end.x, end.y);
  context.lineTo(end.x - 3.5, end.y - 6 * down);
  context.lineTo(end.x + 3.5, end.y - 6 * down);
  context.fill();
  if (isNear && scale >= leastText && label !== "") {
    context.font = `10px ${font}`;
    context.textBaseline = "middle";
    const width = context.measureText(label).width;
    const y = start.y + 12 * down;
    context.fillStyle = theme.ground;
    context.fillRect(start.x + 4, y - 7, width + 6, 14);
    context.fillStyle = theme.accent;
    context.fillText(label, start.x + 7, y);
  }
}

function paintBox(
  context: CanvasRenderingContext2D,
  { box, x, y }: Placed,
  painting: Painting,
  index: number,
  { scale }: Camera,
  theme: Theme,
): void {
  const [left, top] = [x - box.width / 2, y - box.height / 2];
  context.fillStyle = theme.fills[box.colour] ?? theme.ground;
  context.beginPath();
  if (scale < 0.2) context.rect(left, top, box.width, box.height);
  else context.roundRect(left, top, box.width, box.height, box.kind === "output" ? box.height / 2 : 6);
  if (box.kind === "block" && scale >= 0.2) {
    // A pile: there is more behind it.
    const path = context;
    path.save();
    path.translate(3, 3);
    path.fill();
    path.strokeStyle = theme.line;
    path.stroke();
    path.restore();
  }
  context.fill();
  const isSelected = painting.selected.has(index);
  const mark = box.change === "same" ? undefined : theme[box.change];
  context.strokeStyle = isSelected ? theme.accent : (mark ?? theme.line);
  const thick =
    (isSelected ? 3 : mark ? 2.5 : painting.hovered === index ? 2 : 1) / Math.min(1, Math.max(scale, 0.25));
  context.lineWidth = thick;
  context.setLineDash(box.change === "removed" ? [5, 4] : []);
  context.stroke();
  context.setLineDash([]);
  if (box.kernel !== undefined && scale >= 0.2) {
    context.fillStyle = kernelColour(box.kernel, theme.isDark);
    context.fillRect(left + 1, top + 7, 3, box.height - 14);
  }
  if (scale >= leastText) paintText(context, box, left, top, theme, mark);
  else if (mark) {
    context.fillStyle = mark;
    const alpha = context.globalAlpha;
    context.globalAlpha = alpha * 0.5;
    context.fillRect(left, top, box.width, box.height);
    context.globalAlpha = alpha;
  }
  const image = scale >= leastImage ? painting.imageOf(box) : undefined;
  if (image) paintImage(context, image, box, left, top, scale >= leastText);
}

function paintText(
  context: CanvasRenderingContext2D,
  box: SceneBox,
  left: number,
  top: number,
  theme: Theme,
  mark: string | undefined,
): void {
  const { padding, line } = metrics;
  const room = box.width - 2 * padding - 2;
  context.textBaseline = "middle";
  context.fillStyle = theme.text;
  for (const [at, text] of [box.title, ...box.lines].entries()) {
    context.font = at === 0 ? `600 11.5px ${font}` : `11px ${font}`;
    context.fillStyle = at <= 1 ? theme.text : theme.faint;
    context.fillText(elided(context, text, room), left + padding + 2, top + padding + line * (at + 0.5));
  }
  if (box.kind === "block" && box.changes > 0 && mark) {
    context.font = `600 10px ${font}`;
    const text = String(box.changes);
    const width = context.measureText(text).width + 10;
    context.fillStyle = mark;
    context.beginPath();
    context.roundRect(left + box.width - width - 5, top + 5, width, 15, 7.5);
    context.fill();
    context.fillStyle = theme.ground;
    context.fillText(text, left + box.width - width, top + 13);
  }
}

function paintImage(
  context: CanvasRenderingContext2D,
  image: HTMLCanvasElement,
  box: SceneBox,
  left: number,
  top: number,
  besideText: boolean,
): void {
  const { padding } = metrics;
  const room = box.width - 2 * padding;
  // Where text would be too small, the image has all of the box.
  const height = besideText ? metrics.image : box.height - 2 * padding;
  const factor = Math.min(room / image.width, height / image.height);
  // A row of numbers would be a hair: it is stretched.
  const [w, h] = image.height === 1 ? [room, height / 2] : [image.width * factor, image.height * factor];
  context.imageSmoothingEnabled = false;
  context.drawImage(image, left + padding, top + box.height - padding - (height + h) / 2, w, h);
}

const widths = new Map<string, string>();

/** A text that fits into a width, with `…` for its end. */
function elided(context: CanvasRenderingContext2D, text: string, room: number): string {
  const key = `${context.font}|${Math.round(room)}|${text}`;
  const known = widths.get(key);
  if (known !== undefined) return known;
  let shown = text;
  if (context.measureText(text).width > room) {
    let [low, high] = [0, text.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
      else high = middle - 1;
    }
    shown = `${text.slice(0, low)}…`;
  }
  if (widths.size > 20_000) widths.clear();
  widths.set(key, shown);
  return shown;
}
