// The layout of a module's memory.

import { greatest } from "#diagnostic/extremes.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { arenaElements } from "#ir/arenas.js";

/** Addresses in bytes from the start of memory. Scratch comes last, because each thread has a separate one. */
export interface Layout {
  readonly table: number;
  readonly weights: number;
  /** The elements of weights that stay in memory. The weights after them are in the arena while the setup reads them, one at a time. */
  readonly resident: number;
  readonly prepared: number;
  readonly arena: number;
  readonly scratch: number;
}

/** The start of memory is left unused, so that a pointer before the first element of a tensor is not a negative number. */
const firstByte = 1024;

/** Parts begin at the start of a cache line. */
const alignment = 64;

/**
 * The layout of a program's memory, with `weights` elements of packed weights. Weights that only the setup reads share the place of the
 * arena, and may extend beyond its end.
 */
export function layoutOf(program: KernelProgram, weights: number): Layout {
  let end = firstByte;
  const place = (elements: number): number => {
    const start = end;
    end = Math.ceil((end + elements * 4) / alignment) * alignment;
    return start;
  };
  const staged = (program.staged ?? []).map(({ elements }) => elements);
  const resident = weights - staged.reduce((sum, elements) => sum + elements, 0);
  return {
    table: place(program.table.length),
    weights: place(resident),
    resident,
    prepared: place(program.prepared),
    arena: place(greatest(staged, arenaElements(program))),
    scratch: place(program.scratch),
  };
}
