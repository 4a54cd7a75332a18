// The heart of pointwise, dense and direct convolutions: a tile of rows × columns of the result in registers.

import type { Int } from "./build.js";
import { address, addInt, f32, i32, load, madd, mulInt } from "./build.js";
import type { Place, Register, Value } from "./ir.js";
import type { Build } from "./operands.js";
import type { Tile } from "./tile.js";

/** Rows of A that a tile reads: row r, element c is at `start + r·rowStride + c`. */
export interface Rows {
  readonly place: Place;
  readonly start: Int;
  readonly rowStride: number;
}

/**
 * A sum of products A·B: for every run, `length` consecutive elements of each row of A meet `length` rows of the packed
 * panel. A pointwise product has one run; a convolution has one per tap of its window.
 */
export interface Runs {
  /** How many runs, as nested constant counts (window rows, window columns). */
  readonly counts: readonly number[];
  readonly length: number;
  /** The rows of a run, from its indices and the first row of the tile. */
  readonly rows: (run: readonly Int[], row: Int) => Rows;
}

/** Takes the finished sum of (row, column). */
export type Finish = (sum: Value, row: Int, column: Int) => void;

/** Where B's panels stand, and how many columns a panel has; the last panel may be narrower. */
export interface Panels {
  readonly place: Place;
  /** Elements before the first panel, in the parameter. */
  readonly start: number;
  readonly depth: number;
  readonly columns: number;
}

/**
 * Emits loops over all panels and row tiles of `rowCount` rows. Panels are outside, so that one stays in the nearest
 * cache while the rows run by. What is left over at the right and at the bottom gets narrower tiles of its own.
 */
export function emitMatmul(
  k: Build,
  tile: Tile,
  rowCount: number,
  runs: Runs,
  panels: Panels,
  finish: Finish,
): void {
  const { columns: total } = panels;
  const full = Math.floor(total / tile.columns);
  const column = (name: string, count: number, first: number, width: number): void => {
    k.for(name, count, (panel) => {
      const panelSize = panels.depth * tile.columns;
      const start = k.letInt(
        "b0",
        addInt(mulInt(panel, panelSize), panels.start + (first / tile.columns) * panelSize),
      );
      const n = k.letInt("n", addInt(mulInt(panel, tile.columns), first));
      emitRows(k, tile, rowCount, width, runs, panels.place, start, (sum, row, at) =>
        finish(sum, row, addInt(n, at)),
      );
    });
  };
  column("panel", full, 0, tile.columns);
  if (total % tile.columns > 0) column("panel", 1, full * tile.columns, total % tile.columns);
}

function emitRows(
  k: Build,
  tile: Tile,
  rowCount: number,
  width: number,
  runs: Runs,
  weights: Place,
  start: Int,
  finish: (sum: Value, row: Int, column: number) => void,
): void {
  const full = Math.floor(rowCount / tile.rows);
  k.for("tile", full, (index) => {
    emitTile(k, tile.rows, width, runs, weights, start, k.letInt("m", mulInt(index, tile.rows)), finish);
  });
  const rest = rowCount % tile.rows;
  if (rest > 0) emitTile(k, rest, width, runs, weights, start, full * tile.rows, finish);
}

function emitTile(
  k: Build,
  rows: number,
  width: number,
  runs: Runs,
  weights: Place,
  start: Int,
  firstRow: Int,
  finish: (sum: Value, row: Int, column: number) => void,
): void {
  const sums: Register[][] = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: width }, (_, c) => k.let(`acc${r}${c}`, f32(0))),
  );
  const b = k.let("b", i32(start));
  const nest = (at: number, run: readonly Int[]): void => {
    const count = runs.counts[at];
    if (count !== undefined) {
      k.for("tap", count, (index) => nest(at + 1, [...run, index]));
      return;
    }
    const { place, start: from, rowStride } = runs.rows(run, firstRow);
    const a = k.let("a", i32(from));
    k.for("c", runs.length, () => {
      const left = sums.map((_, r) => k.let(`a${r}`, load(place, address(a, r * rowStride))));
      const right = (sums[0] ?? []).map((_, c) => k.let(`b${c}`, load(weights, address(b, c))));
      for (const [r, row] of sums.entries()) {
        for (const [c, sum] of row.entries()) {
          const [l, w] = [left[r], right[c]];
          if (l && w) k.set(sum, madd(l, w, sum));
        }
      }
      k.step(a, 1);
      k.step(b, width);
    });
  };
  nest(0, []);
  for (const [r, row] of sums.entries())
    for (const [c, sum] of row.entries()) finish(sum, addInt(firstRow, r), c);
}

/**
 * Packs a `[depth, columns]` matrix into panels of `width` columns, each `[depth, width]`, the last one narrower: the order
 * in which a tile reads it.
 */
export function packPanels(
  values: Float32Array,
  depth: number,
  columns: number,
  width: number,
): Float32Array {
  const packed = new Float32Array(depth * columns);
  let at = 0;
  for (let first = 0; first < columns; first += width) {
    const last = Math.min(first + width, columns);
    for (let row = 0; row < depth; row += 1) {
      for (let column = first; column < last; column += 1) {
        packed[at] = values[row * columns + column] ?? 0;
        at += 1;
      }
    }
  }
  return packed;
}
