// Kernels whose blocks have many items: the work is one flat row of items, divided into blocks, and no block shares a strip.

import type { Int, Width } from "../ir/expressions.js";
import { addInt, compare, int, mulInt } from "../ir/expressions.js";
import type { Build, Operand } from "./operands.js";
import type { Steps } from "./steps.js";
import type { WindowSpec } from "./strip.js";
import { wholeStrip } from "./strip.js";
import type { TapsOf } from "./taps.js";
import { tapsOf } from "./taps.js";

/** The number of blocks for a number of items. */
export function teamBlocks(k: Build, items: number): number {
  return Math.ceil(items / k.team);
}

/** Calls `body` for the items of a block, with the item's number in all; the last block has fewer than the others. */
export function flatItems(k: Build, block: Int, count: number, body: (item: Int) => void): void {
  k.items(["item"], [k.team], (i = 0) => {
    const item = k.letInt("at", addInt(mulInt(block, k.team), i));
    k.guard(compare("lt", item, count), () => body(item));
  });
}

/** The pixel of a result: its sample, row and column, computed from its number. */
export interface Pixel {
  readonly sample: Int;
  readonly row: Int;
  readonly column: Int;
}

/** Splits the number of a pixel. */
export function pixelAt(
  k: Build,
  pixel: Int,
  [samples = 1, height = 1, width = 1]: readonly number[],
): Pixel {
  const column = k.letInt("ox", int("rem", pixel, width));
  const line = k.letInt("oy", int("div", pixel, width));
  if (samples === 1) return { sample: 0, row: line, column };
  return {
    sample: k.letInt("sample", int("div", line, height)),
    row: k.letInt("row", int("rem", line, height)),
    column,
  };
}

/** The number of items for the channels of some pixels: one for each vec, and one for the remaining channels of a pixel. */
export function vectorItems(k: Build, pixels: number, depth: number, wide: boolean): number {
  return pixels * Math.max(1, wide ? Math.floor(depth / k.lanes) : 1);
}

/**
 * Calls `body` for every pixel and vec of channels: neighbouring items have neighbouring vecs. One item per pixel handles the channels that
 * fill no vec, because a store to one element may rewrite its whole vec.
 */
export function eachVector(
  k: Build,
  of: {
    readonly depth: number;
    readonly wide: boolean;
    /** Loops over a number of items. */
    readonly items: (count: number, body: (item: Int) => void) => void;
    readonly pixels: number;
  },
  body: (pixel: Int, channel: Int, size: Width) => void,
): void {
  const { depth, wide, items, pixels } = of;
  const vecs = wide && k.lanes > 1 ? Math.floor(depth / k.lanes) : 0;
  if (vecs > 0)
    items(pixels * vecs, (item) =>
      body(
        k.letInt("pixel", int("div", item, vecs)),
        k.letInt("c", mulInt(int("rem", item, vecs), k.lanes)),
        "vec",
      ),
    );
  const rest = depth - vecs * k.lanes;
  if (rest > 0)
    items(pixels, (pixel) => k.for("c", rest, (c) => body(pixel, addInt(c, vecs * k.lanes), "f32")));
}

/** The same, over all blocks of a grid. */
export function eachVectorOfGrid(
  k: Build,
  block: Int,
  of: { readonly depth: number; readonly wide: boolean; readonly pixels: number },
  body: (pixel: Int, channel: Int, size: Width) => void,
): void {
  eachVector(k, { ...of, items: (count, each) => flatItems(k, block, count, each) }, body);
}

/** The taps of one pixel of a window's result. */
export function pixelTaps(
  k: Build,
  x: Operand,
  window: WindowSpec,
  { sample, row, column }: Pixel,
  options: { readonly fill: number; readonly prologue?: Steps },
): TapsOf {
  const strip = wholeStrip(k, x, window, sample, options);
  return tapsOf(k, strip, window, { row, column, count: 1 });
}
