// Reads of packed columns before the tiles that need them.

import { bytesOf } from "#ir/target.js";
import type { Int } from "../ir/expressions.js";
import { address, addInt, compare, i32, int, mulInt } from "../ir/expressions.js";
import type { Columns, Segment } from "./matmul.js";
import type { Build } from "./operands.js";
import { blockSize } from "./tile.js";

/** Which of the tiles that read a panel prefetches its part of the next one. */
export interface Ahead {
  readonly tile: Int;
  readonly tiles: number;
}

/** Bytes of a cache line, and of a page of memory. */
const cacheLine = 64;
const page = 4096;

/** Whether packed columns are so large that they come from memory, or a distant cache, when a tile reads them. */
export function isStreamed(
  { count, width }: Segment,
  { place, depth, step }: Columns,
  bytes: number,
): boolean {
  return step === undefined && count > 1 && bytesOf(place.element) * count * width * depth >= bytes;
}

/**
 * Prefetches what the next tiles read of B, on two levels. After every few rows of a run, a tile reads one element of a cache line of the
 * next panel. The first tile of a panel reads an element of every page of the panel after the next, so that the processor looks up the
 * addresses of these pages at the same time: it prefetches no lines across pages, and in a virtual machine a lookup may take a microsecond.
 * The last panels prefetch the last one.
 *
 * Returns the number of rows between two lines, a multiple of `unit`, and a function that emits the read of one. Undefined if a run is too
 * short for that.
 */
export function readAhead(
  k: Build,
  { tile, tiles }: Ahead,
  of: {
    readonly columns: Columns;
    readonly segment: Segment;
    readonly offset: Int;
    readonly length: number;
    /** The rows that an iteration takes. */
    readonly unit: number;
  },
): { readonly rows: number; readonly emit: () => void } | undefined {
  const { columns, segment, offset, length, unit } = of;
  const bytes = bytesOf(columns.place.element);
  const panel = segment.width * columns.depth;
  const perLine = Math.floor((cacheLine * tiles) / (bytes * segment.width * unit));
  const rows = unit * blockSize(length / unit, perLine);
  if (rows < 4 * unit) return undefined;
  const reads = columns.depth / rows;
  const stride = Math.floor(panel / (tiles * reads));
  const last = (segment.first + (segment.count - 1) * segment.width) * columns.depth;
  const later = (panels: number): Int => int("min", addInt(offset, panels * panel), last);
  k.guard(compare("lt", tile, 1), () => {
    const far = k.let("far", i32(addInt(columns.start, later(2))));
    for (let at = 0; at < panel; at += page / bytes) k.prefetch(columns.place, address(far, at));
  });
  const next = k.let("next", i32(addInt(columns.start, later(1), mulInt(tile, reads * stride))));
  const emit = (): void => {
    k.prefetch(columns.place, address(next));
    k.step(next, stride);
  };
  return { rows, emit };
}
