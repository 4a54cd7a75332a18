// Memory planning: offsets in one arena for buffers that live at overlapping times.

/** A buffer and when it lives: from the kernel that writes it to the last one that reads it, both included. */
export interface Lifetime {
  /** In elements. */
  readonly size: number;
  readonly first: number;
  readonly last: number;
}

/** Offsets, in the order of the buffers, and the arena's size, in elements. */
export interface MemoryPlan {
  readonly offsets: readonly number[];
  readonly size: number;
}

/**
 * Places buffers, largest first, each into the smallest gap that is free all its life ("greedy by size", Pisarchyk and
 * Lee 2020, arXiv 2001.03288, §5.2). Sizes are rounded up to `alignment`, in elements.
 */
export function planMemory(buffers: readonly Lifetime[], alignment: number): MemoryPlan {
  const offsets = new Array<number>(buffers.length).fill(0);
  const round = (size: number): number => Math.ceil(size / alignment) * alignment;
  const order = buffers
    .map((_, index) => index)
    .sort((a, b) => (buffers[b]?.size ?? 0) - (buffers[a]?.size ?? 0) || a - b);
  const placed: { from: number; to: number; life: Lifetime }[] = [];
  let total = 0;
  for (const index of order) {
    const life = buffers[index];
    if (!life) continue;
    const size = round(life.size);
    let best = -1;
    let bestGap = Number.POSITIVE_INFINITY;
    let end = 0;
    // `placed` is kept in order of offset, so the gaps are met from left to right.
    for (const other of placed) {
      if (other.life.last < life.first || other.life.first > life.last) continue;
      const gap = other.from - end;
      if (gap >= size && gap < bestGap) [best, bestGap] = [end, gap];
      end = Math.max(end, other.to);
    }
    const from = best < 0 ? end : best;
    offsets[index] = from;
    const at = placed.findIndex((other) => other.from > from);
    placed.splice(at < 0 ? placed.length : at, 0, { from, to: from + size, life });
    total = Math.max(total, from + size);
  }
  return { offsets, size: total };
}

/** The least arena that any plan needs: the most that lives at one time, in elements. */
export function memoryLowerBound(buffers: readonly Lifetime[]): number {
  const moments = new Set(buffers.map((life) => life.first));
  let most = 0;
  for (const moment of moments) {
    const living = buffers.filter((life) => life.first <= moment && moment <= life.last);
    most = Math.max(
      most,
      living.reduce((sum, life) => sum + life.size, 0),
    );
  }
  return most;
}
