// Tiles: how much of a result a template computes at once. One table per target, chosen by measurement.

import type { Target } from "#ir/target.js";

/** Tuning of the templates. */
export interface Tile {
  /** Rows (pixels) and columns (output channels) of a matrix product that are held in registers. */
  readonly rows: number;
  readonly columns: number;
  /** The most pixels of a pointwise block: its rows of A stay in the cache while B is read. */
  readonly blockPixels: number;
  /** The most output rows that share one copied strip of input rows. */
  readonly stripRows: number;
  /** The most last-axis vectors that a block of a mapping kernel computes. */
  readonly blockVectors: number;
  /** Neighbouring pixels of a depthwise result that are computed together and share weights and input columns. */
  readonly depthwisePixels: number;
  /** The same for bytes. */
  readonly byteDepthwisePixels: number;
  /** The blocks that a grid should have at least, so that several threads have work. */
  readonly blocks: number;
  /** Items of a block that run in parallel; 1 on a CPU. */
  readonly team: number;
  /**
   * For subgroups with this many items: how many rows of a product a subgroup takes. Its items have neighbouring vecs of columns, each of
   * all rows, so that they share the elements of the rows.
   */
  readonly subgroup?: { readonly items: number; readonly rows: number };
  /**
   * Elements of transformed inputs and products in a block of Winograd's algorithm that stay in a core's cache (1 MiB). A block may have
   * eight times as many if it then reads its weights less often: 28×28×512 takes 30 ms that way, and 38 in blocks that fit.
   */
  readonly winogradScratch: number;
  /**
   * If B has at least this many bytes, and at most this many tiles read a panel of it, each of them prefetches a part of the next panel, and
   * the first the pages of the panel after it. Absent if the target does not use hints.
   */
  readonly ahead?: { readonly bytes: number; readonly tiles: number };
  /** Whether long sums are added up in blocks (`sums.ts`): not if registers hold float64. */
  readonly sumsInBlocks: boolean;
  /** The most sums of a nest of loops that wait in registers while a block is added up; more than these wait in scratch. */
  readonly waitingSums: number;
  /**
   * Windows of up to this many taps are unrolled. Larger ones are loops, because code would grow with their area; so are all windows if a
   * driver takes a tenth of a second for every access in the code.
   */
  readonly writtenTaps: number;
  /** Whether rows of a product that fill no tile take several panels at once, so that they have as many sums as a tile. */
  readonly restTogether: boolean;
  /** The most scratch of a block, in elements; a strip that needs more is read in place. */
  readonly scratch: number;
}

/** The number of threads that should have work in kernels where each block repeats some of the work. */
export const mostThreads = 4;

/**
 * JavaScript: 3×3 sums reach 5.0 GFLOP/s on 196×512×512 (2×4 and 4×2 4.8, 3×4 3.6, 4×4 2.2, Node 20 on Zen 3), and MobileNetV1 takes 248 ms
 * with 3×3, 256 with 2×4. Two depthwise pixels at once reach 2.5 where one reaches 1.8; four gain 1% of the net and make the module a
 * quarter larger.
 */
export const jsTile: Tile = {
  rows: 3,
  columns: 3,
  blockPixels: 128,
  stripRows: 8,
  blockVectors: 256,
  depthwisePixels: 2,
  byteDepthwisePixels: 2,
  blocks: 1,
  team: 1,
  winogradScratch: 2 ** 18,
  sumsInBlocks: false,
  waitingSums: 5,
  writtenTaps: 49,
  restTogether: true,
  scratch: Number.POSITIVE_INFINITY,
};

