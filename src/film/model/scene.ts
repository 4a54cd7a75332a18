// The drawing of a graph: boxes for nodes, folded blocks and outputs, with lines of text, and links between them, laid out.

import { greatest, least } from "#diagnostic/extremes.js";
import { given } from "#diagnostic/given.js";
import { headline } from "#inspect/headline.js";
import { countText, numberText, shapeText } from "#ir/units.js";
import type { NodeId, NodeVersion } from "../data.js";
import type { Block, Blocks } from "./blocks.js";
import { blocksOf, foldedAround } from "./blocks.js";
import { inColumns } from "./columns.js";
import type { Link, Point } from "./layout.js";
import { layoutOf } from "./layout.js";
import type { Change, Difference, Frame } from "./timeline.js";

export interface SceneBox {
  /** The same for the same thing in another step. */
  readonly key: string;
  readonly kind: "node" | "block" | "output";
  /** What its colour says: the kind of its op. */
  readonly colour: NodeVersion["kind"] | "block" | "output";
  readonly title: string;
  readonly lines: readonly string[];
  /** All nodes that it stands for. */
  readonly nodes: readonly NodeId[];
  readonly block?: string;
  readonly kernel?: string;
  /** What it is a part of, if the options say so. */
  readonly part?: string;
  readonly change: Change;
  /** Of a block: how many of its nodes are changed. */
  readonly changes: number;
  readonly width: number;
  readonly height: number;
  /** The middle. */
  readonly x: number;
  readonly y: number;
  /** The number of its column, from the left. */
  readonly column: number;
}

export interface SceneLink {
  readonly from: number;
  readonly to: number;
  /** The shape of the value; empty between a node and what it became. */
  readonly label: string;
  readonly kind: "value" | "became";
  readonly points: readonly Point[];
  /** The least and the greatest height of its points. */
  readonly top: number;
  readonly bottom: number;
}

export interface Scene {
  readonly boxes: readonly SceneBox[];
  readonly links: readonly SceneLink[];
  readonly boxOf: ReadonlyMap<NodeId, number>;
  readonly blocks: Blocks;
  /** The keys of boxes with which columns begin. */
  readonly heads: readonly string[];
  readonly width: number;
  readonly height: number;
}

export interface SceneOptions {
  /** What is lit; none by default. */
  readonly difference?: Difference;
  /** The graph that removed nodes are from. They are shown too. */
  readonly before?: Frame;
  /** The nodes that a step's rule replaced, and what it made of them. */
  readonly became?: { readonly from: readonly NodeId[]; readonly to: readonly NodeId[] };
  readonly isFolded: (block: Block) => boolean;
  /** To break a tall graph into columns: the aspect of the screen, and the heads of the scene before. A lower graph stays whole. */
  readonly columns?: {
    readonly aspect: number;
    readonly heads: ReadonlySet<string>;
    readonly leastHeight?: number;
  };
  /** What a node is a part of, that columns rather keep whole. */
  readonly partOf?: (node: NodeVersion, blocks: Blocks) => string | undefined;
  /** Whether boxes of nodes have room for images of values. */
  readonly hasImage?: (node: NodeVersion) => boolean;
  /** How boxes and links are laid out; `layoutOf` by default. */
  readonly layout?: typeof layoutOf;
  /** Whether shapes are beside the links, which need more room then, and not in the boxes. */
  readonly shapesAtLinks?: boolean;
}

const gaps = { across: 22, down: 26 } as const;

/** Between ranks with shapes beside the links. */
const gapWithShapes = 36;

/** Pixels of text and space at scale 1. */
export const metrics = {
  line: 15,
  padding: 7,
  least: 104,
  withImage: 178,
  most: 250,
  /** A drawing on paper cannot be asked for more. */
  mostInDrawing: 340,
  character: 6.4,
  bold: 7.3,
  image: 40,
} as const;

