// Products of large matrices on kernels that we compile: nets of one `matmul` each, applied to tiles of larger products.

import { compile } from "#compile/compile.js";
import { load } from "#compile/load.js";
import { bug } from "#diagnostic/diagnostic.js";
import type { Net } from "#runtime/types.js";
import { packLeft, packRight, panel } from "./pack-tiles.js";
import { pause } from "../pause.js";

/** A matrix, dense and row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** A matrix that products are added to. In float64 many products can be added without loss. */
export interface Sums {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array | Float64Array;
}

interface MultiplyOptions {
  /** Multiplies by aᵀ instead of a. */
  readonly transposeA?: boolean;
  /** Multiplies by bᵀ instead of b. */
  readonly transposeB?: boolean;
}

interface AddOptions extends MultiplyOptions {
  /**
   * Computes only tiles that touch the lower triangle (with the diagonal): half of the work for a symmetric product. The sums above
   * the diagonal are then invalid until `mirrorLower` fills them.
   */
  readonly lower?: boolean;
}

/** Multiplies matrices. Holds the memory of the kernels that were needed so far (under 1 MiB each). */
export interface Products {
  /** a · b. Throws `RangeError` if the extents do not fit. */
  multiply(a: Matrix, b: Matrix, options?: MultiplyOptions): Promise<Matrix>;
  /** Adds a · b to `sums`. Throws `RangeError` if the extents do not fit. */
  addProduct(sums: Sums, a: Matrix, b: Matrix, options?: AddOptions): Promise<void>;
  /** The number of threads that shared the largest tiles so far. */
  threads(): number;
  /** Frees the kernels and ends their threads. */
  dispose(): void;
}

export interface ProductOptions {
  /** The number of threads that share large tiles, where memory can be shared; 1 by default. */
  readonly threads?: number;
}

/**
 * Extents of tiles: rows of a, depth, and columns of b. A tile of full size takes 2 · 8.4 million operations and fits into the caches of a
 * core (a and b 256 KiB each). Smaller tiles take the rest.
 */
const extents = {
  rows: [128, 64, 32, 16],
  depth: [512, 256, 128, 64, 32],
  columns: [128, 64, 32, 16],
} as const;

/**
 * The least work, in thousands of operations, for which threads share a tile: 70 µs of work. Between tiles, other threads do not fall asleep and
 * no thread waits for a message. So sharing pays for less work than the half millisecond that `load` requires by default.
 */
const leastWork = 1000;

/** The elements of packed b that each row of tiles of a uses again: 8 MiB. */
const mostPacked = 2 ** 21;

/**
 * Products of any sizes, in f32 like all kernels. A sum over the depth consists of the sums of tiles, in which no term
 * goes through more than 8·√512 + 8 roundings (`src/kernel/part/sums.ts`). The sums of tiles are added in float64.
 */
export function openProducts({ threads = 1 }: ProductOptions = {}): Products {
  const opened = new Map<string, Promise<ProductKernel>>();
  const free: Workspace[] = [];
  let most = 1;
  const open = (size: TileSize): Promise<ProductKernel> => {
    const name = nameOf(size);
    const known = opened.get(name) ?? openKernel(name, size, threads);
    opened.set(name, known);
    return known;
  };

  async function addProduct(sums: Sums, a: Matrix, b: Matrix, options: AddOptions = {}): Promise<void> {
    const { transposeA = false, transposeB = false, lower = false } = options;
    const [rows, depth] = transposeA ? [a.columns, a.rows] : [a.rows, a.columns];
    const [inner, columns] = transposeB ? [b.columns, b.rows] : [b.rows, b.columns];
    if (depth !== inner || sums.rows !== rows || sums.columns !== columns)
      throw new RangeError(
        `[${rows}, ${depth}] · [${inner}, ${columns}] does not give [${sums.rows}, ${sums.columns}]`,
      );
    const [downs, steps, across] = [
      spansOf(rows, extents.rows),
      spansOf(depth, extents.depth),
      spansOf(columns, extents.columns),
    ];
    const kernels = new Map<string, ProductKernel>();
    for (const size of sizesOf(downs, steps, across)) {
      const kernel = await open(size);
      kernels.set(nameOf(size), kernel);
      most = Math.max(most, kernel.net.threads);
    }
    const memory = free.pop() ?? new Workspace();
    const tiles: ProductTask = { sums, a, b, transposeA, transposeB, lower, steps, kernels, memory };
    const padded = steps.reduce((sum, { size }) => sum + size, 0);
    const perGroup = Math.max(1, Math.floor(mostPacked / Math.max(1, padded * extents.columns[0])));
    for (let group = 0; group < across.length; group += perGroup)
      await addColumns(tiles, downs, across.slice(group, group + perGroup), padded);
    free.push(memory);
  }

  return {
    addProduct,
    async multiply(a, b, options = {}) {
      const rows = options.transposeA ? a.columns : a.rows;
      const columns = options.transposeB ? b.rows : b.columns;
      const product = { rows, columns, data: new Float32Array(rows * columns) };
      await addProduct(product, a, b, options);
      return product;
    },
    threads: () => most,
    dispose() {
      for (const kernel of opened.values())
        kernel.then(
          ({ net }) => net.dispose(),
          () => {},
        );
      opened.clear();
    },
  };
}

/** Memory for packed tiles, which the next product reuses: allocating it would cost as much as a small product. */
class Workspace {
  left = new Float32Array(0);
  right = new Float32Array(0);
  readonly summed = new Float64Array(extents.rows[0] * extents.columns[0]);

  /** Makes room; the contents are lost. */
  fit(left: number, right: number): void {
    if (this.left.length < left) this.left = new Float32Array(left);
    if (this.right.length < right) this.right = new Float32Array(right);
  }
}

