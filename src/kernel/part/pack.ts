// Packs weights in the order in which the kernels read them.

import { greatest } from "#diagnostic/extremes.js";
import type { WeightId } from "#ir/graph.js";
import type { WeightStore } from "#ir/weights.js";
import { entryOf } from "#ir/weights.js";
import type { IntegerElement } from "../ir/ir.js";

/** How a weight is laid out in the packed file. `key` identifies the layout: equal keys are packed once. */
export interface Packing {
  readonly key: string;
  readonly elements: number;
  /** How memory and the file hold it; absent for f32, or a compact form of it. */
  readonly element?: IntegerElement;
  /**
   * Converts the values in the order of the graph to the packed order, in pieces that are each valid until the next. A dense layer may have
   * hundreds of megabytes, and holding both orders would take twice that.
   */
  readonly pack: (values: Float32Array) => Iterable<Float32Array | Int32Array>;
  /**
   * The same order in terms of channels, for a weight whose element i in the order of the graph belongs to channel i modulo `channels`.
   * Undefined if the layout has other columns.
   */
  readonly stretches: (channels: number) => readonly Stretch[] | undefined;
}

/** Rows of equal length in a packed weight: the elements of a column belong to one channel, or are padding (−1). */
export interface Stretch {
  readonly rows: number;
  readonly channels: readonly number[];
}

/** The order of the graph. */
export function plainPacking(elements: number): Packing {
  return {
    key: "plain",
    elements,
    pack: (values) => [values],
    stretches: (channels) => [{ rows: elements / channels, channels: upTo(channels) }],
  };
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

/** The channel of padding. */
export const padding = -1;

/** The matrix of a dense product: `groups` matrices of `depth` rows next to each other, each divided into panels. */
export interface PanelLayout {
  readonly depth: number;
  readonly groups: number;
  /** Columns per group. */
  readonly columns: number;
  /** The widths of the panels of a group, in order; their sum is `columns`. */
  readonly widths: readonly number[];
  /** Elements from one group to the next; at least `depth · columns`. */
  readonly groupSize: number;
  /**
   * Branches of the depth: row j·(depth/branches) + c is packed from row c·branches + j, because a fused kernel stores the branches of a
   * depthwise result one after another.
   */
  readonly branches: number;
  /**
   * How many rows are interleaved in a panel whose width is not a multiple of their number: column 0 of all of them, then column 1; 1 if
   * they are not.
   */
  readonly deep: number;
}

/** A `[depth, groups · columns]` weight in panels, each `[depth, width]`: the order in which tiles read it. */
export function panelPacking(layout: PanelLayout): Packing {
  const { depth, groups, columns, widths, groupSize, branches, deep } = layout;
  return {
    key: `panels ${groups}·${groupSize}: ${depth}x${columns} by ${widths[0] ?? 0}…${widths.at(-1) ?? 0} of ${branches}, ${deep}`,
    elements: groups * groupSize,
    *pack(values) {
      const panel = new Float32Array(depth * greatest(widths));
      const rest = new Float32Array(groupSize - depth * columns);
      for (let group = 0; group < groups; group += 1) {
        let first = group * columns;
        for (const width of widths) {
          yield packPanel(layout, values, first, panel.subarray(0, depth * width));
          first += width;
        }
        if (rest.length > 0) yield rest;
      }
    },
    stretches: (channels) => {
      if ((groups * columns) % channels !== 0) return undefined;
      const none = { rows: 1, channels: new Array<number>(groupSize - depth * columns).fill(padding) };
      return upTo(groups).flatMap((group) => {
        let first = group * columns;
        const panels = widths.map((width) => {
          const beside = interleaved(width, deep);
          const own = upTo(width * beside).map((at) => (first + Math.floor(at / beside)) % channels);
          first += width;
          return { rows: depth / beside, channels: own };
        });
        return none.channels.length > 0 ? [...panels, none] : panels;
      });
    },
  };
}

/** How many rows of a panel are interleaved. */
function interleaved(width: number, deep: number): number {
  return width % deep === 0 ? 1 : deep;
}

/** Fills one panel, from column `first` of all groups' columns on. */
function packPanel(
  { depth, groups, columns, branches, deep }: PanelLayout,
  values: Float32Array,
  first: number,
  panel: Float32Array,
): Float32Array {
  const width = panel.length / depth;
  const beside = interleaved(width, deep);
  for (let row = 0; row < depth; row += 1) {
    const from = branchRow(row, depth, branches) * groups * columns + first;
    const inner = row % beside;
    const at = (row - inner) * width + inner;
    for (let column = 0; column < width; column += 1)
      panel[at + column * beside] = values[from + column] ?? 0;
  }
  return panel;
}

/** The row in the order of the graph of a row that is packed branch by branch. */
export function branchRow(row: number, depth: number, branches: number): number {
  const perBranch = depth / branches;
  return (row % perBranch) * branches + Math.floor(row / perBranch);
}

/** A depthwise weight `[taps, inputs · multiplier]` with each tap's filters at multiples of the lanes. */
export function filterPacking(taps: number, outputs: number, stride: number): Packing {
  if (stride === outputs) return plainPacking(taps * outputs);
  return {
    key: `filters ${taps}x${outputs} every ${stride}`,
    elements: taps * stride,
    *pack(values) {
      const filters = new Float32Array(stride);
      for (let tap = 0; tap < taps; tap += 1) {
        filters.set(values.subarray(tap * outputs, (tap + 1) * outputs));
        yield filters;
      }
    },
    stretches: (channels) => {
      if (outputs % channels !== 0) return undefined;
      const row = upTo(stride).map((at) => (at < outputs ? at % channels : padding));
      return [{ rows: taps, channels: row }];
    },
  };
}

/**
 * A `[rows, inputs · multiplier]` weight branch by branch: element (row, j, c) at `(row · multiplier + j) · stride + c` belongs to channel
 * c · multiplier + j. With one row: a bias, or another operand per channel.
 */
export function branchPacking(rows: number, inputs: number, multiplier: number, stride: number): Packing {
  if (multiplier === 1) return filterPacking(rows, inputs, stride);
  return {
    key: `branches ${rows}x${inputs}x${multiplier} every ${stride}`,
    elements: rows * multiplier * stride,
    *pack(values) {
      const channels = new Float32Array(stride);
      for (let row = 0; row < rows; row += 1)
        for (let branch = 0; branch < multiplier; branch += 1) {
          for (let c = 0; c < inputs; c += 1)
            channels[c] = values[(row * inputs + c) * multiplier + branch] ?? 0;
          yield channels;
        }
    },
    stretches: (channels) => {
      if ((inputs * multiplier) % channels !== 0) return undefined;
      const row = upTo(multiplier * stride).map((at) => {
        const [branch, c] = [Math.floor(at / stride), at % stride];
        return c < inputs ? (c * multiplier + branch) % channels : padding;
      });
      return [{ rows, channels: row }];
    },
  };
}

/** The most elements of a literal that is tested for zeros; larger ones are not biases. */
const largestBias = 65_536;

/** Whether a weight is known to be zeros without computing it: a bias of zeros is not added. */
export function isZero(weights: WeightStore, id: WeightId): boolean {
  const { source } = entryOf(weights, id);
  switch (source.kind) {
    case "absent":
      return true;
    case "seeded":
      return source.generator === "zeros";
    case "literal":
      return source.data.length <= largestBias && source.data.every((value) => value === 0);
    case "file":
    case "compact":
    case "expression":
      return false;
    default:
      return source satisfies never;
  }
}
