// The core of pointwise, dense and direct convolutions: a register tile of rows × columns of the result.

import type { Border, Tap } from "./border.js";
import { loadTap } from "./border.js";
import type { Int, Width } from "../ir/expressions.js";
import type { Loops } from "../ir/build.js";
import { address, addInt, f32, horizontal, i32, int, load, madd, mulInt, widen } from "../ir/expressions.js";
import type { Place, Register, Value } from "../ir/ir.js";
import type { Build } from "./operands.js";
import type { Within } from "./strip.js";
import type { Level } from "./sums.js";
import { productBlock, sumLoops } from "./sums.js";
import type { ByteColumns } from "./byte-tile.js";
import { emitByteTile } from "./byte-tile.js";
import type { RowPairs } from "./row-pairs.js";
import { divided, joinTwo } from "./row-pairs.js";
import type { Ahead } from "./read-ahead.js";
import { isStreamed, readAhead } from "./read-ahead.js";
import type { Tile } from "./tile.js";
import { blockSize } from "./tile.js";

/** Rows of A that a tile reads: element c of row r is at `start + r·rowStride + c`. */
interface Rows {
  readonly place: Place;
  readonly start: Int;
  readonly rowStride: number;
  /** The same rows in pairs, if they have been joined in scratch. */
  readonly pairs?: RowPairs;
  /** Rows that may be in a border: then each is a separate tap, and `channel` is where its run begins. */
  readonly taps?: { readonly border: Border; readonly channel: Int; readonly at: (row: number) => Tap };
}

/**
 * A sum of products A·B: for every run, `length` consecutive elements of each row of A are multiplied by `length` rows of B. A pointwise
 * product has one run; a convolution has one per tap of its window.
 */
export interface Runs {
  /** The number of runs, as nested constant counts (window rows, window columns). */
  readonly counts: readonly number[];
  readonly length: number;
  /** The rows of a run, from its indices, the line, and the first row of the tile in the line. */
  readonly rows: (run: readonly Int[], line: Int, row: Int) => Rows;
}

/** B: packed in panels one after another, or a matrix in memory with `step` elements from row to row. */
export interface Columns {
  readonly place: Place;
  /** The place of the first element in the parameter. */
  readonly start: Int;
  /** Rows of B. */
  readonly depth: number;
  readonly count: number;
  /** For a matrix in memory; absent for panels. */
  readonly step?: number;
  /** Whether B can be read as vecs. */
  readonly wide: boolean;
  /**
   * Whether remaining columns, fewer than the lanes, are packed as vecs of neighbouring rows. Each is then a sum over the lanes, for which
   * rows of A are read as vecs, in runs of a multiple of the lanes.
   */
  readonly deep?: boolean;
  /**
   * Present if two rows of A share a register (`row-pairs.ts`): elements of A are whole numbers, all products are multiples of this power of two,
   * and all sums smaller than `largestOfTwo` such units.
   */
  readonly twoRows?: number;
  /** Present if the factors are bytes. Then elements of B are bytes, and `depth` is a multiple of four for each run. */
  readonly bytes?: ByteColumns;
  /** Present if items multiply words of bytes: four rows of B after another are in one row of words. Sums begin with the bias, which is i32. */
  readonly words?: { readonly bias?: Place };
}

export interface Product {
  /** Lines of rows, such as the rows of an image; tiles stay within a line. */
  readonly lines: number;
  /** For lines that not every block has. */
  readonly within?: Within;
  /** Rows of A in a line. */
  readonly rows: number;
  readonly runs: Runs;
  readonly columns: Columns;
  /** Which part of the columns to compute, if several blocks share them: block number and count. */
  readonly part?: { readonly index: Int; readonly count: number };
  /** Receives the finished sum, of one column or of a vec of columns. */
  readonly finish: (sum: Value, line: Int, row: Int, column: Int) => void;
}

/** Some panels of equal width. */
export interface Segment {
  readonly count: number;
  readonly first: number;
  /** Columns of a panel, and whether they are vecs. */
  readonly width: number;
  readonly wide: boolean;
}

/** The panels of some columns: full tiles, then the rest as vecs, then single columns; or, of bytes, the rest as vecs that may not be full. */
export function segmentsOf(
  k: Build,
  tile: Tile,
  {
    count,
    wide,
    bytes,
    words,
  }: Pick<Columns, "count" | "wide"> & { readonly bytes?: unknown; readonly words?: unknown },
): Segment[] {
  const lanes = wide ? k.lanes : 1;
  const width = Math.max(lanes, Math.floor(tile.columns / lanes) * lanes);
  const full = Math.floor(count / width);
  const rest = count - full * width;
  const vecs = (bytes || words ? Math.ceil(rest / lanes) : Math.floor(rest / lanes)) * lanes;
  return [
    { count: full, first: 0, width, wide: lanes > 1 },
    { count: vecs > 0 ? 1 : 0, first: full * width, width: vecs, wide: lanes > 1 },
    { count: rest > vecs ? 1 : 0, first: full * width + vecs, width: rest - vecs, wide: false },
  ].filter((segment) => segment.count > 0);
}