export function sceneOf(frame: Frame, options: SceneOptions): Scene {
  const { difference, before, isFolded, partOf, layout: place = layoutOf } = options;
  const changes = changesOf(difference);
  const ghosts = (before && difference?.removed) ?? [];
  const all = [
    ...[...frame.nodes.values()].filter(isDrawn),
    ...ghosts.flatMap((id) => before?.nodes.get(id) ?? []).filter(isDrawn),
  ];
  const order = all.toSorted((a, b) => a.position - b.position || a.id - b.id);
  const blocks = blocksOf(order);
  const folded = new Map<string, Block>();
  for (const block of blocks.byPath.values()) if (isFolded(block)) folded.set(block.path, block);

  const boxes: Unplaced[] = [];
  const boxOf = new Map<NodeId, number>();
  const blockBoxes = new Map<string, number>();
  const nodes = new Map(order.map((node) => [node.id, node]));
  for (const node of order) {
    const block = foldedAround(blocks.ofNode.get(node.id), (path) => folded.has(path));
    if (!block) {
      boxOf.set(node.id, boxes.length);
      const change = changeOf(node, changes, frame);
      boxes.push({ ...nodeBox(node, change, options), ...given({ part: partOf?.(node, blocks) }) });
      continue;
    }
    let index = blockBoxes.get(block.path);
    if (index === undefined) {
      index = boxes.length;
      blockBoxes.set(block.path, index);
      boxes.push(blockBox(block, nodes, changes, frame));
    }
    boxOf.set(node.id, index);
  }
  const links: Omit<SceneLink, "points" | "top" | "bottom">[] = [];
  const seen = new Set<string>();
  const link = (
    from: number | undefined,
    to: number | undefined,
    label: string,
    kind: SceneLink["kind"],
  ): void => {
    if (from === undefined || to === undefined || from === to || seen.has(`${from} ${to}`)) return;
    seen.add(`${from} ${to}`);
    links.push({ from, to, label, kind });
  };
  for (const node of order) {
    for (const input of node.inputs) {
      const value = nodes.get(input);
      if (value) link(boxOf.get(input), boxOf.get(node.id), shapeText(value.shape), "value");
    }
  }
  for (const output of frame.outputs) {
    const from = boxOf.get(output.node);
    if (from === undefined) continue;
    const value = nodes.get(output.node);
    link(from, boxes.length, value ? shapeText(value.shape) : "", "value");
    boxes.push(outputBox(output.name));
  }
  for (const from of options.became?.from ?? [])
    for (const to of options.became?.to ?? [])
      if (from !== to && ghosts.includes(from)) link(boxOf.get(from), boxOf.get(to), "", "became");

  const edges = links.map(({ from, to }): Link => [from, to]);
  const tall = place(boxes, edges, options.shapesAtLinks ? { ...gaps, down: gapWithShapes } : gaps);
  const { columns } = options;
  const layout =
    columns && tall.height >= (columns.leastHeight ?? 0)
      ? inColumns(tall, edges, {
          aspect: columns.aspect,
          isHead: (box) => columns.heads.has(boxes[box]?.key ?? ""),
          isLit: (box) => boxes[box]?.change !== "same",
          partOf: (box) => {
            const node = nodes.get(boxes[box]?.nodes[0] ?? -1);
            return node && partOf?.(node, blocks);
          },
        })
      : { ...tall, heads: [], columnOf: [] };
  return {
    boxes: boxes.map((box, at) => ({
      ...box,
      x: layout.places[at]?.x ?? 0,
      y: layout.places[at]?.y ?? 0,
      column: layout.columnOf[at] ?? 0,
    })),
    links: links.map((one, at) => {
      const points = layout.routes[at] ?? [];
      const heights = points.map(({ y }) => y);
      return { ...one, points, top: least(heights), bottom: greatest(heights) };
    }),
    boxOf,
    blocks,
    heads: layout.heads.flatMap((box) => boxes[box]?.key ?? []),
    width: layout.width,
    height: layout.height,
  };
}

type Unplaced = Omit<SceneBox, "x" | "y" | "column">;

/** Whether a node has a box of its own. Constants are lines of the details of their users. */
export function isDrawn({ op }: NodeVersion): boolean {
  return op !== "constant";
}

function changesOf(difference: Difference | undefined): ReadonlyMap<NodeId, Change> {
  const changes = new Map<NodeId, Change>();
  for (const kind of ["added", "changed", "removed"] as const)
    for (const id of difference?.[kind] ?? []) changes.set(id, kind);
  return changes;
}

/** A node is changed, too, if a constant that it reads is. */
function changeOf(node: NodeVersion, changes: ReadonlyMap<NodeId, Change>, { nodes }: Frame): Change {
  const own = changes.get(node.id);
  if (own) return own;
  const isOther = node.inputs.some((id) => changes.has(id) && nodes.get(id)?.op === "constant");
  return isOther ? "changed" : "same";
}

