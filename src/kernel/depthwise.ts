// Depthwise kernels: alone, in front of a pointwise product, and between two of them.

import { channels } from "#ir/type.js";
import type { Source } from "#schedule/schedule.js";
import type { Border } from "./border.js";
import { loadTap, tapAt } from "./border.js";
import type { Int, Width } from "./build.js";
import { address, addInt, f32, i32, int, load, madd, mulInt, widen } from "./build.js";
import type { Body } from "./convolution.js";
import type { Place, Value } from "./ir.js";
import type { Build, Operand } from "./operands.js";
import { reads, weightParameter } from "./operands.js";
import { branchPacking, filterPacking } from "./pack.js";
import type { Steps } from "./steps.js";
import { storeResult } from "./steps.js";
import type { Strip, WindowSpec } from "./strip.js";
import { makeStrip, splitRow } from "./strip.js";
import type { Tile } from "./tile.js";
import { blockSize } from "./tile.js";

/** The filters of a depthwise convolution: that of (tap, output) is at `tap · stride + output`. */
export interface Filters {
  readonly place: Place;
  readonly stride: number;
  readonly wide: boolean;
}

/** A depthwise convolution with any multiplier: a block computes a few output rows. */
export function depthwiseBody(
  k: Build,
  tile: Tile,
  x: Operand,
  y: Operand,
  weight: Source,
  depthwise: { readonly window: WindowSpec; readonly rows?: number },
  steps: { readonly prologue?: Steps; readonly epilogue: Steps },
): Body {
  const [samples = 1, height = 1, width = 1] = y.shape;
  const { window } = depthwise;
  const rows = depthwise.rows ?? blockSize(height, tile.stripRows);
  const [inputs, outputs] = [channels(x.shape), channels(y.shape)];
  const filters = plainFilters(k, weight, window, outputs);
  return {
    blocks: (samples * height) / rows,
    write: (block) => {
      const firstRow = k.letInt("row0", mulInt(block, rows));
      const strip = makeStrip(k, x, window, rows, splitRow(k, firstRow, samples, height), {
        fill: 0,
        aligned: true,
        limit: tile.scratch,
        ...(steps.prologue ? { prologue: steps.prologue } : {}),
      });
      emitDepthwise(k, tile, { strip, window, filters, rows, width, inputs }, (at, from, size) => {
        const pixel = (column: number): Int =>
          addInt(mulInt(addInt(firstRow, at.row), width), at.column, column);
        const store = (value: Value, column: number, channel: Int): void =>
          storeResult(k, y, value, { pixel: pixel(column), channel }, steps.epilogue);
        spread(k, { multiplier: outputs / inputs, channel: at.channel, size }, (output, lanes) => {
          for (const [column, sum] of sumsOf(k, from, filters, output, size, lanes).entries())
            store(sum, column, output);
        });
      });
    },
  };
}