/** The widths of the panels in which a product reads its packed columns. */
export function panelWidths(k: Build, tile: Tile, columns: number, ofBytes = false): number[] {
  return segmentsOf(k, tile, { count: columns, wide: true, bytes: ofBytes }).flatMap(({ count, width }) =>
    new Array<number>(count).fill(width),
  );
}

/** Calls `each` for the panels of packed columns: the first column, how many, and whether they are vecs. */
export function eachPanel(
  k: Build,
  tile: Tile,
  columns: number,
  each: (first: Int, width: number, lanes: Width) => void,
): void {
  for (const segment of segmentsOf(k, tile, { count: columns, wide: true }))
    k.items(["panel"], [segment.count], (panel = 0) =>
      each(
        k.letInt("n", addInt(mulInt(panel, segment.width), segment.first)),
        segment.width,
        segment.wide ? "vec" : "f32",
      ),
    );
}

/**
 * Into how many parts of equal panels the columns can be divided, at most `wanted`; 1 if panels would remain. An even number is preferred
 * to one more or a few more: of 5 parts, one of two threads has 3.
 */
export function columnParts(k: Build, tile: Tile, columns: Columns, wanted: number): number {
  const [only, ...more] = segmentsOf(k, tile, columns);
  if (!only || more.length > 0) return 1;
  const most = blockSize(only.count, wanted);
  const even = only.count % 2 === 0 && wanted > 1 ? 2 * blockSize(only.count / 2, Math.floor(wanted / 2)) : 1;
  return even * 2 > most ? even : most;
}

/**
 * Emits loops over all panels, lines and row tiles. Panels are the outer loop, so that one panel stays in the nearest cache while the rows
 * are read. The remainders at the right and at the bottom get separate, narrower tiles.
 */
export function emitMatmul(k: Build, usual: Tile, product: Product, loops: Loops = k.items): void {
  const { columns, part } = product;
  const perRegister = columns.twoRows ? 2 : 1;
  const tile = { ...usual, rows: columns.bytes?.rows ?? perRegister * usual.rows };
  for (const segment of segmentsOf(k, tile, columns)) {
    const panels = segment.count / (part?.count ?? 1);
    const firstPanel = part ? mulInt(part.index, panels) : 0;
    const full = Math.floor(product.rows / tile.rows);
    const rest = product.rows - full * tile.rows;
    const tiles = product.lines * full;
    const isReadAhead =
      tile.ahead !== undefined && tiles <= tile.ahead.tiles && isStreamed(segment, columns, tile.ahead.bytes);
    const emit = (
      panel: Int,
      line: Int,
      row: Int,
      { ahead, ...of }: { readonly rows: number; readonly panels: number; readonly ahead?: Ahead },
    ): void => {
      const column = k.letInt("n", addInt(mulInt(addInt(firstPanel, panel), segment.width), segment.first));
      const { within = (_line, body) => body() } = product;
      const emitOne = columns.bytes ? emitByteTile : emitTile;
      within(line, () =>
        emitOne(k, {
          product,
          segment,
          ...of,
          line,
          row,
          column,
          ...(ahead && isReadAhead ? { ahead } : {}),
        }),
      );
    };
    const group = tile.restTogether ? panelsOfRest(tile, rest, panels, perRegister) : panels;
    const groups = Math.floor(panels / group);
    const emitPanels = (first: Int, count: number, many: Loops): void => {
      many(["panel", "line", "tile"], [count, product.lines, full], (panel, line, index) =>
        emit(addInt(first, panel ?? 0), line ?? 0, k.letInt("m", mulInt(index ?? 0, tile.rows)), {
          rows: tile.rows,
          panels: 1,
          ahead: { tile: addInt(mulInt(line ?? 0, full), index ?? 0), tiles },
        }),
      );
      if (rest === 0) return;
      const atOnce = tile.restTogether ? count : 1;
      many(["panel", "line"], [count / atOnce, product.lines], (panel, line) =>
        emit(addInt(first, panel ?? 0), line ?? 0, full * tile.rows, { rows: rest, panels: atOnce }),
      );
    };
    if (groups === 1) emitPanels(0, group, loops);
    else
      k.for("group", groups, (index) => emitPanels(k.letInt("first", mulInt(index, group)), group, k.nest));
    const left = panels - groups * group;
    if (left > 0) emitPanels(groups * group, left, loops);
  }
}

/**
 * How many panels a tile of the remaining rows takes at once. It has as many sums as a full tile, because with fewer sums the processor
 * waits for each addition. It takes a few panels less rather than leave some panels to be done one by one.
 */
function panelsOfRest(tile: Tile, rows: number, panels: number, perRegister: number): number {
  if (rows === 0) return panels;
  const most = Math.min(panels, Math.floor(tile.rows / perRegister / Math.ceil(rows / perRegister)));
  const even = blockSize(panels, most);
  return even * 2 > most ? even : most;
}

