// Packs parts of matrices into tiles: in the order in which a kernel reads them, with zeros beyond the end of the matrix.

import type { Matrix, Span } from "./products.js";

/** Columns of a panel: as many as the register tile of a kernel has (`wasmTile.columns`). */
export const panel = 8;

/** Copies rows `down` and depth `step` of a (or of aᵀ, which is stored as [depth, rows]) into `tile`: [down.size, step.size]. */
export function packLeft(a: Matrix, down: Span, step: Span, transposed: boolean, tile: Float32Array): void {
  const { columns: stride, data } = a;
  if (down.used < down.size || step.used < step.size) tile.fill(0);
  if (!transposed) {
    for (let row = 0; row < down.used; row += 1) {
      const from = (down.from + row) * stride + step.from;
      tile.set(data.subarray(from, from + step.used), row * step.size);
    }
    return;
  }
  // Four rows at a time, so that each cache line that is read or written serves several elements.
  for (let first = 0; first < down.used; first += 4) {
    const count = Math.min(4, down.used - first);
    let from = step.from * stride + down.from + first;
    let to = first * step.size;
    const end = to + step.used;
    for (; to < end; to += 1) {
      tile[to] = data[from] ?? 0;
      if (count > 1) tile[to + step.size] = data[from + 1] ?? 0;
      if (count > 2) tile[to + 2 * step.size] = data[from + 2] ?? 0;
      if (count > 3) tile[to + 3 * step.size] = data[from + 3] ?? 0;
      from += stride;
    }
  }
}

/** Copies depth `step` and columns `across` of b (or of bᵀ, which is stored as [columns, depth]) into panels: [across.size / 8, step.size, 8]. */
export function packRight(
  b: Matrix,
  step: Span,
  across: Span,
  transposed: boolean,
  tile: Float32Array,
): void {
  const { columns, data } = b;
  // The distance of an element of b to the next column, and to the next one in depth.
  const [aside, ahead] = transposed ? [columns, 1] : [1, columns];
  const begin = across.from * aside + step.from * ahead;
  if (across.used < across.size || step.used < step.size) tile.fill(0);
  for (let first = 0; first < across.used; first += panel) {
    const width = Math.min(panel, across.used - first);
    let from = begin + first * aside;
    let to = first * step.size;
    for (let depth = 0; depth < step.used; depth += 1) {
      if (width === panel) {
        // Unrolled, this takes a third of the time of the loop.
        tile[to] = data[from] ?? 0;
        tile[to + 1] = data[from + aside] ?? 0;
        tile[to + 2] = data[from + 2 * aside] ?? 0;
        tile[to + 3] = data[from + 3 * aside] ?? 0;
        tile[to + 4] = data[from + 4 * aside] ?? 0;
        tile[to + 5] = data[from + 5 * aside] ?? 0;
        tile[to + 6] = data[from + 6 * aside] ?? 0;
        tile[to + 7] = data[from + 7 * aside] ?? 0;
      } else for (let at = 0; at < width; at += 1) tile[to + at] = data[from + at * aside] ?? 0;
      from += ahead;
      to += panel;
    }
  }
}
