// Products of matrices in kernels whose blocks have many items: each item has a tile of rows and columns.

import { given } from "#diagnostic/given.js";
import { greatest } from "#diagnostic/extremes.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Body } from "../ir/body.js";
import type { Int } from "../ir/expressions.js";
import {
  address,
  addInt,
  broadcast,
  compare,
  f32,
  i32,
  int,
  laneOf,
  load,
  madd,
  mulInt,
  widen,
} from "../ir/expressions.js";
import { addIntegers, dotWords, integers, loadIntegers, toFloats } from "../ir/integer-vecs.js";
import type { Register, Value } from "../ir/ir.js";
import type { Columns } from "./matmul.js";
import { segmentsOf } from "./matmul.js";
import type { Build, Operand } from "./operands.js";
import type { WordRows } from "./words.js";
import { readWord, tapWord } from "./words.js";
import type { Steps } from "./steps.js";
import type { WindowSpec } from "./strip.js";
import { wholeStrip } from "./strip.js";
import { tapAt, loadTap } from "./border.js";
import type { Level } from "./sums.js";
import { productBlock, sumLoops } from "./sums.js";
import { flatItems, pixelAt, teamBlocks } from "./team.js";
import type { Tile } from "./tile.js";

/** A row of A: for each run, a function that reads its elements one by one. */
export type RowReader = (run: readonly Int[]) => ElementReader;

/** The factors of a product: rows that are single pixels, each in place, and a matrix. */
export interface Factors {
  /** Runs as nested counts, and elements of a run: see `Runs`. */
  readonly counts: readonly number[];
  readonly length: number;
  readonly row: (row: Int) => RowReader;
  readonly columns: Columns;
}

/** A product of matrices, or a sum of two. */
export interface TeamProduct extends Factors {
  /** Rows of A, and their actual number, if only the block knows that. */
  readonly rows: number;
  readonly valid?: Int;
  /** Factors with the same rows and columns, whose product is added. */
  readonly added?: Factors;
  readonly finish: (sum: Value, row: Int, column: Int) => void;
}

/** The tile of a product. A single row, as in a dense layer, is divided among more items, unless panels are packed for the tile. */
function tileOf(k: Build, tile: Tile, { rows, columns }: TeamProduct): Tile {
  return rows === 1 && columns.step !== undefined ? { ...tile, columns: k.lanes } : tile;
}

/**
 * Rows of an item's tile. For short runs, as with the three channels of a first layer, computing the addresses of many rows costs too much.
 */
function tileRows(tile: Tile, { rows, counts, length }: TeamProduct): number {
  const isShort = counts.length > 0 && length < tile.rows;
  return Math.min(isShort ? Math.ceil(tile.rows / 2) : tile.rows, rows);
}

/** The number of items of a product. */
export function productItems(k: Build, tile: Tile, product: TeamProduct): number {
  const tiles = Math.ceil(product.rows / tileRows(tile, product));
  const { columns } = product;
  const segments = segmentsOf(k, tileOf(k, tile, product), columns);
  return (
    tiles *
    greatest(
      segments.map(({ count }) => count),
      1,
    )
  );
}

/** A product whose tiles are the items of all blocks; with subgroups, a tile is a subgroup. */
export function gridProduct(k: Build, tile: Tile, product: TeamProduct): Body {
  return {
    blocks: teamBlocks(k, productItems(k, tile, product)),
    write: (block) => emitGridProduct(k, tile, block, product),
    ...subgroupProduct(k, tile, product),
  };
}

/** Emits a product over all blocks of a grid. */
function emitGridProduct(k: Build, tile: Tile, block: Int, product: TeamProduct): void {
  emitTeamProduct(k, tile, product, (count, body) => flatItems(k, block, count, body));
}

/** Emits a product in one block. */
export function emitBlockProduct(k: Build, tile: Tile, product: TeamProduct): void {
  emitTeamProduct(k, tile, product, (count, body) => k.items(["item"], [count], (item = 0) => body(item)));
}

/** Each item has a tile of rows and columns; neighbouring items have neighbouring columns. */
export function emitTeamProduct(
  k: Build,
  tile: Tile,
  product: TeamProduct,
  items: (count: number, body: (item: Int) => void) => void,
): void {
  const { columns, valid = product.rows } = product;
  const rows = tileRows(tile, product);
  const tiles = Math.ceil(product.rows / rows);
  const isEven = typeof valid === "number" && valid === rows;
  for (const { count, first, width, wide } of segmentsOf(k, tileOf(k, tile, product), columns)) {
    const real = count > 1 ? width : Math.min(width, columns.count - first);
    items(tiles * count, (item) => {
      const m = k.letInt("m", mulInt(int("div", item, count), rows));
      const n = k.letInt("n", addInt(mulInt(int("rem", item, count), width), first));
      const rowAt = (r: number): Int => {
        const row = addInt(m, r);
        return isEven ? row : k.letInt("row", int("min", row, addInt(valid, -1)));
      };
      emitProductTile(k, product, {
        m,
        n,
        width,
        real,
        wide,
        rows,
        ...(isEven ? {} : { valid }),
        // Every item reads all rows.
        readers: (factors) => Array.from({ length: rows }, (_, r) => factors.row(rowAt(r))),
        read: (readers, c) => (r) => readers[r]?.(c) ?? bug("a tile without its rows"),
      });
    });
  }
}

