// Tiles: how much of a result a template computes at once. One table per target, chosen by measuring.

/** Tuning of the templates. */
export interface Tile {
  /** Rows (pixels) and columns (output channels) of a matrix product held in registers. */
  readonly rows: number;
  readonly columns: number;
  /** Most pixels of a pointwise block: its rows of A stay in the cache while B streams by. */
  readonly blockPixels: number;
  /** Most output rows that share one copied strip of input rows. */
  readonly stripRows: number;
}

/** JavaScript: 2×4 accumulators reach 4.1 GFLOP/s of 4.3 with 3×3, and divide the usual channel counts. */
export const jsTile: Tile = { rows: 2, columns: 4, blockPixels: 64, stripRows: 8 };

/** The largest divisor of `extent` that is at most `limit`, so that no block is left over. */
export function blockSize(extent: number, limit: number): number {
  for (let size = Math.min(extent, limit); size > 1; size -= 1) if (extent % size === 0) return size;
  return 1;
}
