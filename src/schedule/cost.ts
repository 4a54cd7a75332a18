// The cost model of fused kernels: what a group keeps out of memory, what it does twice, and what it needs on chip.

import { greatest } from "#diagnostic/extremes.js";
import type { Graph, KernelPlan, Node } from "#ir/graph.js";
import { operands } from "#ir/graph.js";
import { users } from "#ir/node-order.js";
import type { Target } from "#ir/target.js";
import type { Shape } from "#ir/type.js";
import { elements } from "#ir/type.js";
import { addedProduct } from "#ops/added-product.js";
import { macsOf, opOf } from "#ops/index.js";

/** What one kernel for a group of nodes costs, beside one kernel for each node. */
export interface GroupCost {
  /** Bytes that are neither written to memory nor read back. */
  readonly savedBytes: number;
  /** Bytes that are read more often than by kernels of their own: weights per strip, rows that two strips share. */
  readonly extraBytes: number;
  /** Multiply-accumulates, and elementwise steps, that are done again for rows that two strips share. */
  readonly extraMacs: number;
  /** Modelled seconds of those. */
  readonly extraSeconds: number;
  /** Bytes of scratch that the chosen strips take. */
  readonly scratchBytes: number;
  /** Output rows of a strip, and strips of an image; 0 for a group that keeps no rows. */
  readonly rows: number;
  readonly strips: number;
  /** Pixels of a tile, where the target keeps those instead of strips; else 0. */
  readonly pixels: number;
  /** Whether the scratch is within the target's. */
  readonly fits: boolean;
  /** Modelled seconds saved; negative where the group costs more. */
  readonly saving: number;
}

const bytesOf = (shape: Shape): number => 4 * elements(shape);

/**
 * The cost of a legal group, nodes in order. As in Qararyah et al. 2024 (arXiv 2404.19331, §4), traffic is
 * input · overlap + output + weights · strips, subject to a strip fitting on chip; the strip height that costs least is taken, or the
 * one that is wanted if it fits.
 */
export function costOf(
  graph: Graph,
  nodes: readonly Node[],
  target: Target,
  wanted?: Pick<KernelPlan, "rows" | "pixels">,
): GroupCost {
  const savedBytes = nodes
    .slice(0, -1)
    .reduce(
      (sum, node) => sum + bytesOf(node.type.shape) * (1 + (users(graph).get(node.id)?.length ?? 0)),
      0,
    );
  const gain = savedBytes / target.bytes + (nodes.length - 1) * target.launch;
  const added = addedProduct(graph, nodes)?.product.id;
  const choices = stripChoices(
    graph,
    nodes.filter(({ id }) => id !== added),
    target,
  );
  const priced = choices.map((choice) => ({
    ...choice,
    fits: choice.scratchBytes <= target.scratchBytes,
    saving: gain - choice.extraBytes / target.bytes - choice.extraSeconds,
  }));
  // Of what fits, the least time; of equal times the higher strip. If nothing fits, the strip that needs least.
  const best =
    priced.find((one) => one.fits && one.rows === wanted?.rows && one.pixels === wanted.pixels) ??
    priced.filter((one) => one.fits).toSorted((a, b) => b.saving - a.saving || b.rows - a.rows)[0] ??
    priced.toSorted((a, b) => a.scratchBytes - b.scratchBytes)[0];
  if (!best)
    return {
      savedBytes,
      extraBytes: 0,
      extraMacs: 0,
      extraSeconds: 0,
      scratchBytes: 0,
      rows: 0,
      strips: 0,
      pixels: 0,
      fits: true,
      saving: gain,
    };
  const { extraBytes, extraMacs, extraSeconds, scratchBytes, rows, strips, pixels, fits, saving } = best;
  return {
    savedBytes,
    extraBytes,
    extraMacs,
    extraSeconds,
    scratchBytes,
    rows,
    strips,
    pixels,
    fits,
    saving,
  };
}

interface StripChoice {
  readonly rows: number;
  readonly strips: number;
  readonly pixels: number;
  readonly scratchBytes: number;
  readonly extraBytes: number;
  readonly extraMacs: number;
  readonly extraSeconds: number;
}

