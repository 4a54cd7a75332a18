// Rows that are kept, for what must look at single positions and not at their moments alone.

import type { Matrix } from "./algebra/products.js";

export interface RowStore {
  /** Takes rows of each part, copied. Throws `RangeError` if the parts do not have as many rows, or if they do not fit. */
  add(...parts: readonly Float32Array[]): void;
  /** What is there, a matrix for each part; views that later rows do not change. */
  matrices(): Matrix[];
  /** Rows that there are, and that there is room for. */
  readonly count: number;
  readonly capacity: number;
}

/** How many rows of parts with these widths fit into so many bytes. */
export function rowsThatFit(widths: readonly number[], bytes: number): number {
  return Math.floor(bytes / (4 * widths.reduce((sum, width) => sum + width, 0)));
}

/** Room for `capacity` rows, each of parts with these widths (a patch and its response, say), taken at once. */
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