function nodeBox(node: NodeVersion, change: Change, { hasImage, shapesAtLinks }: SceneOptions): Unplaced {
  const details = shapesAtLinks ? costs(node) : shapeAndMacs(node);
  const heads = shapesAtLinks ? wrapped(headlineOf(node)) : [headlineOf(node)];
  const lines = [...heads, ...(details === "" ? [] : [details])];
  return {
    key: `n${node.id}`,
    kind: "node",
    colour: node.kind,
    title: node.name,
    lines,
    nodes: [node.id],
    ...given({ kernel: node.kernel }),
    change,
    changes: change === "same" ? 0 : 1,
    ...sizeOf(
      [node.name, ...lines],
      hasImage?.(node) ?? false,
      shapesAtLinks ? metrics.mostInDrawing : metrics.most,
    ),
  };
}

/** Lines of a headline in a drawing; what three do not hold is cut. */
const mostLines = 3;

/** A headline on as many lines as it needs, broken at spaces. */
function wrapped(text: string): string[] {
  const most = Math.floor((metrics.mostInDrawing - 2 * metrics.padding - 6) / metrics.character);
  const lines: string[] = [];
  let rest = text;
  while (rest.length > most && lines.length < mostLines - 1) {
    const spaces = [...rest.slice(0, most + 1).matchAll(/ /g)].map(({ index }) => index);
    // Rather before the name of an attribute than in its list.
    const space = spaces.findLast((at) => /^ [a-z_]+ /.test(rest.slice(at))) ?? spaces.at(-1) ?? 0;
    if (space <= 0) break;
    lines.push(rest.slice(0, space));
    rest = rest.slice(space + 1);
  }
  return [...lines, rest];
}

/** The same in all steps in which a node has this state. */
const headlines = new WeakMap<NodeVersion, string>();

function headlineOf(node: NodeVersion): string {
  const known = headlines.get(node);
  if (known !== undefined) return known;
  const made = headline(node.op, node);
  headlines.set(node, made);
  return made;
}

function shapeAndMacs({ shape, macs }: NodeVersion): string {
  return [shapeText(shape), ...(macs > 0 ? [`${countText(macs)} MACs`] : [])].join("  ·  ");
}

function costs({ parameters, macs }: NodeVersion): string {
  const known = [
    ...(macs > 0 ? [`${countText(macs)} MACs`] : []),
    ...(parameters > 0 ? [`${countText(parameters)} parameters`] : []),
  ];
  return known.join("  ·  ");
}

function blockBox(
  block: Block,
  nodes: ReadonlyMap<NodeId, NodeVersion>,
  changes: ReadonlyMap<NodeId, Change>,
  frame: Frame,
): Unplaced {
  const members = block.nodes.flatMap((id) => nodes.get(id) ?? []);
  const changed = members.filter((node) => changeOf(node, changes, frame) !== "same");
  const macs = members.reduce((sum, node) => sum + node.macs, 0);
  const last = members.at(-1);
  const lines = [
    `${numberText(members.length)} ops${macs > 0 ? `  ·  ${countText(macs)} MACs` : ""}`,
    last ? shapeText(last.shape) : "",
  ];
  const isGone = members.every(({ id }) => changes.get(id) === "removed");
  const isNew = members.every(({ id }) => changes.get(id) === "added");
  return {
    key: `b${block.path}`,
    kind: "block",
    colour: "block",
    title: `${block.path} …`,
    lines,
    nodes: block.nodes,
    block: block.path,
    change: isGone ? "removed" : isNew ? "added" : changed.length > 0 ? "changed" : "same",
    changes: changed.length,
    ...sizeOf([`${block.path} … `, ...lines], false),
  };
}

function outputBox(name: string): Unplaced {
  return {
    key: `o${name}`,
    kind: "output",
    colour: "output",
    title: name,
    lines: [],
    nodes: [],
    change: "same",
    changes: 0,
    ...sizeOf([name], false),
  };
}

function sizeOf(
  lines: readonly string[],
  hasImage: boolean,
  most: number = metrics.most,
): { readonly width: number; readonly height: number } {
  const { line, padding, least, withImage, character, bold, image } = metrics;
  const longest = lines.reduce(
    (length, text, at) => Math.max(length, text.length * (at === 0 ? bold : character)),
    0,
  );
  return {
    width: Math.round(Math.min(most, Math.max(hasImage ? withImage : least, longest + 2 * padding + 6))),
    height: lines.length * line + 2 * padding + (hasImage ? image + padding : 0),
  };
}
