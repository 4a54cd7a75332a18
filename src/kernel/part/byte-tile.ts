// A register tile of a product of bytes: sums of 32 bits, four neighbouring terms at a time.

import { bug } from "#diagnostic/diagnostic.js";
import type { Int } from "../ir/expressions.js";
import {
  addIntegers,
  dotPairs,
  dotFours,
  integers,
  loadIntegers,
  loadFour,
  shuffle,
  toFloats,
  widenIntegers,
} from "../ir/integer-vecs.js";
import { address, addInt, i32, laneOf, mulInt } from "../ir/expressions.js";
import { given } from "#diagnostic/given.js";
import type { Address, Place, Register } from "../ir/ir.js";
import type { Product, Segment } from "./matmul.js";
import type { Build } from "./operands.js";
import { roundToFours } from "./pack-bytes.js";
import type { Ahead } from "./read-ahead.js";
import { readAhead } from "./read-ahead.js";

/** How products of bytes are added: in pairs, as integers of 16 bits, or in fours, where the processor has an instruction for that. */
export type Dots = "pairs" | "fours";

/** What a product of bytes adds to `Columns`. */
export interface ByteColumns {
  readonly dots: Dots;
  /** Rows of a tile. */
  readonly rows: number;
  /** The sums to which products are added: i32, with four places for each four columns. */
  readonly bias?: { readonly place: Place; readonly start: Int };
  /** Whether `finish` gets integers, four sums at a time, also of columns that do not exist; else it gets f32. */
  readonly whole?: true;
}

/** Emits a tile of some rows and columns, and passes its results to the product's `finish`. */
export function emitByteTile(
  k: Build,
  at: {
    readonly product: Product;
    readonly segment: Segment;
    readonly rows: number;
    readonly panels: number;
    readonly line: Int;
    readonly row: Int;
    readonly column: Int;
    readonly ahead?: Ahead;
  },
): void {
  const { columns, runs, finish } = at.product;
  const { dots, bias, whole: isWhole } = columns.bytes ?? bug("a product of other than bytes");
  const { width } = at.segment;
  const vecs = Array.from({ length: (at.panels * width) / 4 }, (_, vec) => vec * 4);
  // The first two of four terms of some columns; those of the other two follow after all columns of the panel.
  const inPanels = (column: number): number =>
    Math.floor(column / width) * width * columns.depth + (column % width) * 2;
  const sums: Register[][] = Array.from({ length: at.rows }, (_, r) =>
    vecs.map((_column, v) => k.let(`acc${r}${v}`, integers("i32x4", 0))),
  );
  const offset = mulInt(at.column, columns.depth);
  const b = k.let("b", i32(addInt(columns.start, offset)));
  const length = roundToFours(runs.length);
  const ahead = at.ahead && readAhead(k, at.ahead, { columns, segment: at.segment, offset, length, unit: 4 });
  k.nest(["ty", "tx"].slice(-runs.counts.length), runs.counts, (...run) => {
    const { place, start, rowStride } = runs.rows(run, at.line, at.row);
    const a = k.let("a", i32(start));
    const multiply = dots === "pairs" ? multiplyPairs : multiplyFours;
    const rows = ahead?.rows ?? length;
    k.for("part", length / rows, () => {
      ahead?.emit();
      k.for("c", rows / 4, () => {
        const weights = vecs.map((column) => address(b, inPanels(column)));
        multiply(k, { columns: columns.place, weights, width, place, a, rowStride, sums });
        k.step(b, width * 4);
        k.step(a, 4);
      });
    });
  });
  for (const [r, row] of sums.entries())
    for (const [v, sum] of row.entries()) {
      const place = vecs[v] ?? 0;
      const column = addInt(at.column, place);
      const whole = bias
        ? addIntegers(sum, loadIntegers("i32x4", bias.place, address(addInt(bias.start, column))))
        : sum;
      const rowAt = addInt(at.row, r);
      if (isWhole) {
        finish(whole, at.line, rowAt, column);
        continue;
      }
      // Only the last panel may have columns that do not exist.
      const lanes = at.segment.count > 1 ? 4 : Math.min(4, columns.count - at.segment.first - place);
      if (lanes === 4) finish(toFloats(whole), at.line, rowAt, column);
      else {
        const all = k.let("some", toFloats(whole));
        for (let lane = 0; lane < lanes; lane += 1)
          finish(laneOf(all, lane), at.line, rowAt, addInt(column, lane));
      }
    }
}

/** Four terms of the sums of a tile: the rows of A are `rowStride` apart from `a` on, and each vec of B is at one of the addresses. */
interface Terms {
  readonly columns: Place;
  readonly weights: readonly Address[];
  /** Columns of a panel. */
  readonly width: number;
  readonly place: Place;
  readonly a: Register;
  readonly rowStride: number;
  readonly sums: readonly (readonly Register[])[];
}

/** Products of integers of 16 bits: two terms, then the other two. */
function multiplyPairs(k: Build, terms: Terms): void {
  const { columns, weights, width, place, a, rowStride, sums } = terms;
  const isWide = place.element === "i16";
  // Of bytes, four are read at once, and widened.
  const fours = isWide
    ? []
    : sums.map((_, r) =>
        k.let(
          `x${r}`,
          widenIntegers(loadFour("i8x16", place, address(a, r * rowStride)), place.element === "i8"),
        ),
      );
  for (const part of [0, 1]) {
    const right = weights.map((at) =>
      k.let("w", loadIntegers("i16x8", columns, further(at, 2 * width * part))),
    );
    for (const [r, row] of sums.entries()) {
      const four = fours[r];
      const left = k.let(
        `a${r}`,
        four
          ? shuffle(
              four,
              four,
              [0, 1, 0, 1, 0, 1, 0, 1].map((lane) => lane + 2 * part),
            )
          : loadFour("i16x8", place, address(a, r * rowStride + 2 * part)),
      );
      for (const [v, factor] of right.entries()) {
        const sum = row[v];
        if (sum) k.set(sum, addIntegers(sum, dotPairs(left, factor)));
      }
    }
  }
}

/** Products of bytes, four of which one instruction adds. */
function multiplyFours(k: Build, terms: Terms): void {
  const { columns, weights, width, place, a, rowStride, sums } = terms;
  const isWhole = width % 8 === 0;
  const read = (at: Address): Register => k.let("w", loadIntegers("i8x16", columns, at));
  // Eight columns of a wide panel have a register of each two of four terms, and four columns of a narrow one have both in one.
  const right = weights.flatMap((at, v): Register[] => {
    if (isWhole && v % 2 === 1) return [];
    const first = read(at);
    const second = isWhole ? read(further(at, 2 * width)) : first;
    return (isWhole ? [0, 1] : [0]).map((half) => {
      const lanes = Array.from({ length: 16 }, (_, byte) => {
        const pair = 8 * half + 2 * Math.floor(byte / 4) + (byte % 2);
        return byte % 4 < 2 ? pair : pair + (isWhole ? 16 : 8);
      });
      return k.let("w", shuffle(first, second, lanes));
    });
  });
  for (const [r, row] of sums.entries()) {
    const left = k.let(`x${r}`, loadFour("i8x16", place, address(a, r * rowStride)));
    for (const [v, factor] of right.entries()) {
      const sum = row[v];
      if (sum) k.set(sum, dotFours(factor, left, sum));
    }
  }
}

/** The address that is some elements further. */
function further({ base, offset }: Address, elements: number): Address {
  return { ...given({ base }), offset: offset + elements };
}