/** The operands and options of one product. */
interface ProductTask {
  readonly sums: Sums;
  readonly a: Matrix;
  readonly b: Matrix;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly lower: boolean;
  readonly steps: readonly Span[];
  readonly kernels: ReadonlyMap<string, ProductKernel>;
  readonly memory: Workspace;
}

/** Adds some columns of the product: packs those columns of b once, and the rows of a once for all of them. */
async function addColumns(
  { sums, a, b, transposeA, transposeB, lower, steps, kernels, memory }: ProductTask,
  downs: readonly Span[],
  across: readonly Span[],
  padded: number,
): Promise<void> {
  const widest = across.reduce((sum, { size }) => sum + size, 0);
  memory.fit((downs[0]?.size ?? 0) * padded, widest * padded);
  let next = 0;
  const right = across.map((span) => ({
    span,
    parts: steps.map((step) => {
      const part = memory.right.subarray(next, next + span.size * step.size);
      next += part.length;
      packRight(b, step, span, transposeB, part);
      return part;
    }),
  }));
  for (const down of downs) {
    const needed = right.filter(({ span }) => !lower || span.from < down.from + down.used);
    if (needed.length === 0) continue;
    const left = steps.map((step) => {
      const part = memory.left.subarray(down.size * step.from, down.size * (step.from + step.size));
      packLeft(a, down, step, transposeA, part);
      return part;
    });
    for (const { span, parts } of needed) {
      const summed = steps.length > 1 ? memory.summed.subarray(0, down.size * span.size).fill(0) : undefined;
      for (const [at, step] of steps.entries()) {
        const kernel = kernels.get(nameOf({ rows: down.size, depth: step.size, columns: span.size }));
        const [partA, partB] = [left[at], parts[at]];
        if (!kernel || !partA || !partB) return bug("a tile of a product has no kernel");
        const product = kernel.run(partA, partB);
        if (summed) addTo(summed, product);
        else addTile(sums, product, down, span);
      }
      if (summed) addTile(sums, summed, down, span);
    }
    await pause();
  }
}

/** Copies the elements below the diagonal of a square matrix to those above it. */
export function mirrorLower({ rows, columns, data }: Sums): void {
  for (let row = 0; row < rows; row += 1)
    for (let column = row + 1; column < columns; column += 1)
      data[row * columns + column] = data[column * columns + row] ?? 0;
}

/** A part of an axis that one tile takes: `size` is the extent of the tile, of which `used` elements exist. */
export interface Span {
  readonly from: number;
  readonly size: number;
  readonly used: number;
}

/** Divides an axis into spans. An extent is taken if at least three quarters of it are used; the smallest extent takes the rest. */
function spansOf(extent: number, sizes: readonly number[]): Span[] {
  const spans: Span[] = [];
  for (let from = 0; from < extent;) {
    const left = extent - from;
    const size = sizes.find((one) => 3 * one <= 4 * left) ?? sizes.at(-1) ?? left;
    const used = Math.min(size, left);
    spans.push({ from, size, used });
    from += used;
  }
  return spans;
}

interface TileSize {
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}

function nameOf({ rows, depth, columns }: TileSize): string {
  return `product_${rows}x${depth}x${columns}`;
}

/** Each size of tile that the spans of three axes give, once. */
function sizesOf(downs: readonly Span[], steps: readonly Span[], across: readonly Span[]): TileSize[] {
  const [rows, depths, columns] = [downs, steps, across].map(
    (spans) => new Set(spans.map(({ size }) => size)),
  );
  return [...(rows ?? [])].flatMap((row) =>
    [...(depths ?? [])].flatMap((depth) =>
      [...(columns ?? [])].map((column) => ({ rows: row, depth, columns: column })),
    ),
  );
}

interface ProductKernel {
  readonly net: Net;
  /** The product of packed tiles, in panels; valid until the next run. */
  readonly run: (left: Float32Array, right: Float32Array) => Float32Array;
}

/**
 * b comes in panels of 8 columns, each a matrix, as the register tile of the kernel reads them. With 128×512×128 this reaches 45 GFLOP/s, copies
 * in and out included, on one core of Zen 3. A matrix whose rows have 512 elements, which share few cache lines, reaches 31.
 */
async function openKernel(
  name: string,
  { rows, depth, columns }: TileSize,
  threads: number,
): Promise<ProductKernel> {
  const { value, diagnostics } = compile(
    `net ${name} {
      input a: f32[1, ${rows}, ${depth}]
      input b: f32[${columns / panel}, ${depth}, ${panel}]
      y = matmul(a, b)
      output y
    }`,
  );
  const artifact = value ?? bug(`${name}: ${diagnostics[0]?.message ?? "no artifact"}`);
  const net = await load(artifact, { threads, leastWork });
  const into = { y: new Float32Array(rows * columns) };
  return {
    net,
    run: (a, b) => {
      net.runSync({ a, b }, { into });
      return into.y;
    },
  };
}

function addTo(sums: Float64Array, terms: Float32Array): void {
  for (let index = 0; index < sums.length; index += 1) sums[index] = (sums[index] ?? 0) + (terms[index] ?? 0);
}

/** Adds a tile that is stored in panels. */
function addTile({ columns, data }: Sums, tile: Float32Array | Float64Array, down: Span, across: Span): void {
  for (let first = 0; first < across.used; first += panel) {
    const width = Math.min(panel, across.used - first);
    for (let row = 0; row < down.used; row += 1) {
      const from = first * down.size + row * panel;
      const to = (down.from + row) * columns + across.from + first;
      for (let column = 0; column < width; column += 1)
        data[to + column] = (data[to + column] ?? 0) + (tile[from + column] ?? 0);
    }
  }
}
