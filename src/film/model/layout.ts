// A layered layout of a graph: ranks from top to bottom, few crossings, straight long edges. It takes milliseconds for thousands of boxes.
//
// The steps are those of Sugiyama, Tagawa and Toda (1981), with the coordinates of Brandes and Köpf (`coordinates.ts`). All users of a value
// that are further away share one line through the ranks between, so a value with many users costs no more than one with a distant user.

import { coordinatesOf } from "./coordinates.js";

/** A box to place; boxes are named by their index, and come in an order that edges mostly follow. */
export interface Box {
  readonly width: number;
  readonly height: number;
}

/** An edge from one box to another. */
export type Link = readonly [from: number, to: number];

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly boxes: readonly Box[];
  /** The middle of each box. */
  readonly places: readonly Point[];
  /** For each link, the points through which it goes, from the lower edge of a box to the upper edge of another. */
  readonly routes: readonly (readonly Point[])[];
  /** The rank of each box, and the boxes of each rank with its upper edge. */
  readonly rankOf: readonly number[];
  readonly ranks: readonly { readonly top: number; readonly boxes: readonly number[] }[];
  readonly width: number;
  readonly height: number;
}

export interface Gaps {
  /** Between boxes side by side, and between ranks. */
  readonly across: number;
  readonly down: number;
}

/** An item of a rank: a box, or a place through which a long line goes. */
interface Item {
  readonly width: number;
  /** The box; -1 for a place of a line. */
  readonly box: number;
}

/** Items in ranks, each with its neighbours in the rank above and in the one below. */
export interface Ranks {
  readonly items: readonly Item[];
  readonly ranks: readonly (readonly number[])[];
  readonly above: readonly (readonly number[])[];
  readonly below: readonly (readonly number[])[];
}

/** `layoutOf` that keeps its last layout: steps that make kernels change no box and no link. */
export function keptLayout(): typeof layoutOf {
  let last: { readonly of: Parameters<typeof layoutOf>; readonly layout: Layout } | undefined;
  return (boxes, links, gaps) => {
    if (!last || !isSameGraph(last.of, [boxes, links, gaps]))
      last = { of: [boxes, links, gaps], layout: layoutOf(boxes, links, gaps) };
    return last.layout;
  };
}

function isSameGraph(
  [boxes, links, gaps]: Parameters<typeof layoutOf>,
  [others, edges, room]: Parameters<typeof layoutOf>,
): boolean {
  return (
    gaps.down === room.down &&
    gaps.across === room.across &&
    isEach(boxes, others, (a, b) => a.width === b.width && a.height === b.height) &&
    isEach(links, edges, ([from, to], [first, second]) => from === first && to === second)
  );
}

function isEach<T>(a: readonly T[], b: readonly T[], isSame: (one: T, other: T) => boolean): boolean {
  return a.length === b.length && a.every((one, at) => isSame(one, b[at] ?? one));
}