/**
 * WebAssembly: 4×8 without unrolling keeps all sums in registers (36–50 GFLOP/s); wider tiles spill. Depthwise pixels at once, relaxed SIMD
 * in Node 24 on Zen 4: MobileNetV2 takes 13.4 ms with two, 13.4 with three and 13.1 with four, BlazeFace 1.43, 1.41 and 1.38, MobileNetV1 23.4,
 * 23.3 and 23.0. Without relaxed SIMD there is no difference from two to four. Four make modules a tenth larger.
 *
 * B that is read ahead (relaxed, Node 24; simd, Node 20): ResNet-18 44.2 → 41.5 ms, 44.8 → 42.9; MobileNetV1 25.3 → 24.9, 26.0 → 25.3;
 * MobileNetV2 14.2 → 14.0, 15.9 → 15.5. For eight tiles at most MobileNetV2 takes 2% longer; for 49 or 128 there is no difference.
 * The addresses of pages that are looked up ahead, then: ResNet-18 41.5 → 38.9 ms, VGG-16 213 → 207; the MobileNets take as long (Node 24 on
 * Zen 4). Without lines that are read ahead, these are 41.7 and more. A dense layer of one row is slower with either (14.3 → 17 ms for 392 MiB).
 * Blocks of the depth, so that a part of a panel stays in the nearest cache, gain nothing (48×2304×512, 48×1024×1024).
 */
export const wasmTile: Tile = {
  ...jsTile,
  rows: 4,
  columns: 8,
  blockPixels: 64,
  depthwisePixels: 4,
  ahead: { bytes: 2 ** 16, tiles: 16 },
  blocks: 8,
  sumsInBlocks: true,
};

/** Tuning for targets whose blocks have many items. */
export const manyItems = {
  waitingSums: Number.POSITIVE_INFINITY,
  writtenTaps: 0,
  restTogether: false,
} as const satisfies Partial<Tile>;

/**
 * WebGPU: a tile per invocation; 16 KiB of workgroup memory are what every adapter has. Measured on lavapipe 25 (2 cores of Zen 3, CPU
 * time) with 784×256×256: 8×8 sums 5.8–11 GFLOP/s and 0.4 s to compile, 4×8 5.4–6.0 and 0.3 s, 8×4 4.5–5.3 and 0.25 s, 4×16 5.8 and
 * 0.7 s, 8×16 4.0–5.2 and 0.9 s, 16×4 3.7–6.4 and 0.45 s. Reading four elements of A at once, each times a row of B, gave no more
 * (8×8: 5.2–6.4). The driver takes 20 to 70 ms for every access that is written in a shader: hence loops for taps and for stores.
 *
 * In subgroups of 8, by timestamps, least of 40 runs, between vecs: 16 rows × one vec 37 GFLOP/s and 0.12 s for compiling and the first run, 8 rows
 * × two vecs 34, 8 × one 29, four elements of A at once 13–23; without subgroups 12 and 0.4 s. 16 × one is never slower than without,
 * from 4 rows or 8 columns on. Workgroups of one subgroup or of eight take as long.
 */
export const wgslTile: Tile = {
  ...jsTile,
  ...manyItems,
  depthwisePixels: 1,
  rows: 8,
  columns: 8,
  blockPixels: 32,
  stripRows: 4,
  blocks: 16,
  team: 64,
  subgroup: { items: 8, rows: 16 },
  sumsInBlocks: true,
  scratch: 4096,
};

/** The tile of each target. */
export const tiles: Readonly<Record<Target["name"], Tile>> = {
  js: jsTile,
  wasm: wasmTile,
  wgsl: wgslTile,
};

/** The largest divisor of `extent` that is at most `limit`, so that all blocks are full. */
export function blockSize(extent: number, limit: number): number {
  for (let size = Math.min(extent, limit); size > 1; size -= 1) if (extent % size === 0) return size;
  return 1;
}

/**
 * The same for blocks that gain little by being small, preferably a multiple of `unit`. If all divisors are far below the limit (if the
 * extent is a prime, say), one block takes all.
 */
export function largeBlockSize(extent: number, limit: number, unit = 1): number {
  const even =
    extent % unit === 0 ? unit * blockSize(extent / unit, Math.max(1, Math.floor(limit / unit))) : 0;
  const any = blockSize(extent, limit);
  const size = even * 2 > any ? even : any;
  return size * 8 > Math.min(extent, limit) ? size : extent;
}
