// Two rows of whole numbers in one number of float64, so that one multiplication and one addition take a term of both their sums.
//
// For whole numbers a and b, a + 2²⁷·b times a weight w is a·w + 2²⁷·(b·w). Sums of such products are exact, and can be divided again, while
// both parts are greater than −2²⁶ and less than 2²⁶: then all is less than 2²⁷ · (2²⁶ − 1) + 2²⁶, and so less than 2⁵³.

import type { Int } from "../ir/expressions.js";
import type { Loops } from "../ir/build.js";
import { address, addInt, binary, compare, f32, int, load, madd, mulInt, unary } from "../ir/expressions.js";
import type { Place, Register, Value } from "../ir/ir.js";
import type { Columns, Runs } from "./matmul.js";
import type { Build } from "./operands.js";
import type { Strip, WindowSpec } from "./strip.js";
import { stripHeight } from "./strip.js";
import type { Tile } from "./tile.js";

/** What the second of two numbers is multiplied by. */
const upper = 2 ** 27;

/** Two sums that share a register must be smaller than this, in units of theirs. */
export const largestOfTwo = upper / 2;

/** Rows in pairs: element c of rows 2·n and 2·n + 1 of a tile is at `start + n·stride + c`. */
export interface RowPairs {
  readonly place: Place;
  readonly start: Int;
  readonly stride: number;
}

/** Two numbers in one. */
export function joinTwo(first: Value, second: Value): Value {
  return madd(second, f32(upper), first);
}

/** The two sums of a register, multiples of a power of two. */
export function divided(k: Build, sum: Register, unit: number): readonly [Value, Value] {
  const units = unary("floor", madd(sum, f32(1 / (upper * unit)), f32(0.5)));
  const second = k.let("second", unit === 1 ? units : binary("mul", units, f32(unit)));
  return [madd(second, f32(-upper), sum), second];
}

/** `count` elements from `from` on, each joined with the one that is `apart` elements after it, from `to` on. */
function joinElements(
  k: Build,
  from: { readonly place: Place; readonly start: Int },
  to: { readonly place: Place; readonly start: Int },
  count: number,
  apart: number,
): void {
  k.for("c", count, (c) => {
    const at = k.letInt("at", addInt(from.start, c));
    const element = (offset: number): Value => load(from.place, address(at, offset), "f32");
    k.store(to.place, address(addInt(to.start, c)), joinTwo(element(0), element(apart)));
  });
}

/**
 * Joins rows 0 and 1, rows 2 and 3, and so on, in scratch; undefined if they would be read once, or do not fit. The function gives the pairs
 * from a row on, which is even, and from an element of it.
 */
export function joinRows(
  k: Build,
  tile: Tile,
  columns: Columns,
  from: { readonly place: Place; readonly start: Int; readonly stride: number; readonly rows: number },
  loops: Loops = k.items,
): ((row: Int, element?: Int) => RowPairs) | undefined {
  const { stride } = from;
  const count = Math.floor(from.rows / 2);
  if (!columns.twoRows || count === 0 || columns.count <= tile.columns) return undefined;
  if (k.reserved + 2 * count * stride >= tile.scratch) return undefined;
  const place: Place = { kind: "doubles" };
  const base = k.doubles(count * stride);
  loops(["pair"], [count], (pair = 0) => {
    const start = k.letInt("from", addInt(from.start, mulInt(pair, 2 * stride)));
    const to = k.letInt("to", addInt(mulInt(pair, stride), base));
    joinElements(k, { place: from.place, start }, { place, start: to }, stride, stride);
  });
  return (row, element = 0) => ({
    place,
    start: addInt(mulInt(int("div", row, 2), stride), element, base),
    stride,
  });
}

/** Runs over one line of rows that may be joined too. */
export function pairedRuns(runs: Runs, pairs: ((row: Int) => RowPairs) | undefined): Runs {
  if (!pairs) return runs;
  return { ...runs, rows: (run, line, row) => ({ ...runs.rows(run, line, row), pairs: pairs(row) }) };
}

/**
 * Joins each pixel of a strip with the next one that the window is at, `across` elements after it. The function gives the pairs from an
 * element of the strip on.
 */
export function joinStrip(
  k: Build,
  tile: Tile,
  columns: Columns,
  strip: Strip,
  of: {
    readonly window: WindowSpec;
    /** Rows and columns of the result. */
    readonly rows: number;
    readonly width: number;
    readonly across: number;
    /** If the rows are in place and perhaps too few: the first of them, and how many the input has. */
    readonly within?: { readonly first: Int; readonly height: number };
  },
): ((element: Int) => RowPairs) | undefined {
  const { window, rows, width, across, within } = of;
  const { rowStride } = strip;
  const count = stripHeight(window, rows);
  if (!columns.twoRows || strip.border || width === 1 || columns.count <= tile.columns) return undefined;
  if (k.reserved + 2 * count * rowStride >= tile.scratch) return undefined;
  const place: Place = { kind: "doubles" };
  const base = k.doubles(count * rowStride);
  // A window of one row leaves out the rows between.
  const step = window.kernel[0] === 1 ? window.stride[0] : 1;
  k.items(["r"], [Math.ceil(count / step)], (r = 0) => {
    const start = k.letInt("from", addInt(strip.base, mulInt(r, step * rowStride)));
    const to = k.letInt("to", addInt(mulInt(r, step * rowStride), base));
    const join = (): void =>
      joinElements(k, { place: strip.place, start }, { place, start: to }, rowStride - across, across);
    if (within) k.guard(compare("lt", addInt(within.first, mulInt(r, step)), within.height), join);
    else join();
  });
  return (element) => ({ place, start: addInt(base, element), stride: 2 * across });
}