/**
 * The grid of a product in subgroups, whose items have neighbouring vecs of columns: each reads some elements of A, and all get them by
 * `broadcast`. Undefined for a single row, whose items share nothing, or if the matrix is packed for other tiles.
 */
function subgroupProduct(k: Build, tile: Tile, product: TeamProduct): Pick<Body, "subgroups"> {
  const { columns, rows: all, valid = all } = product;
  const isWhole = columns.step !== undefined && columns.wide && columns.count % k.lanes === 0;
  if (!tile.subgroup || !isWhole || all === 1) return {};
  const { items } = tile.subgroup;
  const rows = Math.min(tile.subgroup.rows, all);
  const width = items * k.lanes;
  const across = Math.ceil(columns.count / width);
  const each = k.size(across);
  return {
    subgroups: {
      blocks: Math.ceil(all / rows) * across,
      write: (block) =>
        k.items(["item"], [items], (item = 0) => {
          const m = k.letInt("m", mulInt(int("div", block, each), rows));
          const n = k.letInt("n", addInt(mulInt(int("rem", block, each), width), mulInt(item, k.lanes)));
          // Beyond the last row and column, the last ones are computed again, and not stored.
          const rowAt = (own: number): Int =>
            k.letInt("row", int("min", addInt(m, item, own * items), addInt(valid, -1)));
          const readers = (factors: Factors): RowReader[] =>
            Array.from({ length: Math.ceil(rows / items) }, (_, own) => factors.row(rowAt(own)));
          const read = (readers: readonly ElementReader[], c: Int): ((r: number) => Value) => {
            const own = readers.map((reader) => k.let("a", reader(c)));
            return (r) => broadcast(own[Math.floor(r / items)] ?? bug("a row that no item reads"), r % items);
          };
          const near = k.letInt("near", int("min", n, columns.count - k.lanes));
          const store = compare("lt", n, columns.count);
          emitProductTile(k, product, {
            m,
            n: near,
            width: k.lanes,
            real: k.lanes,
            wide: true,
            rows,
            valid,
            store,
            readers,
            read,
          });
        }),
    },
  };
}

/** Reads the elements of a run one by one. */
type ElementReader = (c: Int) => Value;

/**
 * A tile: its sums, and which of them are stored. A tile that reaches over the end computes the last rows again and does not store them. A
 * loop that chooses among the sums stores them, so the code has one store.
 */
