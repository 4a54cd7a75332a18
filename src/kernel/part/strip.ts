// Strips: the input rows that a few output rows of a window need, with their border.

import { given } from "#diagnostic/given.js";
import { bytesOf } from "#ir/target.js";
import { channels } from "#ir/type.js";
import type { Shape } from "#ir/type.js";
import type { Padding, Size } from "#ops/attributes.js";
import type { Border } from "./border.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, both, compare, f32, int, load, mulInt, widen } from "../ir/expressions.js";
import type { IntegerElement, Place } from "../ir/ir.js";
import { copyBytes, fillIntegers } from "./copy-bytes.js";
import type { Build, Operand } from "./operands.js";
import type { Steps } from "./steps.js";
import type { Tile } from "./tile.js";
import { blockSize } from "./tile.js";

/** The attributes of a window, including its size; padding in numbers. */
export interface WindowSpec {
  readonly kernel: Size;
  readonly stride: Size;
  readonly dilation: Size;
  readonly padding: Padding;
}

/** Input rows as a window reads them: element (row, column, channel) is at `base + row·rowStride + column·pixelStride + channel`. */
export interface Strip {
  readonly place: Place;
  readonly base: Int;
  readonly rowStride: number;
  readonly pixelStride: number;
  /** Whether every pixel begins at a multiple of the lanes. */
  readonly wide: boolean;
  /** The border of a strip that is not copied although it has one; then taps are only read through it. */
  readonly border?: Border;
}

/** A row counted over all samples, as the sample and the row in it. */
export interface SampleRow {
  readonly sample: Int;
  readonly row: Int;
}

export interface StripOptions {
  /** The value of the border. */
  readonly fill: number;
  readonly prologue?: Steps;
  /** Whether pixels are aligned to the lanes; else they are dense, so that neighbouring pixels are one run. */
  readonly aligned?: boolean;
  /** The most scratch that the kernel can have, in elements. */
  readonly limit: number;
  /** The integers that scratch holds; f32 if absent. */
  readonly element?: IntegerElement;
}

/** Input rows that `rows` output rows read. */
export function stripHeight(window: WindowSpec, rows: number): number {
  return (rows - 1) * window.stride[0] + (window.kernel[0] - 1) * window.dilation[0] + 1;
}

/** The number of output rows of an image with this many rows. */
function outputRows({ kernel, stride, dilation, padding }: WindowSpec, height: number): number {
  const extent = (kernel[0] - 1) * dilation[0] + 1;
  return Math.floor((height + padding[0] + padding[1] - extent) / stride[0]) + 1;
}

/**
 * Output rows of a strip: about as many as the tile asks for, fewer if those do not fit into scratch. If not even one fits, the rows are
 * read in place, and their number does not matter. A divisor of the height is preferred; if the nearest divisor is far smaller (for 17
 * rows, say), the last strip has fewer rows.
 */
export function stripRows(tile: Tile, window: WindowSpec, height: number, shape: Shape): number {
  const [, , width = 1] = shape;
  const [, , left, right] = window.padding;
  // Four is the greatest number of lanes; a few elements too many do no harm.
  const pixelStride = Math.ceil(channels(shape) / 4) * 4;
  const fits = (rows: number): boolean =>
    stripHeight(window, rows) * (width + left + right) * pixelStride <= tile.scratch;
  const most = evenRows(height, tile.stripRows);
  for (let rows = most; rows > 0; rows -= 1) if (fits(rows)) return evenRows(height, rows);
  return most;
}

/**
 * At most `most` rows of a height: a divisor if one is near, else a number such that the last strip has only a few less than the others.
 */
function evenRows(height: number, most: number): number {
  const rows = Math.ceil(height / Math.ceil(height / most));
  const divisor = blockSize(height, most);
  return divisor * 4 >= rows * 3 ? divisor : rows;
}

/** The output rows of a block. */
export interface BlockRows {
  /** The first of them, counted over all samples, and in its sample. */
  readonly row0: Int;
  readonly first: SampleRow;
  /** Emits code for one of them that runs only if the row exists; absent if all blocks have equally many. */
  readonly within?: Within;
}

