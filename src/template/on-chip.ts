// What a block of a kernel may keep on chip, and what it computes again for that: the choices of a template.

import { greatest } from "#diagnostic/extremes.js";
import type { Graph, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import type { Target } from "#ir/target.js";
import { storedBytes, storedWeightBytes } from "#ir/target.js";
import { elements } from "#ir/type.js";
import { macsOf, opOf } from "#ops/index.js";
import type { Window, WindowOf } from "./window.js";
import { rowsRead, stripHeight } from "./window.js";

/** The nodes of a kernel as its template sees them, in order. */
interface Members {
  readonly graph: Graph;
  readonly nodes: readonly Node[];
  /** The nodes that do more than map elements. */
  readonly stages: readonly Node[];
}

/** One way to divide a kernel's result among blocks, and its cost. Numbers are those of one sample. */
export interface OnChip {
  /** Output rows of a strip; 0 if no rows are kept. */
  readonly rows: number;
  /** Pixels of a tile; 0 if no pixels are kept. */
  readonly pixels: number;
  /** The number of strips or tiles. */
  readonly strips: number;
  readonly scratchBytes: number;
  /** Bytes that are read more often than by a kernel for each op. */
  readonly extraBytes: number;
  /** Multiply-accumulates and elementwise steps that are computed again, and the modelled seconds for them. */
  readonly extraMacs: number;
  readonly extraSeconds: number;
}

/** The choices for a kernel on a target; none if it keeps nothing. */
export type OnChipChoices = (members: Members, target: Target) => readonly OnChip[];

export const nothingOnChip: OnChip = {
  rows: 0,
  pixels: 0,
  strips: 0,
  scratchBytes: 0,
  extraBytes: 0,
  extraMacs: 0,
  extraSeconds: 0,
};

/**
 * The choices of a kernel whose stage at `place` has a window on the values before it. It keeps what the window reads and, if a stage
 * follows, the results of the window. A single window without steps before it keeps nothing.
 */
export function aroundWindow(place: number, windowOf: WindowOf): OnChipChoices {
  return (members, target) => {
    const { graph, nodes, stages } = members;
    const windowed = stages[place];
    const window = windowed && windowOf(graph, windowed);
    if (!window || (stages.length === 1 && nodes[0] === windowed)) return [];
    return target.pixelTiles && place === 0
      ? [tileOf(members, window, windowed, target)]
      : stripsOf(members, window, place, target);
  };
}

/** One choice for every strip height that divides the rows. */
function stripsOf(
  { graph, nodes, stages }: Members,
  window: Window,
  place: number,
  target: Target,
): OnChip[] {
  const windowed = stages[place];
  if (!windowed) return [];
  const before = nodes.slice(0, nodes.indexOf(windowed));
  const height = windowed.type.shape[1] ?? 1;
  const [input = windowed] = operands(graph, windowed);
  const next = stages[place + 1];
  const kept = next && nodes[nodes.indexOf(next) - 1];
  return divisors(height).map((rows) => {
    const strips = height / rows;
    const read = rowsRead(window, rows, strips);
    // Whole rows of whole tensors are multiplied before the division, so that counts are integers.
    const again = (all: number): number => (all * (read - window.inputHeight)) / window.inputHeight;
    const inputRow = (storedBytes(input.type, target) / rowsOf(input)) * (1 + window.border);
    const middle = kept ? (rows * storedBytes(kept.type, target)) / rowsOf(kept) : 0;
    const scratchBytes = stripHeight(window, rows) * inputRow + middle;
    // Values computed before the window are computed again for the rows that two strips share.
    const stepsAgain = again(
      before.filter((node) => opOf(node.op).scalar).reduce((sum, node) => sum + elements(node.type.shape), 0),
    );
    const macsAgain = again(stages.slice(0, place).reduce((sum, node) => sum + macs(graph, node), 0));
    return {
      rows,
      pixels: 0,
      strips,
      scratchBytes,
      extraBytes:
        again(inputBytes(graph, nodes, target)) +
        weightBytesAgain(graph, stages, strips, scratchBytes, target),
      extraMacs: stepsAgain + macsAgain,
      extraSeconds: stepsAgain / target.depthwiseMacs + macsAgain / target.denseMacs,
    };
  });
}

/**
 * The bytes of dense weights that are read again. The kernel reads them once per strip, unless they stay on chip together with the strip; a
 * kernel of that op alone reads them once per block of rows that fits on chip.
 */
function weightBytesAgain(
  graph: Graph,
  stages: readonly Node[],
  strips: number,
  scratchBytes: number,
  target: Target,
): number {
  const dense = stages.filter((node) => node.op === "conv2d");
  const weights = dense.reduce((sum, node) => sum + weightBytes(graph, node, target), 0);
  if (weights + scratchBytes <= target.scratchBytes) return 0;
  return dense.reduce((sum, node) => {
    const alone = Math.max(1, Math.ceil(inputBytes(graph, [node], target) / target.scratchBytes));
    return sum + Math.max(0, strips - alone) * weightBytes(graph, node, target);
  }, 0);
}

/**
 * The tile of a chain that begins with a window, if tiles are pixels. Each result of the window is computed once, whatever the tile. Steps
 * before the window are computed for every tap. Items with half the rows load three operands for two multiplications instead of two. With
 * fewer rows there is no kernel, and for two products none with fewer than all rows.
 */
function tileOf({ graph, nodes, stages }: Members, { taps }: Window, windowed: Node, target: Target): OnChip {
  const before = nodes.slice(0, nodes.indexOf(windowed));
  const products = stages.slice(1);
  const { rows = 1, columns = 1, items = 1 } = target.pixelTiles ?? {};
  const depth = windowed.type.shape.at(-1) ?? 1;
  const total = elements(windowed.type.shape) / depth;
  const input = operands(graph, windowed)[0]?.type.shape ?? [];
  const steps = before.reduce((sum, node) => sum + elements(node.type.shape), 0);
  const reads = (total * taps * (input.at(-1) ?? 1)) / elements(input);
  const stepsAgain = Math.max(0, steps * (reads - 1));
  const extraSeconds = stepsAgain / target.depthwiseMacs;
  if (products.length === 0) return { ...nothingOnChip, extraMacs: stepsAgain, extraSeconds };
  const widths = products.map((product) => product.type.shape.at(-1) ?? 1);
  const panels = Math.ceil(greatest(widths) / columns);
  const kept = [depth, ...widths.slice(0, -1)].map((width) => Math.ceil(width / target.lanes) * target.lanes);
  const bytesFor = (pixels: number): number => pixels * kept.reduce((sum, width) => sum + 4 * width, 0);
  let pixels = rows;
  while (bytesFor(2 * pixels) <= target.scratchBytes && (pixels / rows) * panels < items) pixels *= 2;
  if (bytesFor(pixels) > target.scratchBytes && products.length === 1) pixels = Math.ceil(rows / 2);
  const loads = Math.max(0, rows / pixels - 1) / 2;
  const seconds = products.reduce((sum, product) => sum + macs(graph, product), 0) / target.denseMacs;
  return {
    ...nothingOnChip,
    pixels,
    strips: Math.ceil(total / pixels),
    scratchBytes: bytesFor(pixels),
    extraMacs: stepsAgain,
    extraSeconds: extraSeconds + loads * seconds,
  };
}

/** A dense layer of a pooled vector: each of its blocks computes the pooled vector again. */
export const pooledVector: OnChipChoices = ({ graph, stages: [pool, dense] }, target) => {
  if (!pool || !dense) return [];
  const { columns = 1, items = 1 } = target.pixelTiles ?? {};
  const [input = pool] = operands(graph, pool);
  const blocks = Math.max(1, Math.ceil((dense.type.shape.at(-1) ?? 1) / columns / items));
  return [
    {
      ...nothingOnChip,
      pixels: 1,
      strips: blocks,
      scratchBytes: 4 * (pool.type.shape.at(-1) ?? 1),
      extraBytes: (blocks - 1) * storedBytes(input.type, target),
      extraMacs: (blocks - 1) * elements(input.type.shape),
    },
  ];
};

/** Bytes read from memory as the first operand of the first node. */
function inputBytes(graph: Graph, [first]: readonly Node[], target: Target): number {
  const input = first && operands(graph, first)[0];
  return input ? storedBytes(input.type, target) : 4;
}

function weightBytes(graph: Graph, node: Node, target: Target): number {
  const weights = operands(graph, node)[1];
  return weights ? storedWeightBytes(weights.type, target) : 4;
}

/** The rows of an image, those of all samples. */
function rowsOf({ type: { shape } }: Node): number {
  return (shape[0] ?? 1) * (shape[1] ?? 1);
}

function macs(graph: Graph, node: Node): number {
  return macsOf(
    node,
    operands(graph, node).map((input) => input.type),
  );
}

function divisors(extent: number): number[] {
  return Array.from({ length: extent }, (_, at) => at + 1).filter((rows) => extent % rows === 0);
}