function emitProductTile(
  k: Build,
  product: TeamProduct,
  tile: {
    /** The first row and column, and the number of columns. */
    readonly m: Int;
    readonly n: Int;
    readonly width: number;
    /** The columns that exist; in words, the last vec may have more. */
    readonly real: number;
    readonly wide: boolean;
    readonly rows: number;
    /** Rows from here on are not stored; if absent, all are stored. */
    readonly valid?: Int;
    /** Whether anything is stored; if absent, always. */
    readonly store?: Value;
    /** The rows that the item itself reads; from these, a reader for any row of the tile. */
    readonly readers: (factors: Factors) => readonly RowReader[];
    readonly read: (readers: readonly ElementReader[], c: Int) => (row: number) => Value;
  },
): void {
  const { m, n, width, wide, rows, valid } = tile;
  const { words } = product.columns;
  const type = wide ? "vec" : "f32";
  const lanes = wide ? k.lanes : 1;
  const places = Array.from({ length: width / lanes }, (_, c) => c * lanes);
  const readers = tile.readers(product);
  const nothing = words ? integers("i32x4", 0) : widen(f32(0), type);
  const sums = Array.from({ length: rows }, (_, r) =>
    places.map((_place, c) => k.let(`acc${r}${c}`, nothing)),
  );
  const multiplyWords = ({ counts, length, columns }: Factors): void => {
    const b = k.let("b", i32(addInt(columns.start, mulInt(n, 4))));
    k.nest(["ty", "tx"].slice(-counts.length), counts, (...run) => {
      const reads = readers.map((reader) => reader(run));
      k.for("four", length / 4, (four) => {
        const right = places.map((from, at) =>
          k.let(`b${at}`, loadIntegers("i8x16", columns.place, address(b, 4 * from))),
        );
        const left = tile.read(reads, mulInt(four, 4));
        for (const [r, row] of sums.entries()) {
          const factor = k.let(`a${r}`, left(r));
          for (const [at, sum] of row.entries()) k.set(sum, dotWords(right[at] ?? nothing, factor, sum));
        }
        k.step(b, 4 * (columns.step ?? width));
      });
    });
  };
  const multiply = ({ counts, length, columns }: Factors, readers: readonly RowReader[]): void => {
    const offset = columns.step === undefined ? mulInt(n, columns.depth) : n;
    const b = k.let("b", i32(addInt(columns.start, offset)));
    let reads: readonly ElementReader[] = [];
    const inRun = (inner: () => void, ...run: Int[]): void => {
      reads = readers.map((reader) => reader(run.slice(0, counts.length)));
      inner();
    };
    const levels: Level[] = counts.map((count, at) => ({
      name: ["ty", "tx"].slice(-counts.length)[at] ?? "run",
      count,
      ...(at === counts.length - 1 ? { around: inRun } : {}),
    }));
    if (counts.length === 0) inRun(() => {});
    const step = (added: readonly Register[], ...at: Int[]): void => {
      const right = places.map((from, at) => k.let(`b${at}`, load(columns.place, address(b, from), type)));
      const left = tile.read(reads, at.at(-1) ?? 0);
      for (let r = 0; r < rows; r += 1) {
        const factor = k.let(`a${r}`, widen(left(r), type));
        for (const at of places.keys()) {
          const sum = added[r * places.length + at];
          if (sum) k.set(sum, madd(factor, right[at] ?? f32(0), sum));
        }
      }
      k.step(b, columns.step ?? width);
    };
    sumLoops(k, sums.flat(), [...levels, { name: "c", count: length }], step, productBlock);
  };
  if (words) multiplyWords(product);
  else multiply(product, readers);
  if (product.added) multiply(product.added, tile.readers(product.added));
  const storeRows = (): void =>
    k.for("r", rows, (r) => {
      const row = addInt(m, r);
      const store = (): void => {
        for (const [at, place] of places.entries()) {
          const [start = f32(0), ...more] = sums.map((sum) => sum[at] ?? f32(0));
          const chosen = more.reduce(
            (value, sum, before): Value => ({
              kind: "select",
              type: start.type,
              if: compare("eq", r, before + 1),
              then: sum,
              otherwise: value,
            }),
            start,
          );
          const sum = k.let("sum", chosen);
          const column = int("add", n, place);
          if (words) finishWords(k, product, { sum, row, column, lanes: Math.min(lanes, tile.real - place) });
          else product.finish(sum, row, column);
        }
      };
      if (valid === undefined) store();
      else k.guard(compare("lt", row, valid), store);
    });
  if (tile.store) k.guard(tile.store, storeRows);
  else storeRows();
}

/** Adds the bias to a sum of words, and finishes the columns that exist. */
function finishWords(
  k: Build,
  { columns, finish }: TeamProduct,
  of: { readonly sum: Value; readonly row: Int; readonly column: Int; readonly lanes: number },
): void {
  const { sum, row, column, lanes } = of;
  const bias = columns.words?.bias;
  const whole = toFloats(bias ? addIntegers(sum, loadIntegers("i32x4", bias, address(column))) : sum);
  if (lanes === k.lanes) return finish(whole, row, column);
  const all = k.let("some", whole);
  for (let lane = 0; lane < lanes; lane += 1) finish(laneOf(all, lane), row, addInt(column, lane));
}

/** Rows of a matrix, `stride` apart, from `start` on. */
export function plainRow(
  k: Build,
  x: Pick<Operand, "place" | "stride"> & Partial<Pick<Operand, "wide">>,
  start: Int,
  words?: WordRows,
): (row: Int) => RowReader {
  return (row) => {
    const a = k.letInt("a", addInt(start, mulInt(row, x.stride)));
    if (words) return () => (c) => readWord(x, addInt(a, c), words);
    return () => (c) => load(x.place, address(addInt(a, c)));
  };
}

/** Rows that are the windows of a result's pixels: a run for every tap. */
export function windowRow(
  k: Build,
  x: Operand,
  window: WindowSpec,
  shape: readonly number[],
  prologue: Steps | undefined,
  words?: WordRows,
): (row: Int) => RowReader {
  return (pixel) => {
    const { sample, row, column } = pixelAt(k, pixel, shape);
    const strip = wholeStrip(k, x, window, sample, { fill: 0, ...given({ prologue }) });
    const { border } = strip;
    return ([ty = 0, tx = 0]) => {
      const down = addInt(mulInt(row, k.size(window.stride[0])), mulInt(ty, window.dilation[0]));
      const across = addInt(mulInt(column, k.size(window.stride[1])), mulInt(tx, window.dilation[1]));
      if (border) {
        const tap = tapAt(k, border, down, across);
        return (c) => (words ? tapWord(border, tap, c, words) : loadTap(border, tap, c, "f32"));
      }
      const a = k.letInt(
        "a",
        addInt(strip.base, mulInt(down, strip.rowStride), mulInt(across, strip.pixelStride)),
      );
      return (c) => (words ? readWord(strip, addInt(a, c), words) : load(strip.place, address(addInt(a, c))));
    };
  };
}
