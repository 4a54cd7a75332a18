// A graph as an SVG drawing: a scene as the page of a film draws it, with frames around kernels or blocks, and the shapes of all values.

import { expectModule } from "#diagnostic/argument.js";
import { markupText } from "#diagnostic/escape.js";
import { opCount, totalCost } from "#inspect/cost.js";
import { countText, plural } from "#ir/units.js";
import type { Module } from "#ir/weights.js";
import type { Film, NodeVersion } from "./data.js";
import type { Blocks } from "./model/blocks.js";
import { drawingColours } from "./model/colours.js";
import { framesOf } from "./model/frames.js";
import type { Frame } from "./model/frames.js";
import type { Point } from "./model/layout.js";
import type { Pen } from "./model/line.js";
import { drawLine } from "./model/line.js";
import type { Scene, SceneBox, SceneLink } from "./model/scene.js";
import { metrics, sceneOf } from "./model/scene.js";
import { createTimeline } from "./model/timeline.js";
import { createSources } from "./sources.js";
import { versionsOf } from "./versions.js";

/** The drawing of a graph. A tall graph is broken into columns. */
export function graphSvg(module: Module): string {
  expectModule("graphSvg", module);
  return drawingOf(module).svg;
}

/** A drawing and its size. */
export interface Drawing {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

export function drawingOf(module: Module): Drawing {
  const steps = [{ label: "", covered: [], made: [] }];
  const versions = versionsOf(
    { steps, graphs: [{ module: () => module }], compares: false },
    createSources(new Map()),
  );
  const film: Film = {
    name: "",
    made: "",
    compares: false,
    passes: [],
    steps,
    ...versions,
    files: [],
    omitted: [],
  };
  const hasKernels = versions.plans.length > 0;
  const scene = sceneOf(createTimeline(film).frame(0), {
    isFolded: () => false,
    columns: { aspect, heads: new Set(), leastHeight },
    partOf: (node, blocks) => (hasKernels ? node.kernel : framedBlock(node, blocks)),
    shapesAtLinks: true,
  });
  const titles = new Map(versions.plans.map(({ id, title }) => [id, `${id} ${title}`]));
  return draw(scene, titleOf(module), titles);
}

/** Width divided by height of a graph in columns, and the height from which on there are columns. */
const [aspect, leastHeight] = [1.3, 1700];

/** The most nodes of a block that has a frame: around a larger one, it would say little. */
const largestFramed = 60;

/** Around the drawing, and for the title above it. */
const [margin, titleRoom] = [24, 54];

/** `tiny: 11 ops, 1.2 M MACs, 3,400 parameters`. */
function titleOf(module: Module): string {
  const { macs, parameters } = totalCost(module);
  const costs = [
    plural(opCount(module.graph), "op"),
    `${countText(macs)} MACs`,
    `${countText(parameters)} parameters`,
  ];
  return `${module.graph.name}: ${costs.join(", ")}`;
}

function draw(scene: Scene, title: string, kernels: ReadonlyMap<string, string>): Drawing {
  const frames = framesOf(scene, ({ part }) => part);
  const width = Math.round(Math.max(scene.width, title.length * metrics.bold * 1.2) + 2 * margin);
  const height = Math.round(scene.height + 2 * margin + titleRoom);
  const labelled = new Set<number>();
  const isFirst = ({ from }: SceneLink): boolean => !labelled.has(from) && labelled.add(from) !== undefined;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, sans-serif" font-size="11">`,
    `<title>${markupText(title)}</title>`,
    `<rect width="100%" height="100%" fill="${drawingColours.ground}"/>`,
    text(title, { x: margin, y: margin + 6 }, { size: 14, bold: true }),
    `<g transform="translate(${margin} ${margin + titleRoom})">`,
    ...frames.flatMap((frame) => frameMarkup(frame, kernels.get(frame.key) ?? frame.key)),
    ...scene.links.flatMap(({ points }) => lineMarkup(points)),
    ...scene.boxes.flatMap((box) => boxMarkup(box)),
    ...scene.links.filter(isFirst).flatMap((link) => labelMarkup(link)),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
  return { svg, width, height };
}

/** The outermost block around a node that is not too large for a frame: one by names, or else one by structure. */
function framedBlock({ id, blocks = [] }: NodeVersion, { ofNode }: Blocks): string | undefined {
  let [named, structural]: (string | undefined)[] = [];
  for (let block = ofNode.get(id); block; block = block.parent) {
    if (block.nodes.length > largestFramed) break;
    if (blocks.includes(block.path)) structural = block.path;
    else named = block.path;
  }
  return named ?? structural;
}

function frameMarkup({ rect }: Frame, title: string): string[] {
  const { left, top, right, bottom } = rect;
  return [
    `<rect x="${round(left)}" y="${round(top)}" width="${round(right - left)}" height="${round(bottom - top)}" rx="9" fill="${drawingColours.frame}" stroke="${drawingColours.line}" stroke-dasharray="4 3"/>`,
    text(elided(title, right - left - 12, 5.6), { x: left + 7, y: top + 7 }, { size: 9, faint: true }),
  ];
}

function lineMarkup(points: readonly Point[]): string[] {
  const end = points.at(-1);
  if (!end) return [];
  const parts: string[] = [];
  const pen: Pen = {
    moveTo: (x, y) => parts.push(`M${round(x)} ${round(y)}`),
    lineTo: (x, y) => parts.push(`L${round(x)} ${round(y)}`),
    bezierCurveTo: (...numbers) => parts.push(`C${numbers.map(round).join(" ")}`),
  };
  drawLine(points, pen);
  return [
    `<path d="${parts.join("")}" fill="none" stroke="${drawingColours.edge}" stroke-width="1.2"/>`,
    `<path d="M${round(end.x)} ${round(end.y)}l-3.5 -6h7z" fill="${drawingColours.edge}"/>`,
  ];
}

/** The shape of a value, beside the beginning of its line. */
function labelMarkup({ points: [start], label }: SceneLink): string[] {
  if (!start || label === "") return [];
  const [left, middle] = [start.x + 5, start.y + 9];
  return [
    // Where lines fork, one of them goes through this place.
    `<rect x="${round(left - 2)}" y="${round(middle - 6)}" width="${round(label.length * 5.4 + 4)}" height="12" rx="3" fill="${drawingColours.ground}"/>`,
    text(label, { x: left, y: middle }, { size: 9.5, faint: true }),
  ];
}

function boxMarkup(box: SceneBox): string[] {
  const { width, height, title, lines, kind, colour } = box;
  const [left, top] = [box.x - width / 2, box.y - height / 2];
  const { padding, line, character, bold } = metrics;
  const room = width - 2 * padding;
  return [
    `<g><title>${markupText([title, ...lines].join(", "))}</title>`,
    `<rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(height)}" rx="${kind === "output" ? round(height / 2) : 6}" fill="${drawingColours.fills[colour]}" stroke="${drawingColours.line}"/>`,
    ...[title, ...lines].map((one, at) =>
      text(
        at === 0 ? elidedStart(one, room, bold) : elided(one, room, character),
        { x: left + padding + 2, y: top + padding + line * (at + 0.5) },
        { size: at === 0 ? 11.5 : 11, bold: at === 0, faint: at > 1 },
      ),
    ),
    "</g>",
  ];
}

interface TextStyle {
  readonly size: number;
  readonly bold?: boolean;
  readonly faint?: boolean;
}

/** A line of text whose middle has the height y. */
function text(content: string, { x, y }: Point, { size, bold, faint }: TextStyle): string {
  const look = bold ? ' font-weight="bold"' : "";
  return `<text x="${round(x)}" y="${round(y + size * 0.36)}" font-size="${size}"${look} fill="${faint ? drawingColours.faint : drawingColours.text}">${markupText(content)}</text>`;
}

function elided(content: string, room: number, character: number): string {
  const most = Math.max(1, Math.floor(room / character));
  return content.length <= most ? content : `${content.slice(0, most - 1)}…`;
}

/** The end of a name says more than its beginning, which others share. */
function elidedStart(content: string, room: number, character: number): string {
  const most = Math.max(1, Math.floor(room / character));
  return content.length <= most ? content : `…${content.slice(1 - most)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
