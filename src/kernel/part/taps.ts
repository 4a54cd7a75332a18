// The taps of a window: what neighbouring output pixels read in some channels.

import type { Border } from "./border.js";
import { loadTap, tapAt } from "./border.js";
import type { Int, Moved } from "../ir/expressions.js";
import { address, addInt, i32, load, mulInt } from "../ir/expressions.js";
import type { Register, Value } from "../ir/ir.js";
import type { Build } from "./operands.js";
import type { Strip, WindowSpec } from "./strip.js";
import { sumLoops } from "./sums.js";

/**
 * Calls `visit` for every tap with its number, its distance from the window's first tap in rows and columns, and the registers that it adds
 * to: the given ones, or the sums of a block.
 */
function eachTap(
  k: Build,
  { kernel, dilation }: Pick<WindowSpec, "kernel" | "dilation">,
  sums: readonly Register[],
  visit: (tap: Int, ty: Int, tx: Int, sums: readonly Register[]) => void,
): void {
  const [height, width] = kernel;
  const at = (ty: Int, tx: Int, added: readonly Register[]): void =>
    visit(addInt(mulInt(ty, width), tx), mulInt(ty, dilation[0]), mulInt(tx, dilation[1]), added);
  const levels = [
    { name: "ty", count: height },
    { name: "tx", count: width },
  ];
  if (!isWrittenOut(k, kernel))
    return sumLoops(k, sums, levels, (added, ty = 0, tx = 0) => at(ty, tx, added));
  for (let ty = 0; ty < height; ty += 1) for (let tx = 0; tx < width; tx += 1) at(ty, tx, sums);
}

function isWrittenOut({ writtenTaps }: Build, [height, width]: WindowSpec["kernel"]): boolean {
  return height * width <= writtenTaps;
}

/**
 * Visits every tap with the values that some neighbouring pixels read there. Sums over the taps go to the registers that `visit` gets,
 * which end up in `sums`.
 */
export type Taps = (
  sums: readonly Register[],
  visit: (tap: Int, inputs: readonly Value[], sums: readonly Register[]) => void,
) => void;

/** The taps of some pixels in one output row, from the given channels. */
export type TapsOf = (channel: Int, size: Moved) => Taps;

/** Which pixels: a row of the strip's output, the first column, and the number of columns. */
export interface Pixels {
  readonly row: Int;
  readonly column: Int;
  readonly count: number;
}

/** The taps of pixels; everything that does not depend on the channel is computed first. A border allows one pixel at a time. */
export function tapsOf(k: Build, strip: Strip, window: WindowSpec, pixels: Pixels): TapsOf {
  return strip.border ? borderTaps(k, strip.border, window, pixels) : stripTaps(k, strip, window, pixels);
}

/** One register for all taps; their distances are constants, unless they are in loops. */
function stripTaps(k: Build, strip: Strip, window: WindowSpec, { row, column, count }: Pixels): TapsOf {
  const across = window.stride[1] * strip.pixelStride;
  const start = k.letInt(
    "p",
    addInt(strip.base, mulInt(row, window.stride[0] * strip.rowStride), mulInt(column, across)),
  );
  return (channel, size) => {
    const q = k.let("q", i32(addInt(start, channel)));
    return (sums, visit) =>
      eachTap(k, window, sums, (tap, ty, tx, added) => {
        const from = addInt(q, addInt(mulInt(ty, strip.rowStride), mulInt(tx, strip.pixelStride)));
        const inputs = Array.from({ length: count }, (_, at) =>
          load(strip.place, address(from, at * across), size),
        );
        visit(tap, inputs, added);
      });
  };
}

/** Each tap has a test, which is evaluated once for all channels unless the taps are in loops. */
function borderTaps(k: Build, border: Border, window: WindowSpec, { row, column }: Pixels): TapsOf {
  const [down, across] = [k.size(window.stride[0]), k.size(window.stride[1])];
  const place = (ty: Int, tx: Int) =>
    tapAt(k, border, addInt(mulInt(row, down), ty), addInt(mulInt(column, across), tx));
  if (!isWrittenOut(k, window.kernel))
    return (channel, size) => (sums, visit) =>
      eachTap(k, window, sums, (tap, ty, tx, added) =>
        visit(tap, [loadTap(border, place(ty, tx), channel, size)], added),
      );
  const places: ReturnType<typeof place>[] = [];
  eachTap(k, window, [], (_tap, ty, tx) => places.push(place(ty, tx)));
  return (channel, size) => (sums, visit) => {
    for (const [tap, at] of places.entries()) visit(tap, [loadTap(border, at, channel, size)], sums);
  };
}
