// Where the parts of a module's memory lie.

import type { KernelProgram } from "#kernel/ir.js";
import { arenaElements } from "#ir/arenas.js";

/** In bytes from the start of memory. Scratch comes last, since every thread has its own. */
export interface Layout {
  readonly table: number;
  readonly weights: number;
  readonly prepared: number;
  readonly arena: number;
  readonly scratch: number;
}

/** Nothing lies at the start, so that a pointer before the first element of a tensor is no negative number. */
const firstByte = 1024;

/** Parts begin where cache lines do. */
const alignment = 64;

/** The layout of a program's memory, of which `weights` elements are packed weights. */
export function layoutOf(program: KernelProgram, weights: number): Layout {
  let end = firstByte;
  const place = (elements: number): number => {
    const start = end;
    end = Math.ceil((end + elements * 4) / alignment) * alignment;
    return start;
  };
  return {
    table: place(program.table.length),
    weights: place(weights),
    prepared: place(program.prepared),
    arena: place(arenaElements(program)),
    scratch: place(program.scratch),
  };
}
