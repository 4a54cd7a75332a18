// Plans arenas: the memory of each buffer, and its offset there.

import { greatest } from "#diagnostic/extremes.js";
import type { Target } from "#ir/target.js";
import type { Lifetime } from "./plan-memory.js";
import { planMemory } from "./plan-memory.js";
import type { Arena } from "./schedule.js";

export interface ArenaPlan {
  /** For each buffer, in the order of the buffers. */
  readonly starts: readonly { readonly arena: number; readonly offset: number }[];
  readonly arenas: readonly Arena[];
}

/**
 * One arena per kind, more if it would be larger than a kernel can bind, and one per port. A buffer that is too large gets a separate
 * arena; the back end reports it.
 */
export function planArenas(
  lifetimes: readonly Lifetime[],
  kinds: readonly Arena["kind"][],
  { lanes, buffers }: Target,
): ArenaPlan {
  const starts = lifetimes.map(() => ({ arena: 0, offset: 0 }));
  const arenas: Arena[] = [];
  const limit = (buffers?.bindingBytes ?? Number.POSITIVE_INFINITY) / 4;
  const plan = (kind: Arena["kind"], indices: readonly number[]): void => {
    const { offsets, size } = planMemory(
      indices.flatMap((index) => lifetimes[index] ?? []),
      lanes,
    );
    // A part of a plan is a valid plan: buffers that end beyond the limit are planned again, in another arena.
    const endOf = (at: number): number => (offsets[at] ?? 0) + (lifetimes[indices[at] ?? 0]?.size ?? 0);
    const isIn = (at: number): boolean => endOf(at) <= limit || offsets[at] === 0;
    const arena = arenas.length;
    const ends = indices.flatMap((_, at) => (isIn(at) ? [endOf(at)] : []));
    arenas.push({ kind, elements: size <= limit ? size : roundUp(greatest(ends), lanes) });
    const rest = indices.filter((index, at) => {
      if (isIn(at)) starts[index] = { arena, offset: offsets[at] ?? 0 };
      return !isIn(at);
    });
    if (rest.length > 0) plan(kind, rest);
  };
  for (const kind of ["vecs", "scalars", "bytes"] as const) {
    const indices = [...kinds.keys()].filter((index) => kinds[index] === kind);
    // Buffers that were replaced by others have no size; they need no arena.
    if (indices.some((index) => (lifetimes[index]?.size ?? 0) > 0) || (kind === "scalars" && !buffers))
      plan(kind, indices);
  }
  for (const [index, kind] of kinds.entries()) {
    if (kind !== "port") continue;
    starts[index] = { arena: arenas.length, offset: 0 };
    arenas.push({ kind, elements: lifetimes[index]?.size ?? 0 });
  }
  return { starts, arenas };
}

function roundUp(size: number, lanes: number): number {
  return Math.ceil(size / lanes) * lanes;
}
