// Horizontal coordinates for items in ranks: Brandes and Köpf, "Fast and Simple Horizontal Coordinate Assignment" (2001).
//
// Each item is aligned with a median neighbour, so chains are straight. This is done four times, from above or below and from the left or
// the right, and an item is put between the two middle results.

import type { Ranks } from "./layout.js";

/** The middle of each item, such that items of a rank keep their order and a distance. */
export function coordinatesOf(graph: Ranks, gap: number): readonly number[] {
  const conflicts = conflictsOf(graph);
  const results = [false, true].flatMap((up) =>
    [false, true].map((left) => {
      const turned = turn(graph, up, left);
      const x = compact(turned, align(turned, conflicts), gap);
      return left ? x.map((value) => -value) : x;
    }),
  );
  const extents = results.map((x) => extentOf(graph, x));
  const narrowest = extents.reduce((best, one) => (one.high - one.low < best.high - best.low ? one : best));
  // All results are moved so that their sides lie over each other: those aligned to the left by their left sides.
  const shifts = extents.map(({ low, high }, at) =>
    at % 2 === 0 ? narrowest.low - low : narrowest.high - high,
  );
  return graph.items.map((_, item) => {
    const values = results.map((x, at) => (x[item] ?? 0) + (shifts[at] ?? 0)).sort((a, b) => a - b);
    return ((values[1] ?? 0) + (values[2] ?? 0)) / 2;
  });
}

/** The graph seen from below or from the right. */
function turn({ items, ranks, above, below }: Ranks, up: boolean, left: boolean): Ranks {
  const sided = left ? ranks.map((rank) => rank.toReversed()) : ranks;
  return up
    ? { items, ranks: sided.toReversed(), above: below, below: above }
    : { items, ranks: sided, above, below };
}

function placesOf({ items, ranks }: Ranks): Int32Array {
  const places = new Int32Array(items.length);
  for (const rank of ranks) for (const [at, item] of rank.entries()) places[item] = at;
  return places;
}

function key(a: number, b: number, { items }: Ranks): number {
  return Math.min(a, b) * items.length + Math.max(a, b);
}

/** The edges that cross a part of a long line: the line stays straight, and they do not. */
function conflictsOf(graph: Ranks): ReadonlySet<number> {
  const { items, ranks, above } = graph;
  const places = placesOf(graph);
  const conflicts = new Set<number>();
  const isLine = (item: number | undefined): boolean => item !== undefined && items[item]?.box === -1;
  for (let at = 1; at < ranks.length; at += 1) {
    const [upper, lower] = [ranks[at - 1] ?? [], ranks[at] ?? []];
    let [left, scanned] = [0, 0];
    for (const [index, item] of lower.entries()) {
      const inner = isLine(item) ? (above[item] ?? []).find(isLine) : undefined;
      if (inner === undefined && index < lower.length - 1) continue;
      const right = inner === undefined ? upper.length - 1 : (places[inner] ?? 0);
      for (; scanned <= index; scanned += 1) {
        const one = lower[scanned] ?? 0;
        for (const other of above[one] ?? []) {
          const place = places[other] ?? 0;
          if ((place < left || place > right) && !(isLine(one) && isLine(other)))
            conflicts.add(key(one, other, graph));
        }
      }
      left = right;
    }
  }
  return conflicts;
}

interface Aligned {
  /** The first item of the chain that an item is in. */
  readonly root: Int32Array;
  /** The next item of the chain; of the last one the first. */
  readonly next: Int32Array;
}

/** Puts items into vertical chains, each item under a median of its neighbours above. */
function align(graph: Ranks, conflicts: ReadonlySet<number>): Aligned {
  const { items, ranks, above } = graph;
  const places = placesOf(graph);
  const root = Int32Array.from(items.keys());
  const next = Int32Array.from(items.keys());
  for (const rank of ranks) {
    let last = -1;
    for (const item of rank) {
      const near = (above[item] ?? []).toSorted((a, b) => (places[a] ?? 0) - (places[b] ?? 0));
      const middle = (near.length - 1) / 2;
      for (const index of new Set([Math.floor(middle), Math.ceil(middle)])) {
        const other = near[index];
        if (other === undefined || next[item] !== item) continue;
        const place = places[other] ?? 0;
        if (place <= last || conflicts.has(key(item, other, graph))) continue;
        next[other] = item;
        root[item] = root[other] ?? other;
        next[item] = root[item] ?? item;
        last = place;
      }
    }
  }
  return { root, next };
}

/** Places the chains as far left as distances allow, and then each as far right as its neighbours on the right allow. */
function compact({ items, ranks }: Ranks, { root }: Aligned, gap: number): readonly number[] {
  const right: Map<number, number>[] = items.map(() => new Map());
  const waiting = new Int32Array(items.length);
  for (const rank of ranks) {
    for (const [at, item] of rank.entries()) {
      const before = rank[at - 1];
      if (before === undefined) continue;
      const [a, b] = [root[before] ?? before, root[item] ?? item];
      const distance = ((items[before]?.width ?? 0) + (items[item]?.width ?? 0)) / 2 + gap;
      const known = right[a]?.get(b);
      if (known === undefined) waiting[b] = (waiting[b] ?? 0) + 1;
      right[a]?.set(b, Math.max(known ?? 0, distance));
    }
  }
  const x = new Float64Array(items.length);
  const order: number[] = [];
  for (const item of items.keys()) if (root[item] === item && waiting[item] === 0) order.push(item);
  for (let at = 0; at < order.length; at += 1) {
    const chain = order[at] ?? 0;
    for (const [other, distance] of right[chain] ?? []) {
      x[other] = Math.max(x[other] ?? 0, (x[chain] ?? 0) + distance);
      waiting[other] = (waiting[other] ?? 0) - 1;
      if (waiting[other] === 0) order.push(other);
    }
  }
  for (const chain of order.toReversed()) {
    let most = Number.POSITIVE_INFINITY;
    for (const [other, distance] of right[chain] ?? []) most = Math.min(most, (x[other] ?? 0) - distance);
    if (Number.isFinite(most)) x[chain] = Math.max(x[chain] ?? 0, most);
  }
  return items.map((_, item) => x[root[item] ?? item] ?? 0);
}

function extentOf({ items }: Ranks, x: readonly number[]): { readonly low: number; readonly high: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const [item, { width }] of items.entries()) {
    low = Math.min(low, (x[item] ?? 0) - width / 2);
    high = Math.max(high, (x[item] ?? 0) + width / 2);
  }
  return { low, high };
}