function emitTile(
  k: Build,
  at: {
    readonly ahead?: Ahead;
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
  const { width, wide } = at.segment;
  const lanes = wide ? k.lanes : 1;
  // Elements of the depth that an iteration takes.
  const deep = columns.deep && !wide ? k.lanes : 1;
  const type = wide || deep > 1 ? "vec" : "f32";
  const places = Array.from({ length: (at.panels * width) / lanes }, (_, c) => c * lanes);
  // Panels follow one another in memory; the columns of a matrix are adjacent.
  const inColumns = (column: number): number =>
    columns.step === undefined
      ? Math.floor(column / width) * width * columns.depth + (column % width)
      : column;
  const units = unitsOf(at.rows, columns);
  const sums: Register[][] = units.map((_unit, r) =>
    places.map((_place, c) => k.let(`acc${r}${c}`, widen(f32(0), type))),
  );
  const offset = columns.step === undefined ? mulInt(at.column, columns.depth) : at.column;
  const b = k.let("b", i32(addInt(columns.start, offset)));
  const ahead =
    at.ahead &&
    readAhead(k, at.ahead, { columns, segment: at.segment, offset, length: runs.length, unit: 1 });
  // The rows of the run that the loops are in.
  let a: ReturnType<typeof makeRows> | undefined;
  const multiply = (added: readonly Register[]): void => {
    const right = places.map((from, c) => {
      const value = load(columns.place, address(b, inColumns(from) * deep), type);
      // A value that only one row needs takes no register.
      return sums.length > 1 ? k.let(`b${c}`, value) : value;
    });
    for (const r of sums.keys()) {
      const [first = f32(0), second] = (units[r] ?? []).map((row) => a?.read(row, deep > 1 ? "vec" : "f32"));
      const both = second ? (a?.pair(r) ?? joinTwo(first, second)) : first;
      const left = k.let(`a${r}`, widen(both, type));
      for (const [c, factor] of right.entries()) {
        const sum = added[r * places.length + c];
        if (sum) k.set(sum, madd(left, factor, sum));
      }
    }
    k.step(b, columns.step ?? width * deep);
    if (runs.length > deep) a?.step(deep);
  };
  const levels: Level[] = runs.counts.map((count, at) => ({
    name: ["ty", "tx"].slice(-runs.counts.length)[at] ?? "run",
    count,
  }));
  const inRun = (inner: () => void, ...run: Int[]): void => {
    a = makeRows(k, runs.rows(run.slice(0, levels.length), at.line, at.row), at.rows);
    inner();
  };
  const loops: Level[] = ahead
    ? [
        {
          name: "part",
          count: runs.length / ahead.rows,
          around: (inner) => {
            ahead.emit();
            inner();
          },
        },
        { name: "c", count: ahead.rows },
      ]
    : [{ name: "c", count: runs.length / deep }];
  const last = levels.at(-1);
  if (last) levels[levels.length - 1] = { ...last, around: inRun };
  else inRun(() => {});
  sumLoops(k, sums.flat(), [...levels, ...loops], multiply, productBlock);
  for (const [r, row] of sums.entries())
    for (const [c, sum] of row.entries()) {
      const parts =
        units[r]?.length === 2
          ? divided(k, sum, columns.twoRows ?? 1)
          : [deep > 1 ? horizontal("add", sum) : sum];
      for (const [part, one] of parts.entries())
        finish(
          one,
          at.line,
          addInt(at.row, (units[r]?.[0] ?? 0) + part),
          int("add", at.column, places[c] ?? 0),
        );
    }
}

/** The rows of a tile, as registers hold them. */
function unitsOf(rows: number, { twoRows }: Columns): readonly (readonly number[])[] {
  const size = twoRows ? 2 : 1;
  return Array.from({ length: Math.ceil(rows / size) }, (_, unit) =>
    Array.from({ length: Math.min(size, rows - unit * size) }, (_row, at) => unit * size + at),
  );
}

/** Reads the rows of A, as one element each or as a vec, from registers that are incremented; rows of one place share a register. */
function makeRows(
  k: Build,
  { place, start, rowStride, taps, pairs }: Rows,
  count: number,
): {
  readonly read: (row: number, width: Width) => Value;
  readonly pair: (unit: number) => Value | undefined;
  readonly step: (elements: number) => void;
} {
  if (!taps) {
    const isPaired = pairs !== undefined && count > 1;
    const a = isPaired && count % 2 === 0 ? undefined : k.let("a", i32(start));
    const p = isPaired ? k.let("p", i32(pairs.start)) : undefined;
    return {
      read: (row, width) => (a ? load(place, address(a, row * rowStride), width) : f32(0)),
      pair: (unit) => (p && pairs ? load(pairs.place, address(p, unit * pairs.stride), "f32") : undefined),
      step: (elements) => {
        if (a) k.step(a, elements);
        if (p) k.step(p, elements);
      },
    };
  }
  const { border, channel } = taps;
  const all = Array.from({ length: count }, (_, row) => taps.at(row));
  // The channel within the pixel, which steps before the window may need.
  const c = k.let("channel", i32(channel));
  return {
    read: (row, width) => {
      const tap = all[row];
      return tap ? loadTap(border, tap, c, width) : f32(0);
    },
    pair: () => undefined,
    step: (elements) => k.step(c, elements),
  };
}
