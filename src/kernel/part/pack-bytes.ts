// Packs the weights and biases of sums of bytes.

import { greatest } from "#diagnostic/extremes.js";
import type { WeightId } from "#ir/graph.js";
import type { WeightStore } from "#ir/weights.js";
import type { TapPairs } from "./byte-depthwise.js";
import type { Packing } from "./pack.js";
import { branchRow, plainPacking } from "./pack.js";

/** The next multiple of four. */
export function roundToFours(count: number): number {
  return Math.ceil(count / 4) * 4;
}

/** Weights of bytes in the order of the graph. */
export function plainBytes(elements: number): Packing {
  return { ...plainPacking(elements), key: "plain bytes", element: "i8" };
}

/**
 * A bias, less the products of x's zero point and a weight whose last axis is the output channel. `order` says which channel is at each
 * place; where it says none, there is 0.
 */
export function biasPacking(
  weights: WeightStore,
  weight: WeightId,
  zero: number,
  filters: number,
  order: readonly (number | undefined)[],
): Packing {
  return {
    key: `bias less ${zero} of ${weight} as ${order.join()}`,
    element: "i32",
    elements: order.length,
    *pack(bias) {
      const sums = new Float64Array(filters);
      const all = zero === 0 ? new Float32Array() : weights.readF32(weight);
      for (let at = 0, filter = 0; at < all.length; at += 1, filter = filter + 1 === filters ? 0 : filter + 1)
        sums[filter] = (sums[filter] as number) + (all[at] as number);
      yield Int32Array.from(order, (at) =>
        at === undefined ? 0 : (bias[at] ?? 0) - zero * (sums[at] as number),
      );
    },
    stretches: () => undefined,
  };
}

/**
 * The weights `[height, width, inputs · multiplier]` of depthwise filters: for each branch, each four channels and each pair of taps, the
 * two weights of each channel.
 */
export function byteFilterPacking(
  { pairs, rows }: TapPairs,
  width: number,
  inputs: number,
  multiplier: number,
): Packing {
  const perFour = pairs.length * rows * 8;
  const fours = roundToFours(inputs) / 4;
  return {
    key: `bytes of filters ${rows}·${pairs.map((pair) => pair.join()).join(" ")} of ${width}x${inputs}x${multiplier}`,
    element: "i8",
    elements: multiplier * fours * perFour,
    *pack(values) {
      const packed = new Float32Array(fours * perFour);
      for (let branch = 0; branch < multiplier; branch += 1) {
        packed.fill(0);
        for (let channel = 0; channel < inputs; channel += 1) {
          const lane = Math.floor(channel / 4) * perFour + (channel % 4) * 2;
          for (let row = 0; row < rows; row += 1)
            for (const [index, pair] of pairs.entries())
              for (const [part, tap] of pair.entries()) {
                if (!tap) continue;
                const from = ((tap[0] + row) * width + tap[1]) * inputs + channel;
                packed[lane + (row * pairs.length + index) * 8 + part] =
                  values[from * multiplier + branch] ?? 0;
              }
        }
        yield packed;
      }
    },
    stretches: () => undefined,
  };
}

/** A weight `[depth, columns]` in words: of each four rows, for each column the four weights. */
export function wordPacking(depth: number, columns: number): Packing {
  const width = roundToFours(columns);
  return {
    key: `words ${depth}x${columns}`,
    element: "i8",
    elements: depth * width,
    *pack(values) {
      const rows = new Float32Array(4 * width);
      for (let first = 0; first < depth; first += 4) {
        for (let row = 0; row < 4; row += 1)
          for (let column = 0; column < columns; column += 1)
            rows[column * 4 + row] = values[(first + row) * columns + column] ?? 0;
        yield rows;
      }
    },
    stretches: () => undefined,
  };
}

/** Filters as bytes, in the order in which `filterPacking` has them as f32. */
export function filtersOfBytes(packing: Packing): Packing {
  return { ...packing, key: `bytes of ${packing.key}`, element: "i8", stretches: () => undefined };
}

/**
 * A weight `[runs · length, groups · columns]` in panels: for each four rows of a run, first the weights of two of them for each column, then
 * those of the other two.
 */
export function bytePacking(layout: {
  readonly runs: number;
  readonly length: number;
  readonly groups: number;
  readonly columns: number;
  readonly widths: readonly number[];
  readonly branches: number;
}): Packing {
  const { runs, length, groups, columns, widths, branches } = layout;
  const perRun = roundToFours(length);
  const depth = runs * perRun;
  return {
    key: `bytes in pairs ${groups}·${runs}x${length}x${columns} by ${widths[0] ?? 0}…${widths.at(-1) ?? 0} of ${branches}`,
    element: "i8",
    elements: groups * depth * roundToFours(columns),
    *pack(values) {
      const panel = new Float32Array(depth * greatest(widths));
      for (let group = 0; group < groups; group += 1) {
        let first = 0;
        for (const width of widths) {
          const own = panel.subarray(0, depth * width).fill(0);
          const real = Math.min(width, columns - first);
          for (let row = 0; row < runs * length; row += 1) {
            const from = branchRow(row, runs * length, branches) * groups * columns + group * columns + first;
            const inner = row % length;
            const four = (Math.floor(row / length) * perRun + inner - (inner % 4)) * width;
            const pair = four + (inner % 4 < 2 ? 0 : 2 * width) + (inner % 2);
            for (let column = 0; column < real; column += 1) {
              const at = pair + column * 2;
              own[at] = values[from + column] ?? 0;
            }
          }
          yield own;
          first += width;
        }
      }
    },
    stretches: () => undefined,
  };
}
