// The taps of a window: what neighbouring output pixels read of some channels.

import type { Border } from "./border.js";
import { loadTap, tapAt } from "./border.js";
import type { Int, Width } from "../ir/build.js";
import { address, addInt, i32, load, mulInt } from "../ir/build.js";
import type { Register, Value } from "../ir/ir.js";
import type { Build } from "./operands.js";
import type { Strip, WindowSpec } from "./strip.js";
import { sumLoops } from "./sums.js";

/**
 * Calls `visit` for every tap with its number, and its distance from the window's first in rows and columns, and with the registers
 * that it adds to: those that are given, or the sums of a block.
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
 * Gives every tap with what each of some neighbouring pixels reads there. What is summed over the taps goes to the registers that `visit`
 * is given, which end up in `sums`.
 */
export type Taps = (
  sums: readonly Register[],
  visit: (tap: Int, inputs: readonly Value[], sums: readonly Register[]) => void,
) => void;

/** The taps of some pixels in one output row, from the channels that are wanted. */
export type TapsOf = (channel: Int, size: Width) => Taps;

/** What pixels are meant: a row of the strip's output, the first column, and how many columns. */
export interface Pixels {
  readonly row: Int;
  readonly column: Int;
  readonly count: number;
}

/** The taps of pixels; what does not depend on the channel is computed at once. A border allows one pixel at a time. */
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

/** Each tap with its own test, found once for all channels unless they are in loops. */
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
