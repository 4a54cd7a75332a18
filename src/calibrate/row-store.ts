// Stores rows, for algorithms that need single positions and not only their moments.

import type { Matrix } from "./algebra/products.js";

export interface RowStore {
  /** Takes rows of each part, copied. Throws `RangeError` if the numbers of rows differ, or if they do not fit. */
  add(...parts: readonly Float32Array[]): void;
  /** The rows so far, a matrix for each part. The matrices are views that later rows do not change. */
  matrices(): Matrix[];
  /** The number of rows so far, and the number that fit. */
  readonly count: number;
  readonly capacity: number;
}

/** How many rows of parts with these widths fit into so many bytes. */
export function rowsThatFit(widths: readonly number[], bytes: number): number {
  return Math.floor(bytes / (4 * widths.reduce((sum, width) => sum + width, 0)));
}

/** A store of `capacity` rows, with parts of these widths (for instance a patch and its response). Allocates its memory at once. */
export function createRowStore(widths: readonly number[], capacity: number): RowStore {
  const stores = widths.map((width) => new Float32Array(width * capacity));
  let count = 0;
  return {
    capacity,
    get count() {
      return count;
    },
    add(...parts) {
      const rows = (parts[0]?.length ?? 0) / (widths[0] ?? 1);
      const fits = widths.every((width, at) => parts[at]?.length === rows * width);
      if (!fits || parts.length !== widths.length || !Number.isInteger(rows))
        throw new RangeError(
          `${parts.map(({ length }) => length).join(", ")} elements for rows of ${widths.join(", ")}`,
        );
      if (count + rows > capacity) throw new RangeError(`${count + rows} rows for a store of ${capacity}`);
      for (const [at, part] of parts.entries()) stores[at]?.set(part, count * (widths[at] ?? 0));
      count += rows;
    },
    matrices: () =>
      stores.map((store, at) => {
        const columns = widths[at] ?? 0;
        return { rows: count, columns, data: store.subarray(0, count * columns) };
      }),
  };
}
