// Rows of bytes in words, for products that add four terms at a time: reading them from memory, packing them, and the border of windows.

import type { Border, Tap } from "./border.js";
import type { Int, Width } from "../ir/expressions.js";
import { address, addInt, binary, f32, i32, int, load, mulInt } from "../ir/expressions.js";
import { loadWord, packWord } from "../ir/integer-vecs.js";
import type { Value } from "../ir/ir.js";
import type { Operand } from "./operands.js";
import type { Steps } from "./steps.js";

/** The operand x of a product in words. Its words hold i8, so those of a u8 are less 128. */
export interface WordRows {
  readonly lessHalf: boolean;
  /** The integer that padding holds. */
  readonly zero: number;
}

/** The word of four elements of x, in memory of bytes or of f32. */
export function readWord(
  { place, wide = false }: Pick<Operand, "place"> & Partial<Pick<Operand, "wide">>,
  at: Int,
  { lessHalf }: WordRows,
): Value {
  if (place.element) return loadWord(place, address(at), lessHalf || undefined);
  return packed(wide, lessHalf, (lane, width) => load(place, address(addInt(at, lane)), width));
}

/** The word of a tap in four channels: those of the input, after the steps before the window, or the fill of the border. */
export function tapWord(border: Border, tap: Tap, channel: Int, rows: WordRows): Value {
  const { x, prologue } = border;
  const from = addInt(tap.start, channel);
  const word = prologue ? preparedWord(x, prologue, tap, channel, rows) : readWord(x, from, rows);
  const fill = ((rows.lessHalf ? rows.zero - 128 : rows.zero) & 255) * 0x01010101;
  return { kind: "select", type: "i32", if: tap.inside, then: word, otherwise: i32(fill | 0) };
}

function preparedWord(x: Operand, prologue: Steps, tap: Tap, channel: Int, { lessHalf }: WordRows): Value {
  return packed(x.wide && prologue.wide, lessHalf, (lane, width) => {
    const at = addInt(channel, lane);
    const read = load(x.place, address(addInt(tap.start, at)), width);
    return prologue.apply(read, { pixel: tap.pixel, channel: at });
  });
}

/** Four whole numbers as a word, read as a vec or one by one. */
function packed(wide: boolean, lessHalf: boolean, read: (lane: number, width: Width) => Value): Value {
  const half = lessHalf ? 128 : 0;
  if (wide) {
    const all = read(0, "vec");
    return packWord(lessHalf ? binary("sub", all, f32(half)) : all);
  }
  const bytes = [0, 1, 2, 3].map((lane) => {
    const one = int("sub", { kind: "to_i32", type: "i32", x: read(lane, "f32") }, half);
    // Bytes do not overlap, so the last one may keep its sign.
    return mulInt(lane === 3 ? one : int("and", one, 255), 2 ** (8 * lane));
  });
  return i32(addInt(...bytes));
}
