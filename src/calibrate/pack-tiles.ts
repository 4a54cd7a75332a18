// Packing parts of matrices into tiles: in the order in which a kernel reads them, with zeros where the matrix ends.

import type { Matrix, Span } from "./products.js";

/** Columns of a panel: what a kernel's tile takes at once (`wasmTile.columns`). */
export const panel = 8;

/** Rows `down` and depth `step` of a (or of aᵀ, which lies as [depth, rows]) into `tile`: [down.size, step.size]. */
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
  for (let depth = 0; depth < step.used; depth += 1) {
    const from = (step.from + depth) * stride + down.from;
    for (let row = 0; row < down.used; row += 1) tile[row * step.size + depth] = data[from + row] ?? 0;
  }
}

/** Depth `step` and columns `across` of b (or of bᵀ, which lies as [columns, depth]) in panels: [across.size / 8, step.size, 8]. */
export function packRight(
  b: Matrix,
  step: Span,
  across: Span,
  transposed: boolean,
  tile: Float32Array,
): void {
  const { columns: stride, data } = b;
  if (across.used < across.size || step.used < step.size) tile.fill(0);
  for (let first = 0; first < across.used; first += panel) {
    const width = Math.min(panel, across.used - first);
    const start = first * step.size;
    if (transposed)
      for (let column = 0; column < width; column += 1) {
        const from = (across.from + first + column) * stride + step.from;
        for (let depth = 0; depth < step.used; depth += 1)
          tile[start + depth * panel + column] = data[from + depth] ?? 0;
      }
    else
      for (let depth = 0; depth < step.used; depth += 1) {
        const from = (step.from + depth) * stride + across.from + first;
        for (let column = 0; column < width; column += 1)
          tile[start + depth * panel + column] = data[from + column] ?? 0;
      }
  }
}
