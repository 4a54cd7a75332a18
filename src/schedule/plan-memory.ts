// Plans memory: offsets in one arena for buffers whose lifetimes overlap.

/** A buffer and its lifetime: from the kernel that writes it to the last one that reads it, both included. */
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
 * Places buffers one after another, each into the smallest gap that is free during its lifetime (Pisarchyk and Lee 2020, arXiv 2001.03288,
 * §5): once the largest first ("greedy by size") and once by the kernels with the most live buffers ("greedy by breadth"). It takes the
 * smaller arena. Sizes are rounded up to `alignment`, in elements.
 */
export function planMemory(buffers: readonly Lifetime[], alignment: number): MemoryPlan {
  const rounded = buffers.map((life) => ({ ...life, size: Math.ceil(life.size / alignment) * alignment }));
  const bySize = place(rounded, orderBySize(rounded));
  if (bySize.size === memoryLowerBound(rounded)) return bySize;
  const byBreadth = place(rounded, orderByBreadth(rounded));
  return byBreadth.size < bySize.size ? byBreadth : bySize;
}

function orderBySize(buffers: readonly Lifetime[]): number[] {
  return [...buffers.keys()].sort((a, b) => sizeOf(buffers, b) - sizeOf(buffers, a) || a - b);
}

/**
 * Buffers that are live at the fullest moment first, the larger before the smaller; then the remaining ones at the next fullest moment, and
 * so on.
 */
function orderByBreadth(buffers: readonly Lifetime[]): number[] {
  const moments = momentsOf(buffers);
  const place = new Map(moments.map((moment, at) => [moment, at]));
  const living = moments.map((): number[] => []);
  for (const [index, life] of buffers.entries()) {
    for (let at = place.get(life.first) ?? 0; (moments[at] ?? Number.POSITIVE_INFINITY) <= life.last; at += 1)
      living[at]?.push(index);
  }
  const totals = living.map((indices) => indices.reduce((sum, index) => sum + sizeOf(buffers, index), 0));
  const fullest = [...moments.keys()].sort((a, b) => (totals[b] ?? 0) - (totals[a] ?? 0) || a - b);
  const order = new Set<number>();
  for (const at of fullest) {
    const indices = living[at] ?? [];
    for (const index of indices.sort((a, b) => sizeOf(buffers, b) - sizeOf(buffers, a) || a - b))
      order.add(index);
  }
  return [...order];
}

/** The moments at which a lifetime begins, ascending; the fullest moment is one of them. */
function momentsOf(buffers: readonly Lifetime[]): number[] {
  return [...new Set(buffers.map((life) => life.first))].sort((a, b) => a - b);
}

function place(buffers: readonly Lifetime[], order: readonly number[]): MemoryPlan {
  const offsets = new Array<number>(buffers.length).fill(0);
  const placed: { from: number; to: number; life: Lifetime }[] = [];
  let total = 0;
  for (const index of order) {
    const life = buffers[index];
    if (!life || life.size === 0) continue;
    let best = -1;
    let bestGap = Number.POSITIVE_INFINITY;
    let end = 0;
    // `placed` is in order of offset, so the gaps come from left to right.
    for (const other of placed) {
      if (other.life.last < life.first || other.life.first > life.last) continue;
      const gap = other.from - end;
      if (gap >= life.size && gap < bestGap) [best, bestGap] = [end, gap];
      end = Math.max(end, other.to);
    }
    const from = best < 0 ? end : best;
    offsets[index] = from;
    const at = placed.findIndex((other) => other.from > from);
    placed.splice(at < 0 ? placed.length : at, 0, { from, to: from + life.size, life });
    total = Math.max(total, from + life.size);
  }
  return { offsets, size: total };
}

function sizeOf(buffers: readonly Lifetime[], index: number): number {
  return buffers[index]?.size ?? 0;
}

/** The smallest arena that any plan needs: the greatest total size of live buffers, in elements. */
export function memoryLowerBound(buffers: readonly Lifetime[]): number {
  const events = buffers.flatMap(({ size, first, last }) => [
    { moment: first, change: size },
    // Just after the last moment, because a buffer is live through it.
    { moment: last + 0.5, change: -size },
  ]);
  let most = 0;
  let living = 0;
  for (const { change } of events.sort((a, b) => a.moment - b.moment || a.change - b.change)) {
    living += change;
    most = Math.max(most, living);
  }
  return most;
}
