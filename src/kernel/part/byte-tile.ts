// A register tile of a product of bytes: sums of 32 bits, four neighbouring terms at a time.

import { bug } from "#diagnostic/diagnostic.js";
import type { Int } from "../ir/build.js";
import {
  addIntegers,
  address,
  addInt,
  dotPairs,
  dotQuads,
  i32,
  integers,
  laneOf,
  loadIntegers,
  loadQuad,
  mulInt,
  shuffle,
  toFloats,
  widenIntegers,
} from "../ir/build.js";
import type { Place, Register, Value } from "../ir/ir.js";
import type { Product, Segment } from "./matmul.js";
import type { Build } from "./operands.js";
import { roundToFours } from "./pack-bytes.js";

/** How products of bytes are added: in pairs, as integers of 16 bits, or in fours, where the processor has an instruction for that. */
export type Dots = "pairs" | "quads";

/** What a product of bytes adds to `Columns`. */
export interface ByteColumns {
  readonly dots: Dots;
  /** Rows of a tile. */
  readonly rows: number;
  /** The sums to which products are added: i32, with four places for each four columns. */
  readonly bias?: { readonly place: Place; readonly start: Int };
}

/** The sums of four columns. In pairs, each column has two: of the first two of four terms, and of the others. */
type Sums = readonly Register[];

/** Emits a tile of some rows and columns, and passes its results, as f32, to the product's `finish`. */
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
  },
): void {
  const { columns, runs, finish } = at.product;
  const { dots, bias } = columns.bytes ?? bug("a product of other than bytes");
  const { width } = at.segment;
  const vecs = Array.from({ length: (at.panels * width) / 4 }, (_, vec) => vec * 4);
  const inPanels = (column: number): number =>
    Math.floor(column / width) * width * columns.depth + (column % width) * 4;
  const parts = dots === "pairs" ? 2 : 1;
  const sums: Sums[][] = Array.from({ length: at.rows }, (_, r) =>
    vecs.map((_column, v) => Array.from({ length: parts }, () => k.let(`acc${r}${v}`, integers("i32x4", 0)))),
  );
  const b = k.let("b", i32(addInt(columns.start, mulInt(at.column, columns.depth))));
  k.nest(["ty", "tx"].slice(-runs.counts.length), runs.counts, (...run) => {
    const { place, start, rowStride } = runs.rows(run, at.line, at.row);
    const a = k.let("a", i32(start));
    const isSigned = place.element === "i8";
    k.for("c", roundToFours(runs.length) / 4, () => {
      const right = vecs.map((column) =>
        Array.from({ length: parts }, (_, part) =>
          k.let(
            "w",
            loadIntegers(
              dots === "pairs" ? "i16x8" : "i8x16",
              columns.place,
              address(b, inPanels(column) + 8 * part),
            ),
          ),
        ),
      );
      for (const [r, row] of sums.entries()) {
        const quad = loadQuad(place, address(a, r * rowStride));
        const left = k.let(`x${r}`, dots === "pairs" ? widenIntegers(quad, isSigned) : quad);
        for (const [v, pair] of row.entries())
          for (const [part, sum] of pair.entries()) {
            const factor = right[v]?.[part] ?? bug("a sum without weights");
            k.set(
              sum,
              dots === "pairs" ? addIntegers(sum, dotPairs(left, factor)) : dotQuads(factor, left, sum),
            );
          }
      }
      k.step(b, width * 4);
      k.step(a, 4);
    });
  });
  for (const [r, row] of sums.entries())
    for (const [v, pair] of row.entries()) {
      const place = vecs[v] ?? 0;
      const column = addInt(at.column, place);
      const total = totalOf(pair);
      const whole = bias
        ? addIntegers(total, loadIntegers("i32x4", bias.place, address(addInt(bias.start, column))))
        : total;
      const rowAt = addInt(at.row, r);
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

/** The sums of four columns, each in a lane. */
function totalOf([first, second]: Sums): Value {
  if (!first) return bug("no sums");
  if (!second) return first;
  return addIntegers(shuffle(first, second, [0, 2, 4, 6]), shuffle(first, second, [1, 3, 5, 7]));
}
