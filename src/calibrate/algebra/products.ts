// Products of large matrices on our own kernels: nets of one `matmul` each, and larger products in tiles around them.

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
  /** The product has aᵀ in the place of a. */
  readonly transposeA?: boolean;
  /** The product has bᵀ in the place of b. */
  readonly transposeB?: boolean;
}

interface AddOptions extends MultiplyOptions {
  /**
   * Only tiles that touch the lower triangle (with the diagonal) are computed: half of the work where the product is symmetric. Above
   * the diagonal the sums are then not to be used; `mirrorLower` fills them.
   */
  readonly lower?: boolean;
}

/** What multiplies matrices; it holds the memory of the kernels that were needed so far (under 1 MiB each). */
export interface Products {
  /** a · b. Throws `RangeError` if the extents do not fit. */
  multiply(a: Matrix, b: Matrix, options?: MultiplyOptions): Promise<Matrix>;
  /** Adds a · b to `sums`. Throws `RangeError` if the extents do not fit. */
  addProduct(sums: Sums, a: Matrix, b: Matrix, options?: AddOptions): Promise<void>;
  /** How many threads share the largest tiles that there were so far. */
  threads(): number;
  /** Frees the kernels and ends their threads. */
  dispose(): void;
}

export interface ProductOptions {
  /** How many threads share large tiles, where memory can be shared; 1 by default. */
  readonly threads?: number;
}

/**
 * Extents of tiles: rows of a, depth, and columns of b. A tile of full size is 2 · 8.4 million operations, and lies in the caches of a
 * core (a and b 256 KiB each). A smaller one takes what is left over.
 */
const extents = {
  rows: [128, 64, 32, 16],
  depth: [512, 256, 128, 64, 32],
  columns: [128, 64, 32, 16],
} as const;

/**
 * Thousands of operations from which on threads share a tile: 70 µs of work. Others than the caller's thread find the next tile before they
 * fall asleep, and nothing waits for a message, so that less than the half millisecond pays that `load` asks for by default.
 */
const leastWork = 1000;

/** Elements of packed b that are used again for each row of tiles of a: 8 MiB. */
const mostPacked = 2 ** 21;

/**
 * Products of any sizes: f32 as everything that kernels compute. A sum over the depth is made of tiles' sums, in each of which no term
 * goes through more than 8·√512 + 8 roundings (`src/kernel/part/sums.ts`); the tiles' sums are added in float64.
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

/** Memory for packed tiles, used again by the next product: to take it anew costs as much as a small product. */
class Workspace {
  left = new Float32Array(0);
  right = new Float32Array(0);
  readonly summed = new Float64Array(extents.rows[0] * extents.columns[0]);

  /** Makes room; what is there is lost. */
  fit(left: number, right: number): void {
    if (this.left.length < left) this.left = new Float32Array(left);
    if (this.right.length < right) this.right = new Float32Array(right);
  }
}

/** A product under way. */
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

/** Some columns of the product: those of b are packed once, and the rows of a once for all of them. */
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

/** Copies what stands below the diagonal of a square matrix above it. */
export function mirrorLower({ rows, columns, data }: Sums): void {
  for (let row = 0; row < rows; row += 1)
    for (let column = row + 1; column < columns; column += 1)
      data[row * columns + column] = data[column * columns + row] ?? 0;
}

/** A part of an axis that a tile takes: `size` is the extent of the tile, of which `used` elements are there. */
export interface Span {
  readonly from: number;
  readonly size: number;
  readonly used: number;
}

/** The spans of an axis. An extent is taken once three quarters of it are used; the smallest takes what is left. */
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

/** Each size of tile that the spans of three axes make, once. */
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
  /** The product of packed tiles, in panels; it lives until the next run. */
  readonly run: (left: Float32Array, right: Float32Array) => Float32Array;
}

/**
 * b comes in panels of 8 columns, each a matrix of its own, as the kernel's tile reads them: 45 GFLOP/s with copies in and out on one
 * core of Zen 3 with 128×512×128, where a matrix whose rows are 512 elements long, which share few lines of the cache, takes 31.
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

/** Adds a tile that lies in panels. */
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
