// Where the parts of a module's memory lie.

import { greatest } from "#diagnostic/extremes.js";
import type { KernelProgram } from "#kernel/ir/ir.js";
import { arenaElements } from "#ir/arenas.js";

/** In bytes from the start of memory. Scratch comes last, since every thread has its own. */
export interface Layout {
  readonly table: number;
  readonly weights: number;
  /** Elements of weights that stay; those behind them are in the arena while the setup reads them, one at a time. */
  readonly resident: number;
  readonly prepared: number;
  readonly arena: number;
  readonly scratch: number;
}

/** Nothing lies at the start, so that a pointer before the first element of a tensor is not a negative number. */
const firstByte = 1024;

/** Parts begin where cache lines do. */
const alignment = 64;

/**
 * The layout of a program's memory, of which `weights` elements are packed weights. What only the setup reads lies where the
 * arena does, which may reach behind it.
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
