// Depthwise sums of bytes: the taps of a window in pairs, each a product of neighbours in registers of 16-bit integers.

import type { Int } from "../ir/expressions.js";
import {
  addIntegers,
  dotPairs,
  integers,
  loadIntegers,
  loadFour,
  shuffle,
  toFloats,
  widenIntegers,
} from "../ir/integer-vecs.js";
import { address, addInt, i32, int, laneOf, mulInt } from "../ir/expressions.js";
import type { Place, Register, Value } from "../ir/ir.js";
import type { DepthwisePosition } from "./depthwise.js";
import type { Build } from "./operands.js";
import { roundToFours } from "./pack-bytes.js";
import type { Strip, WindowSpec, Within } from "./strip.js";

/** A place in a window: its row and column. */
type TapPlace = readonly [row: number, column: number];

/** Two taps whose products are added first; the second is absent at the end of a window with an odd number of taps. */
type TapPair = readonly [TapPlace, TapPlace?];

/** The taps that are unrolled together: the whole window, or one row of it. */
export interface TapPairs {
  readonly pairs: readonly TapPair[];
  /** How often they are repeated, down the rows of the window. */
  readonly rows: number;
}

/**
 * The pairs of a window. Pairs of rows come first: neighbouring pixels read the same ones. A large window is a loop over its rows, because
 * code would grow with its area.
 */
export function tapPairs([height, width]: WindowSpec["kernel"], writtenTaps: number): TapPairs {
  const isWhole = height * width <= writtenTaps;
  const rows = isWhole ? height : 1;
  const pairs: TapPair[] = [];
  for (let row = 0; row + 1 < rows; row += 2)
    for (let column = 0; column < width; column += 1)
      pairs.push([
        [row, column],
        [row + 1, column],
      ]);
  if (rows % 2 === 1)
    for (let column = 0; column < width; column += 2)
      pairs.push(
        column + 1 < width
          ? [
              [rows - 1, column],
              [rows - 1, column + 1],
            ]
          : [[rows - 1, column]],
      );
  return { pairs, rows: isWhole ? 1 : height };
}

/** The filters: for each branch, each four channels and each pair of taps, the two weights of each channel. */
export interface ByteFilters {
  readonly place: Place;
  readonly taps: TapPairs;
  /** The sums to which products are added: i32, for each branch from a multiple of four on. */
  readonly bias?: Place;
}

/**
 * Loops over pixels outside and channels inside, eight at a time, then four. `finish` gets the sums of four channels, or of one where less
 * than four are left, as f32.
 */
export function emitByteDepthwise(
  k: Build,
  work: {
    readonly strip: Strip;
    readonly window: WindowSpec;
    readonly filters: ByteFilters;
    readonly rows: number;
    readonly within?: Within;
    readonly width: number;
    readonly inputs: number;
    readonly multiplier: number;
    /** Neighbouring pixels that are computed together. */
    readonly pixels: number;
  },
  finish: (sum: Value, at: DepthwisePosition, branch: number) => void,
): void {
  const { strip, window, rows, width, inputs, multiplier, within = (_row, body) => body() } = work;
  const across = window.stride[1] * strip.pixelStride;
  const emit = (row: Int, column: Int, count: number): void =>
    within(row, () => {
      const down = mulInt(row, window.stride[0] * strip.rowStride);
      const start = k.letInt("p", addInt(strip.base, down, mulInt(column, across)));
      const emitChannels = (channel: Int, fours: number, lanes: number): void => {
        for (let branch = 0; branch < multiplier; branch += 1) {
          const sums = sumsOf(k, work, { start, channel, fours, branch, count });
          for (const [pixel, halves] of sums.entries())
            for (const [four, sum] of halves.entries()) {
              const at = { row, column: addInt(column, pixel), channel: addInt(channel, 4 * four) };
              if (four * 4 + 4 <= lanes) {
                finish(sum, at, branch);
                continue;
              }
              const all = k.let("some", sum);
              for (let lane = 0; lane < lanes - four * 4; lane += 1)
                finish(laneOf(all, lane), { ...at, channel: addInt(at.channel, lane) }, branch);
            }
        }
      };
      const eights = Math.floor(inputs / 8);
      k.for("eight", eights, (index) => emitChannels(k.letInt("c", mulInt(index, 8)), 2, 8));
      for (let done = eights * 8; done < inputs; done += 4) emitChannels(done, 1, Math.min(4, inputs - done));
    });
  const pixels = Math.min(work.pixels, width);
  const full = Math.floor(width / pixels);
  k.items(["oy", "ox"], [rows, full], (row = 0, index = 0) =>
    emit(row, k.letInt("x", mulInt(index, pixels)), pixels),
  );
  const rest = width - full * pixels;
  if (rest > 0) k.items(["oy"], [rows], (row = 0) => emit(row, full * pixels, rest));
}