export function layoutOf(boxes: readonly Box[], links: readonly Link[], gaps: Gaps): Layout {
  const forward = withoutCycles(boxes.length, links);
  const rankOf = ranksOf(boxes.length, forward);
  const { items, ranks, above, below, lineOf } = withLines(boxes, forward, rankOf);
  const ordered = orderRanks({ items, ranks, above, below });
  const across = coordinatesOf({ items, ranks: ordered, above, below }, gaps.across);
  const tops: number[] = [];
  const heights: number[] = [];
  let y = 0;
  for (const rank of ordered) {
    const height = rank.reduce((most, item) => Math.max(most, boxes[items[item]?.box ?? -1]?.height ?? 0), 0);
    tops.push(y);
    heights.push(height);
    y += height + gaps.down;
  }
  const least = items.reduce(
    (smallest, { width }, item) => Math.min(smallest, (across[item] ?? 0) - width / 2),
    Number.POSITIVE_INFINITY,
  );
  const most = items.reduce(
    (largest, { width }, item) => Math.max(largest, (across[item] ?? 0) + width / 2),
    Number.NEGATIVE_INFINITY,
  );
  const xOf = (item: number): number => (across[item] ?? 0) - least;
  const middle = (rank: number): number => (tops[rank] ?? 0) + (heights[rank] ?? 0) / 2;
  const places = boxes.map((_, box) => ({ x: xOf(box), y: middle(rankOf[box] ?? 0) }));
  const routes = links.map(([from, to]): Point[] => {
    const isBack = (rankOf[from] ?? 0) >= (rankOf[to] ?? 0);
    const [upper, lower] = isBack ? [to, from] : [from, to];
    const line = (lineOf[upper] ?? []).slice(0, Math.max(0, (rankOf[lower] ?? 0) - (rankOf[upper] ?? 0) - 1));
    const points = [
      { x: xOf(upper), y: (places[upper]?.y ?? 0) + (boxes[upper]?.height ?? 0) / 2 },
      ...line.flatMap((item, at) => {
        const rank = (rankOf[upper] ?? 0) + 1 + at;
        const top = tops[rank] ?? 0;
        return [
          { x: xOf(item), y: top },
          { x: xOf(item), y: top + (heights[rank] ?? 0) },
        ];
      }),
      { x: xOf(lower), y: (places[lower]?.y ?? 0) - (boxes[lower]?.height ?? 0) / 2 },
    ];
    return isBack ? points.toReversed() : points;
  });
  return {
    places,
    routes,
    boxes,
    rankOf,
    ranks: ordered.map((rank, at) => ({
      top: tops[at] ?? 0,
      boxes: rank.filter((item) => items[item]?.box !== -1),
    })),
    width: boxes.length === 0 ? 0 : most - least,
    height: Math.max(0, y - gaps.down),
  };
}

/** The links, each once; those that would close a cycle are turned around. Folded blocks may read each other. */
function withoutCycles(count: number, links: readonly Link[]): readonly Link[] {
  const readers: number[][] = Array.from({ length: count }, () => []);
  const seen = new Set<number>();
  const unique: Link[] = [];
  for (const [from, to] of links) {
    const key = from * count + to;
    if (from === to || seen.has(key)) continue;
    seen.add(key);
    unique.push([from, to]);
    readers[from]?.push(to);
  }
  const waiting = new Int32Array(count);
  for (const [, to] of unique) waiting[to] = (waiting[to] ?? 0) + 1;
  const place = new Int32Array(count).fill(-1);
  const ready: number[] = [];
  let [placed, next] = [0, 0];
  for (let box = count - 1; box >= 0; box -= 1) if (waiting[box] === 0) ready.push(box);
  while (placed < count) {
    let box = ready.pop();
    // In a cycle, the first box that is left comes first.
    while (box === undefined) {
      if (place[next] === -1) box = next;
      next += 1;
    }
    if (place[box] !== -1) continue;
    place[box] = placed++;
    for (const reader of readers[box] ?? []) {
      waiting[reader] = (waiting[reader] ?? 0) - 1;
      if (waiting[reader] === 0 && place[reader] === -1) ready.push(reader);
    }
  }
  return unique
    .map(([from, to]): Link => ((place[from] ?? 0) < (place[to] ?? 0) ? [from, to] : [to, from]))
    .toSorted(([a], [b]) => (place[a] ?? 0) - (place[b] ?? 0));
}

/** The rank of each box: one more than the last of what it reads, and of boxes that read nothing one less than their first user. */
function ranksOf(count: number, sorted: readonly Link[]): readonly number[] {
  const ranks = Array.from({ length: count }, () => 0);
  for (const [from, to] of sorted) ranks[to] = Math.max(ranks[to] ?? 0, (ranks[from] ?? 0) + 1);
  const hasInput = new Set(sorted.map(([, to]) => to));
  const firstUser = new Map<number, number>();
  for (const [from, to] of sorted)
    firstUser.set(from, Math.min(firstUser.get(from) ?? Number.POSITIVE_INFINITY, ranks[to] ?? 0));
  for (const [box, user] of firstUser) if (!hasInput.has(box)) ranks[box] = user - 1;
  return ranks;
}