/** One choice for every strip height that divides the rows; none for groups that keep no rows between stages. */
function stripChoices(graph: Graph, nodes: readonly Node[], target: Target): StripChoice[] {
  const stages = nodes.filter((node) => !opOf(node.op).scalar);
  const windowAt = stages.findIndex((node) => windowOf(graph, node) !== undefined);
  const [pool, dense] = stages;
  if (pool && dense && isGlobalPool(pool)) return [pooledChoice(graph, pool, dense, target)];
  const windowed = stages[windowAt];
  const window = windowed && windowOf(graph, windowed);
  const prologue = windowed ? nodes.slice(0, nodes.indexOf(windowed)) : [];
  if (!windowed || !window || (stages.length === 1 && prologue.length === 0)) return [];
  if (target.pixelTiles && windowAt === 0)
    return [
      tileChoice(graph, { prologue, windowed, kernel: window.taps, products: stages.slice(1) }, target),
    ];
  const height = windowed.type.shape[1] ?? 1;
  return divisors(height).map((rows) => {
    const strips = height / rows;
    const read = rowsRead(window, rows, strips);
    // Whole rows of whole tensors: multiplied before it is divided, so that counts are whole numbers.
    const again = (all: number): number => (all * (read - window.inputHeight)) / window.inputHeight;
    const inputRow = bytesOf(window.input.slice(2)) * (1 + window.border);
    const middle = stages.length > windowAt + 1 ? rows * bytesOf(windowed.type.shape.slice(2)) : 0;
    const scratchBytes = stripHeight(window, rows) * inputRow + middle;
    // What is computed on the way into the window is computed again for the rows that two strips share.
    const stepsAgain = again(
      prologue
        .filter((node) => opOf(node.op).scalar)
        .reduce((sum, node) => sum + elements(node.type.shape), 0),
    );
    const macsAgain = again(stages.slice(0, windowAt).reduce((sum, node) => sum + macs(graph, node), 0));
    return {
      rows,
      strips,
      pixels: 0,
      scratchBytes,
      extraBytes:
        again(inputBytes(graph, nodes)) + weightBytesAgain(graph, stages, strips, scratchBytes, target),
      extraMacs: stepsAgain + macsAgain,
      extraSeconds: stepsAgain / target.depthwiseMacs + macsAgain / target.denseMacs,
    };
  });
}

/** Dense weights are streamed once per strip, unless they stay on chip beside it; alone, once per block of rows that fits. */
function weightBytesAgain(
  graph: Graph,
  stages: readonly Node[],
  strips: number,
  scratchBytes: number,
  target: Target,
): number {
  const dense = stages.filter((node) => node.op === "conv2d");
  const weights = dense.reduce((sum, node) => sum + weightBytes(graph, node), 0);
  if (weights + scratchBytes <= target.scratchBytes) return 0;
  return dense.reduce((sum, node) => {
    const input = operands(graph, node)[0]?.type.shape ?? [];
    const alone = Math.max(1, Math.ceil(bytesOf(input) / target.scratchBytes));
    return sum + Math.max(0, strips - alone) * weightBytes(graph, node);
  }, 0);
}

/**
 * The tile of a chain that begins with a window, where tiles are pixels: each result of the window is computed once, whatever the
 * tile. Steps before the window are done for every tap. Items with half the rows load three operands for two multiplications, where
 * they else load two; with fewer rows there is no kernel, nor for two products with fewer than all.
 */
function tileChoice(
  graph: Graph,
  chain: {
    readonly prologue: readonly Node[];
    readonly windowed: Node;
    readonly kernel: number;
    readonly products: readonly Node[];
  },
  target: Target,
): StripChoice {
  const { prologue, windowed, kernel, products } = chain;
  const { rows = 1, columns = 1, items = 1 } = target.pixelTiles ?? {};
  const depth = windowed.type.shape.at(-1) ?? 1;
  const total = elements(windowed.type.shape) / depth;
  const input = operands(graph, windowed)[0]?.type.shape ?? [];
  const steps = prologue.reduce((sum, node) => sum + elements(node.type.shape), 0);
  const reads = (total * kernel * (input.at(-1) ?? 1)) / elements(input);
  const stepsAgain = Math.max(0, steps * (reads - 1));
  const none = { rows: 0, strips: 0, pixels: 0, scratchBytes: 0, extraBytes: 0, extraMacs: stepsAgain };
  const extraSeconds = stepsAgain / target.depthwiseMacs;
  if (products.length === 0) return { ...none, extraSeconds };
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
    ...none,
    pixels,
    strips: Math.ceil(total / pixels),
    scratchBytes: bytesFor(pixels),
    extraSeconds: extraSeconds + loads * seconds,
  };
}