/** Emits a body for one of several lines. */
export type Within = (line: Int, body: () => void) => void;

/** Output rows divided over blocks: all have `rows`, the last one of a sample perhaps fewer. */
export function rowBlocks(
  k: Build,
  rows: number,
  { samples, height }: { readonly samples: number; readonly height: number },
): { readonly count: number; readonly at: (block: Int) => BlockRows } {
  if (height % rows === 0)
    return {
      count: (samples * height) / rows,
      at: (block) => {
        const row0 = k.letInt("row0", mulInt(block, rows));
        return { row0, first: splitRow(k, row0, samples, height) };
      },
    };
  const perSample = Math.ceil(height / rows);
  return {
    count: samples * perSample,
    at: (block) => {
      const sample = samples === 1 ? 0 : k.letInt("sample", int("div", block, perSample));
      const own = samples === 1 ? block : int("rem", block, perSample);
      const row = k.letInt("row", mulInt(own, rows));
      return {
        row0: k.letInt("row0", addInt(mulInt(sample, height), row)),
        first: { sample, row },
        within: (line, body) => k.guard(compare("lt", addInt(row, line), height), body),
      };
    },
  };
}

/** Whether a strip is a copy, for its border or for the steps before the window; else it is the input itself. */
export function copiesStrip({ padding }: WindowSpec, prologue: Steps | undefined): boolean {
  return prologue !== undefined || padding.some((extent) => extent > 0);
}

/**
 * The strip for output rows from `first` on. Without padding or prologue it is the input itself; else the rows are copied into scratch,
 * with `fill` in the border. The copy reads memory once per strip, and the loops over the window then need no test. If scratch is too small
 * for the rows, the window reads the input through a `Border` instead.
 */
export function makeStrip(
  k: Build,
  x: Operand,
  window: WindowSpec,
  rows: number,
  first: SampleRow,
  options: StripOptions,
): Strip {
  const [, height = 1, width = 1] = x.shape;
  const depth = channels(x.shape);
  const { prologue } = options;
  if (!copiesStrip(window, prologue)) {
    const row = addInt(mulInt(first.sample, height), mulInt(first.row, window.stride[0]));
    return {
      place: x.place,
      base: k.letInt("strip", mulInt(row, width * x.stride)),
      rowStride: width * x.stride,
      pixelStride: x.stride,
      wide: x.wide,
    };
  }
  const { element } = options;
  const scratch: Place = { kind: "scratch", ...given({ element }) };
  const pixelStride = options.aligned ? k.apart(depth) : depth;
  const wide = x.wide && pixelStride % k.lanes === 0 && (prologue?.wide ?? true);
  const sampleRow = mulInt(first.sample, height);
  const [top, , left, right] = window.padding;
  if (k.reserved + stripHeight(window, rows) * (width + left + right) * pixelStride > options.limit) {
    const firstRow = k.letInt("top", addInt(mulInt(first.row, window.stride[0]), -top));
    const border = {
      x,
      firstRow,
      sampleRow,
      left,
      fill: options.fill,
      ...given({ prologue }),
    };
    const wide = x.wide && (prologue?.wide ?? true);
    return { place: x.place, base: 0, rowStride: 0, pixelStride: 0, wide, border };
  }
  // Rows without gaps and steps are copied as one run of elements.
  const joined = x.stride === depth && pixelStride === depth && !prologue;
  const strip = {
    window,
    rows,
    first,
    shape: x.shape,
    pixelStride,
    fill: options.fill,
    ...given({ element }),
  };
  return fillStrip(k, strip, (row, to) => {
    const pixel0 = k.letInt("pixel0", mulInt(addInt(sampleRow, row), width));
    const copy = (pixel: Int, from: Int, target: Int, count: number): void => {
      if (k.lanes > 1 && !prologue && element && bytesOf(x.place.element) === 1)
        return copyBytes(k, { place: x.place, from }, { place: scratch, from: target }, count, wide);
      k.channels("c", count, wide, (c, size) => {
        const value = load(x.place, address(addInt(from, c)), size);
        const stored = prologue ? prologue.apply(value, { pixel, channel: c }) : value;
        k.store(scratch, address(addInt(target, c)), stored);
      });
    };
    if (joined) return copy(pixel0, k.letInt("from", mulInt(pixel0, depth)), to, width * depth);
    k.for("px", width, (px) => {
      const pixel = k.letInt("pixel", addInt(pixel0, px));
      copy(
        pixel,
        k.letInt("from", mulInt(pixel, x.stride)),
        k.letInt("target", addInt(to, mulInt(px, pixelStride))),
        depth,
      );
    });
  });
}

