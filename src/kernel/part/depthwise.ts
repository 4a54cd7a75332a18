// Depthwise sums: filters, and the loops over pixels and channels.

import type { Source } from "#schedule/schedule.js";
import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, f32, load, madd, mulInt, widen } from "../ir/expressions.js";
import type { Place, Value } from "../ir/ir.js";
import type { Build } from "./operands.js";
import { reads, weightParameter } from "./operands.js";
import { branchPacking, filterPacking } from "./pack.js";
import type { Strip, WindowSpec, Within } from "./strip.js";
import type { Taps } from "./taps.js";
import { tapsOf } from "./taps.js";
import type { Tile } from "./tile.js";

/** The filters of a depthwise convolution: the weight of (tap, output) is at `tap · stride + output`. */
export interface Filters {
  readonly place: Place;
  readonly stride: number;
  readonly wide: boolean;
}

/** The filters in the order of the graph: output channel c·m + j is column c·m + j. */
export function plainFilters(k: Build, weight: Source, window: WindowSpec, outputs: number): Filters {
  if (weight.kind === "view") {
    const { place, stride, wide } = reads(k, "d", weight);
    return { place, stride, wide };
  }
  const taps = window.kernel[0] * window.kernel[1];
  // If there are fewer outputs than lanes, they are never read as vecs.
  const stride = outputs < k.lanes ? outputs : k.apart(outputs);
  const place = weightParameter(k, "d", weight.weight, filterPacking(taps, outputs, stride));
  return { place, stride, wide: stride % k.lanes === 0 };
}

/** The filters branch by branch: output channel c·m + j is column j·stride + c. */
export function branchFilters(
  k: Build,
  weight: Source,
  window: WindowSpec,
  size: { readonly inputs: number; readonly multiplier: number; readonly branchStride: number },
): Filters {
  const { inputs, multiplier, branchStride } = size;
  if (multiplier === 1) return plainFilters(k, weight, window, inputs);
  if (weight.kind === "view") throw new TypeError("branches are made when weights are packed");
  const taps = window.kernel[0] * window.kernel[1];
  const packing = branchPacking(taps, inputs, multiplier, branchStride);
  const place = weightParameter(k, "d", weight.weight, packing);
  return { place, stride: multiplier * branchStride, wide: branchStride % k.lanes === 0 };
}

/** The position of some depthwise results: a row of the strip's output, the first of some columns, an input channel. */
export interface DepthwisePosition {
  readonly row: Int;
  readonly column: Int;
  readonly channel: Int;
}

export interface DepthwiseWork {
  readonly strip: Strip;
  readonly window: WindowSpec;
  readonly filters: Filters;
  readonly rows: number;
  /** For rows that not every block has. */
  readonly within?: Within;
  /** The width of an output row, in pixels. */
  readonly width: number;
  /** Input channels. */
  readonly inputs: number;
}

/**
 * Loops over pixels outside and channels inside, so that memory is read in order; that is 2–3 times as fast as keeping weights in
 * registers. A few neighbouring pixels are computed together where that is faster (`Tile.depthwisePixels`).
 */
export function emitDepthwise(
  k: Build,
  tile: Tile,
  work: DepthwiseWork,
  finish: (
    at: DepthwisePosition,
    reads: { readonly taps: Taps; readonly pixels: number },
    size: Width,
  ) => void,
): void {
  const { strip, window, filters, rows, width, inputs, within = (_row, body) => body() } = work;
  const emit = (row: Int, column: Int, pixels: number): void =>
    within(row, () => {
      const taps = tapsOf(k, strip, window, { row, column, count: pixels });
      k.channels("c", inputs, strip.wide && filters.wide, (channel, size) =>
        finish({ row, column, channel }, { taps: taps(channel, size), pixels }, size),
      );
    });
  const pixels = strip.border ? 1 : Math.min(tile.depthwisePixels, width);
  const full = Math.floor(width / pixels);
  k.items(["oy", "ox"], [rows, full], (row = 0, index = 0) =>
    emit(row, k.letInt("x", mulInt(index, pixels)), pixels),
  );
  const rest = width - full * pixels;
  if (rest > 0) k.items(["oy"], [rows], (row = 0) => emit(row, full * pixels, rest));
}

/** The sums of a few pixels for one output channel, or one vec of them; `pick` selects the lanes of the input that they need. */
export function sumsOf(
  k: Build,
  { taps, pixels }: { readonly taps: Taps; readonly pixels: number },
  filters: Filters,
  output: Int,
  size: Width,
  pick: readonly number[] | undefined,
): readonly Value[] {
  const f = k.letInt("f", output);
  const sums = Array.from({ length: pixels }, () => k.let("sum", widen(f32(0), size)));
  // Neighbouring pixels read the same inputs at different taps. If all taps are unrolled, each input is read once.
  const known = new Map<number, Value>();
  const keep = (input: Value): Value => {
    if (pixels === 1) return input;
    const offset =
      input.kind === "load" && input.address.base?.kind === "register" ? input.address.offset : undefined;
    const value = (offset === undefined ? undefined : known.get(offset)) ?? k.let("x", input);
    if (offset !== undefined) known.set(offset, value);
    return value;
  };
  taps(sums, (tap, inputs, added) => {
    const weight = load(filters.place, address(addInt(f, mulInt(tap, filters.stride))), size);
    const factor = pixels > 1 ? k.let("w", weight) : weight;
    for (const [at, input] of inputs.entries()) {
      const sum = added[at];
      if (!sum) continue;
      const value = keep(input);
      k.set(sum, madd(pick ? { kind: "swizzle", type: "vec", x: value, lanes: pick } : value, factor, sum));
    }
  });
  return sums;
}