function isGlobalPool({ op }: Node): boolean {
  return op === "global_avg_pool" || op === "global_max_pool";
}

/** Every block of the dense layer pools for itself. */
function pooledChoice(graph: Graph, pool: Node, dense: Node, target: Target): StripChoice {
  const { columns = 1, items = 1 } = target.pixelTiles ?? {};
  const input = operands(graph, pool)[0]?.type.shape ?? [];
  const blocks = Math.max(1, Math.ceil((dense.type.shape.at(-1) ?? 1) / columns / items));
  return {
    rows: 0,
    strips: blocks,
    pixels: 1,
    scratchBytes: bytesOf([pool.type.shape.at(-1) ?? 1]),
    extraBytes: (blocks - 1) * bytesOf(input),
    extraMacs: (blocks - 1) * elements(input),
    extraSeconds: 0,
  };
}

interface Window {
  readonly input: Shape;
  readonly inputHeight: number;
  readonly kernel: number;
  /** Elements of the window. */
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly top: number;
  /** Columns of the border, as a share of the input's. */
  readonly border: number;
}

/** The window of a stage along its rows; undefined for a stage that reads each row once. */
function windowOf(graph: Graph, node: Node): Window | undefined {
  const [x, w] = operands(graph, node);
  if (!x) return undefined;
  switch (node.op) {
    case "conv2d":
      if (isPlain(node.attributes, w?.type.shape[0] ?? 1)) return undefined;
      return windowFrom(x.type.shape, w?.type.shape ?? [], node.attributes);
    case "depthwise_conv2d":
      return windowFrom(x.type.shape, w?.type.shape ?? [], node.attributes);
    case "max_pool":
    case "avg_pool":
      return windowFrom(x.type.shape, node.attributes.kernel, node.attributes);
    default:
      return undefined;
  }
}

interface WindowAttributes {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: string | readonly [number, number, number, number];
}

/** Whether a window reads each row once and in place. */
function isPlain({ stride, padding }: WindowAttributes, kernel: number): boolean {
  return kernel === 1 && stride[0] === 1 && paddingOf(padding).every((extent) => extent === 0);
}

function windowFrom(
  input: Shape,
  [kernel = 1, across = 1]: readonly number[],
  attributes: WindowAttributes,
): Window {
  const [top, , left, right] = paddingOf(attributes.padding);
  return {
    input,
    inputHeight: input[1] ?? 1,
    kernel,
    taps: kernel * across,
    stride: attributes.stride[0],
    dilation: attributes.dilation[0],
    top,
    border: (left + right) / (input[2] ?? 1),
  };
}

/** Graphs hold padding in numbers. */
function paddingOf(padding: WindowAttributes["padding"]): readonly [number, number, number, number] {
  return typeof padding === "string" ? [0, 0, 0, 0] : padding;
}

/** Input rows that `rows` output rows read, the border included. */
function stripHeight({ stride, kernel, dilation }: Window, rows: number): number {
  return (rows - 1) * stride + (kernel - 1) * dilation + 1;
}

/** Rows of the input that all strips read together, the border not counted; at least each row once. */
function rowsRead(window: Window, rows: number, strips: number): number {
  let read = 0;
  for (let strip = 0; strip < strips; strip += 1) {
    const from = strip * rows * window.stride - window.top;
    const to = from + stripHeight(window, rows);
    read += Math.max(0, Math.min(to, window.inputHeight) - Math.max(from, 0));
  }
  return Math.max(read, window.inputHeight);
}

/** Bytes that flow in from memory: the first operand of the first node. */
function inputBytes(graph: Graph, nodes: readonly Node[]): number {
  const [first] = nodes;
  return bytesOf((first && operands(graph, first)[0]?.type.shape) ?? []);
}

function weightBytes(graph: Graph, node: Node): number {
  return bytesOf(operands(graph, node)[1]?.type.shape ?? []);
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