/** All rows of a sample in place: blocks with many items share no strip, and each tap tests the border if there is one. */
export function wholeStrip(
  k: Build,
  x: Operand,
  window: WindowSpec,
  sample: Int,
  options: Pick<StripOptions, "fill" | "prologue">,
): Strip {
  const [, height = 1, width = 1] = x.shape;
  const { prologue, fill } = options;
  const sampleRow = mulInt(sample, height);
  const [top, , left] = window.padding;
  const strip = {
    place: x.place,
    base: k.letInt("strip", mulInt(sampleRow, width * x.stride)),
    rowStride: width * x.stride,
    pixelStride: x.stride,
    wide: x.wide && (prologue?.wide ?? true),
  };
  if (window.padding.every((extent) => extent === 0) && !prologue) return strip;
  const border = {
    x,
    firstRow: k.size(-top),
    sampleRow,
    left: k.size(left),
    fill,
    ...given({ prologue }),
  };
  return { ...strip, border };
}

/**
 * A strip in scratch. `write` fills the pixels of one input row, from the row's number in its sample and the address in scratch; rows and
 * columns outside the input are filled with `fill`. The rows are independent items.
 */
export function fillStrip(
  k: Build,
  strip: {
    readonly window: WindowSpec;
    /** Output rows. */
    readonly rows: number;
    readonly first: SampleRow;
    /** The shape of what the window reads. */
    readonly shape: readonly number[];
    readonly pixelStride: number;
    readonly fill: number;
    /** The integers that scratch holds; f32 if absent. */
    readonly element?: IntegerElement;
  },
  write: (row: Int, to: Int) => void,
): Strip {
  const { window, pixelStride, element } = strip;
  const [, height = 1, width = 1] = strip.shape;
  const [top, bottom, left, right] = window.padding;
  const rowStride = (width + left + right) * pixelStride;
  const count = stripHeight(window, strip.rows);
  // Integers are read in registers of eight, up to seven beyond the last.
  const base = k.scratchOf(element, count * rowStride + (element ? 7 : 0));
  const place: Place = { kind: "scratch", ...given({ element }) };
  const firstRow = k.letInt("top", addInt(mulInt(strip.first.row, window.stride[0]), -top));
  const fill = (start: Int, elements: number): void => {
    if (element && k.lanes > 1) return fillIntegers(k, place, start, elements, strip.fill);
    k.channels("i", elements, pixelStride % k.lanes === 0, (i, size) =>
      k.store(place, address(addInt(start, i)), widen(f32(strip.fill), size)),
    );
  };
  k.items(["r"], [count], (r = 0) => {
    const to = k.letInt("to", addInt(mulInt(r, rowStride), base));
    const row = k.letInt("row", addInt(firstRow, r));
    const writeRow = (): void => {
      fill(to, left * pixelStride);
      write(row, k.letInt("pixels", addInt(to, left * pixelStride)));
      fill(k.letInt("end", addInt(to, (left + width) * pixelStride)), right * pixelStride);
    };
    if (top === 0 && bottom === 0 && outputRows(window, height) % strip.rows === 0) writeRow();
    else
      k.guard(both(compare("le", 0, row), compare("lt", row, height)), writeRow, () => fill(to, rowStride));
  });
  return { place, base, rowStride, pixelStride, wide: pixelStride % k.lanes === 0 };
}

/** The sample, and the row in it, of a row counted over all samples. */
export function splitRow(k: Build, row: Int, samples: number, height: number): SampleRow {
  if (samples === 1) return { sample: 0, row };
  return {
    sample: k.letInt("sample", int("div", row, height)),
    row: k.letInt("row", int("rem", row, height)),
  };
}