/** The sums of some pixels in four or eight channels, each as f32: for each pixel, those of each four channels. */
function sumsOf(
  k: Build,
  { strip, window, filters, inputs }: Parameters<typeof emitByteDepthwise>[1],
  at: {
    readonly start: Int;
    readonly channel: Int;
    /** How many fours of channels. */
    readonly fours: number;
    readonly branch: number;
    readonly count: number;
  },
): Value[][] {
  const { start, channel, fours, branch, count } = at;
  const { pairs, rows } = filters.taps;
  const isSigned = strip.place.element === "i8";
  const across = window.stride[1] * strip.pixelStride;
  const perFour = pairs.length * rows * 8;
  const sums = Array.from({ length: count }, () =>
    Array.from({ length: fours }, () => k.let("sum", integers("i32x4", 0))),
  );
  const first = addInt(start, channel);
  const ofBranch = branch * (roundToFours(inputs) / 4) * perFour;
  const filter = addInt(mulInt(int("div", channel, 4), perFour), ofBranch);
  k.for("ty", rows, (row) => {
    const q = k.let("q", i32(addInt(first, mulInt(row, window.dilation[0] * strip.rowStride))));
    const f = k.let("f", i32(addInt(filter, mulInt(row, pairs.length * 8))));
    // Neighbouring pixels read the same taps, and some the same pairs of them.
    const taps = new Map<number, Register>();
    const tapAt = (offset: number): Register => {
      const known = taps.get(offset);
      if (known) return known;
      const from = address(q, offset);
      const isWhole = fours === 2 || strip.place.element === "i16";
      const value = isWhole
        ? loadIntegers("i16x8", strip.place, from)
        : widenIntegers(loadFour("i8x16", strip.place, from), isSigned);
      const made = k.let("x", value);
      taps.set(offset, made);
      return made;
    };
    const joined = new Map<string, Register>();
    const join = (one: number, other: number, four: number): Register => {
      const key = `${one} ${other} ${four}`;
      const known = joined.get(key);
      if (known) return known;
      const order = [0, 8, 1, 9, 2, 10, 3, 11].map((lane) => lane + 4 * four);
      const made = k.let("two", shuffle(tapAt(one), tapAt(other), order));
      joined.set(key, made);
      return made;
    };
    const offsetOf = ([ty, tx]: TapPlace, pixel: number): number =>
      ty * window.dilation[0] * strip.rowStride +
      tx * window.dilation[1] * strip.pixelStride +
      pixel * across;
    for (const [index, [one, other = one]] of pairs.entries()) {
      for (let four = 0; four < fours; four += 1) {
        const from = address(f, four * perFour + index * 8);
        const weights = k.let("w", loadIntegers("i16x8", filters.place, from));
        for (const [pixel, halves] of sums.entries()) {
          const sum = halves[four];
          const two = join(offsetOf(one, pixel), offsetOf(other, pixel), four);
          if (sum) k.set(sum, addIntegers(sum, dotPairs(two, weights)));
        }
      }
    }
  });
  const biasAt = (four: number) => address(addInt(channel, branch * roundToFours(inputs) + 4 * four));
  return sums.map((halves) =>
    halves.map((sum, four) =>
      toFloats(filters.bias ? addIntegers(sum, loadIntegers("i32x4", filters.bias, biasAt(four))) : sum),
    ),
  );
}