interface Lined extends Ranks {
  /** For each box, the places of the line to its users, rank by rank. */
  readonly lineOf: readonly (readonly number[])[];
}

/** Boxes and the places of lines, in ranks. */
function withLines(boxes: readonly Box[], links: readonly Link[], rankOf: readonly number[]): Lined {
  const items: Item[] = boxes.map(({ width }, box) => ({ width, box }));
  const ranks: number[][] = [];
  const above: number[][] = boxes.map(() => []);
  const below: number[][] = boxes.map(() => []);
  const lineOf: number[][] = boxes.map(() => []);
  const put = (item: number, rank: number): void => {
    (ranks[rank] ??= []).push(item);
  };
  const join = (upper: number, lower: number): void => {
    below[upper]?.push(lower);
    above[lower]?.push(upper);
  };
  for (const box of boxes.keys()) put(box, rankOf[box] ?? 0);
  for (const [from, to] of links) {
    const [first, last] = [(rankOf[from] ?? 0) + 1, rankOf[to] ?? 0];
    const line = lineOf[from] ?? [];
    for (let rank = first + line.length; rank < last; rank += 1) {
      const item = items.push({ width: 0, box: -1 }) - 1;
      above.push([]);
      below.push([]);
      join(line.at(-1) ?? from, item);
      line.push(item);
      put(item, rank);
    }
    join(last > first ? (line[last - first - 1] ?? from) : from, to);
  }
  // A rank without items has no height.
  for (let rank = 0; rank < ranks.length; rank += 1) ranks[rank] ??= [];
  return { items, ranks, above, below, lineOf };
}

/** Sweeps down and up; more of them rarely find better orders. */
const sweeps = 6;

/** The items of each rank in an order with few crossings: each at the mean of its neighbours in the rank before, down and up in turns. */
function orderRanks({ items, ranks, above, below }: Ranks): readonly (readonly number[])[] {
  const place = new Float64Array(items.length);
  let current = ranks.map((rank) => [...rank]);
  const number = (rank: readonly number[]): void => {
    for (const [at, item] of rank.entries()) place[item] = at;
  };
  for (const rank of current) number(rank);
  let best = current.map((rank) => [...rank]);
  let fewest = crossings(current, below, place);
  for (let sweep = 0; sweep < sweeps && fewest > 0; sweep += 1) {
    const down = sweep % 2 === 0;
    const neighbours = down ? above : below;
    current = current.map((rank) => [...rank]);
    for (let step = 1; step < current.length; step += 1) {
      const rank = current[down ? step : current.length - 1 - step] ?? [];
      if (rank.length < 2) continue;
      const wish = new Map(
        rank.map((item) => {
          const near = neighbours[item] ?? [];
          const sum = near.reduce((all, one) => all + (place[one] ?? 0), 0);
          return [item, near.length > 0 ? sum / near.length : (place[item] ?? 0)];
        }),
      );
      rank.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0) || (place[a] ?? 0) - (place[b] ?? 0));
      number(rank);
    }
    const count = crossings(current, below, place);
    if (count < fewest) {
      fewest = count;
      best = current.map((rank) => [...rank]);
    }
  }
  return best;
}

/** The number of crossings between all ranks, with a tree of counts (Barth, Mutzel and Jünger, 2004). */
function crossings(
  ranks: readonly (readonly number[])[],
  below: readonly (readonly number[])[],
  place: Float64Array,
): number {
  let count = 0;
  for (const [at, rank] of ranks.entries()) {
    const size = ranks[at + 1]?.length ?? 0;
    if (rank.length < 2 || size < 2) continue;
    const tree = new Int32Array(size + 1);
    let before = 0;
    for (const item of rank) {
      const ends = (below[item] ?? []).map((one) => place[one] ?? 0);
      for (const end of ends) {
        let upTo = 0;
        for (let index = end + 1; index > 0; index -= index & -index) upTo += tree[index] ?? 0;
        count += before - upTo;
      }
      for (const end of ends) {
        before += 1;
        for (let index = end + 1; index <= size; index += index & -index)
          tree[index] = (tree[index] ?? 0) + 1;
      }
    }
  }
  return count;
}