/** The filters as the graph has them: output channel c·m + j is column c·m + j. */
function plainFilters(k: Build, weight: Source, window: WindowSpec, outputs: number): Filters {
  if (weight.kind === "view") {
    const { place, stride, wide } = reads(k, "d", weight);
    return { place, stride, wide };
  }
  const taps = window.kernel[0] * window.kernel[1];
  // Fewer outputs than lanes are never read as vecs.
  const stride = outputs < k.lanes ? outputs : k.roundUp(outputs);
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

/** Where a group of depthwise results stands: a row of the strip's output, the first of some columns, an input channel. */
export interface DepthwisePosition {
  readonly row: Int;
  readonly column: Int;
  readonly channel: Int;
}

/** For every tap, what each of the columns reads there. */
export type Taps = readonly (readonly Value[])[];

export interface DepthwiseWork {
  readonly strip: Strip;
  readonly window: WindowSpec;
  readonly filters: Filters;
  readonly rows: number;
  /** Of an output row, in pixels. */
  readonly width: number;
  /** Input channels. */
  readonly inputs: number;
}

/**
 * Pixels outside, channels inside, so that memory is read in order; that beats keeping weights in registers by 2–3 times.
 * A few neighbouring pixels are computed together where that pays (`Tile.depthwisePixels`).
 */
export function emitDepthwise(
  k: Build,
  tile: Tile,
  work: DepthwiseWork,
  finish: (at: DepthwisePosition, taps: () => Taps, size: Width) => void,
): void {
  const { strip, window, filters, rows, width, inputs } = work;
  const emit = (row: Int, column: Int, pixels: number): void => {
    const taps = strip.border
      ? borderTaps(k, strip.border, window, row, column)
      : stripTaps(k, strip, window, row, column, pixels);
    k.channels("c", inputs, strip.wide && filters.wide, (channel, size) =>
      finish({ row, column, channel }, taps(channel, size), size),
    );
  };
  const pixels = strip.border ? 1 : Math.min(tile.depthwisePixels, width);
  const full = Math.floor(width / pixels);
  k.items(["oy", "ox"], [rows, full], (row = 0, index = 0) =>
    emit(row, k.letInt("x", mulInt(index, pixels)), pixels),
  );
  const rest = width - full * pixels;
  if (rest > 0) k.items(["oy"], [rows], (row = 0) => emit(row, full * pixels, rest));
}

type TapsOf = (channel: Int, size: Width) => () => Taps;

/** The taps of neighbouring pixels in a strip: one register, and constants. */
function stripTaps(
  k: Build,
  strip: Strip,
  window: WindowSpec,
  row: Int,
  column: Int,
  pixels: number,
): TapsOf {
  const across = window.stride[1] * strip.pixelStride;
  const start = k.letInt(
    "p",
    addInt(strip.base, mulInt(row, window.stride[0] * strip.rowStride), mulInt(column, across)),
  );
  return (channel, size) => {
    const q = k.let("q", i32(addInt(start, channel)));
    return () =>
      eachTap(window, (ty, tx) =>
        Array.from({ length: pixels }, (_pixel, at) => {
          const offset = ty * strip.rowStride + tx * strip.pixelStride + at * across;
          return load(strip.place, address(q, offset), size);
        }),
      );
  };
}

/** The taps of one pixel, each with its own test. */
function borderTaps(k: Build, border: Border, window: WindowSpec, row: Int, column: Int): TapsOf {
  const places = eachTap(window, (ty, tx) =>
    tapAt(k, border, addInt(mulInt(row, window.stride[0]), ty), addInt(mulInt(column, window.stride[1]), tx)),
  );
  return (channel, size) => () => places.map((tap) => [loadTap(border, tap, channel, size)]);
}

/** Distances of the taps from the window's first, in rows and columns. */
function eachTap<T>({ kernel, dilation }: WindowSpec, make: (ty: number, tx: number) => T): T[] {
  const [height, width] = kernel;
  return Array.from({ length: height * width }, (_, tap) =>
    make(Math.floor(tap / width) * dilation[0], (tap % width) * dilation[1]),
  );
}

/** The sums of a few columns for one output channel, or one vec of them; `pick` gives the lanes of the input that they need. */
export function sumsOf(
  k: Build,
  taps: () => Taps,
  filters: Filters,
  output: Int,
  size: Width,
  pick: readonly number[] | undefined,
): readonly Value[] {
  const all = taps();
  const columns = all[0]?.length ?? 0;
  const f = k.letInt("f", output);
  const sums = Array.from({ length: columns }, () => k.let("sum", widen(f32(0), size)));
  // Columns of a stride of 1 read the same inputs; each is read once.
  const read = new Map<string, Value>();
  for (const [tap, inputs] of all.entries()) {
    const weight = load(filters.place, address(f, tap * filters.stride), size);
    const factor = columns > 1 ? k.let("w", weight) : weight;
    for (const [column, input] of inputs.entries()) {
      const sum = sums[column];
      if (!sum) continue;
      const key = input.kind === "load" ? String(input.address.offset) : "";
      const value = columns > 1 ? (read.get(key) ?? k.let("x", input)) : input;
      read.set(key, value);
      k.set(sum, madd(pick ? { kind: "swizzle", type: "vec", x: value, lanes: pick } : value, factor, sum));
    }
  }
  return sums;
}

/**
 * Calls `each` for the outputs of an input channel (or vec of them), which stand at c·m, c·m + 1, …: with lanes, output vec v
 * holds the input lanes ⌊(lanes·v + i)/m⌋.
 */
function spread(
  k: Build,
  of: { readonly multiplier: number; readonly channel: Int; readonly size: Width },
  each: (output: Int, lanes: readonly number[] | undefined) => void,
): void {
  const { multiplier, channel, size } = of;
  if (multiplier === 1) return each(channel, undefined);
  const first = k.letInt("co", mulInt(channel, multiplier));
  for (let part = 0; part < multiplier; part += 1) {
    if (size === "f32") each(int("add", first, part), undefined);
    else
      each(
        int("add", first, part * k.lanes),
        Array.from({ length: k.lanes }, (_, lane) => Math.floor((part * k.lanes + lane) / multiplier)),
      );
  }
}
