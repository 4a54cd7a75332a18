// Breaks a tall layout into columns side by side, so that a net of hundreds of layers fits on a screen.

import type { Layout, Point } from "./layout.js";

export interface ColumnOptions {
  /** Width divided by height of what the columns should fill together. */
  readonly aspect: number;
  /** Whether a box should begin a column, as one of its rank did before: steps then move less. */
  readonly isHead: (box: number) => boolean;
  /** Whether a box is lit: lit boxes stay in one column. */
  readonly isLit: (box: number) => boolean;
  /** What a box is a part of: a column rather begins with another part. */
  readonly partOf?: (box: number) => string | undefined;
}

export interface Columns extends Layout {
  /** The boxes of the ranks with which columns begin, except the first. */
  readonly heads: readonly number[];
  /** The column of each box. */
  readonly columnOf: readonly number[];
}

/** Between columns, and how far lines to the next column go beyond the boxes at least. */
const [gap, reach] = [64, 14];

/** The most room for lines side by side, and for one of them. */
const [mostTracks, mostTrack] = [26, 6];

export function inColumns(
  layout: Layout,
  links: readonly (readonly [number, number])[],
  options: ColumnOptions,
): Columns {
  const { ranks, height, width } = layout;
  const count = Math.round(Math.sqrt((options.aspect * height) / (width + gap)));
  const breaks = count < 2 ? [] : breaksOf(layout, links, count, options);
  if (breaks.length === 0) return { ...layout, heads: [], columnOf: layout.boxes.map(() => 0) };

  const starts = [0, ...breaks];
  const tops = starts.map((rank) => ranks[rank]?.top ?? 0);
  /** The column of a height. */
  const columnOf = (y: number): number =>
    Math.max(
      0,
      tops.findLastIndex((top) => top - 0.5 <= y),
    );
  const extents = starts.map(() => ({
    low: Number.POSITIVE_INFINITY,
    high: Number.NEGATIVE_INFINITY,
    bottom: 0,
  }));
  const widen = (column: number, left: number, right: number, bottom: number): void => {
    const extent = extents[column];
    if (!extent) return;
    extent.low = Math.min(extent.low, left);
    extent.high = Math.max(extent.high, right);
    extent.bottom = Math.max(extent.bottom, bottom - (tops[column] ?? 0));
  };
  for (const [box, { x, y }] of layout.places.entries()) {
    const { width: w, height: h } = layout.boxes[box] ?? { width: 0, height: 0 };
    widen(columnOf(y), x - w / 2, x + w / 2, y + h / 2);
  }
  for (const route of layout.routes) for (const { x, y } of route.slice(1, -1)) widen(columnOf(y), x, x, y);
  const lefts: number[] = [];
  let x = 0;
  for (const { low, high } of extents) {
    lefts.push(x - low);
    x += high - low + gap;
  }
  const move = (point: Point, column: number): Point => ({
    x: point.x + (lefts[column] ?? 0),
    y: point.y - (tops[column] ?? 0),
  });
  const right = (column: number): number => (extents[column]?.high ?? 0) + (lefts[column] ?? 0) + gap / 2;
  const trackOf = tracksOf(layout, links, columnOf);
  const routes = layout.routes.map((route, at) => {
    const isDown = (route[0]?.y ?? 0) <= (route.at(-1)?.y ?? 0);
    const [from, to] = links[at] ?? [0, 0];
    // The ends belong to the columns of their boxes; lines in between to the column of their height.
    const columns = route.map(({ y }, index) =>
      columnOf(
        index === 0
          ? (layout.places[from]?.y ?? y)
          : index === route.length - 1
            ? (layout.places[to]?.y ?? y)
            : y,
      ),
    );
    return route.flatMap((point, index): Point[] => {
      const [column = 0, before] = [columns[index], columns[index - 1]];
      const moved = move(point, column);
      const last = route[index - 1];
      if (before === undefined || before === column || !last) return [moved];
      const [left, next] = isDown ? [before, column] : [column, before];
      const track = trackOf(isDown ? from : to, next);
      const bottom = (extents[left]?.bottom ?? 0) + reach + track.at;
      const gutter = right(Math.max(left, next - 1)) + track.at - track.of / 2;
      const top = -reach - (track.of - track.at);
      const hop = [
        { x: move(isDown ? last : point, left).x, y: bottom },
        { x: gutter, y: bottom },
        { x: gutter, y: top },
        { x: move(isDown ? point : last, next).x, y: top },
      ];
      return [...(isDown ? hop : hop.toReversed()), moved];
    });
  });
  return {
    ...layout,
    places: layout.places.map((place) => move(place, columnOf(place.y))),
    routes,
    width: x - gap,
    height: extents.reduce((most, { bottom }) => Math.max(most, bottom), 0),
    columnOf: layout.places.map(({ y }) => columnOf(y)),
    heads: breaks.map((rank) => ranks[rank]?.boxes[0] ?? -1),
  };
}

/** Where the line of a value lies among those that go to a column, and how wide these are together. */
interface Track {
  readonly at: number;
  readonly of: number;
}

/**
 * The track of each value into a column. The line of the box furthest to the right turns first: then lines side by side do not cross where they go
 * down and up again.
 */
function tracksOf(
  { places }: Layout,
  links: readonly (readonly [number, number])[],
  columnOf: (y: number) => number,
): (box: number, column: number) => Track {
  const boxes = new Map<number, Set<number>>();
  for (const [a, b] of links) {
    const [first = 0, last = 0] = [a, b]
      .map((box) => columnOf(places[box]?.y ?? 0))
      .toSorted((x, y) => x - y);
    const upper = (places[a]?.y ?? 0) <= (places[b]?.y ?? 0) ? a : b;
    for (let column = first + 1; column <= last; column += 1)
      boxes.set(column, (boxes.get(column) ?? new Set()).add(upper));
  }
  const tracks = new Map<number, ReadonlyMap<number, Track>>();
  for (const [column, some] of boxes) {
    const sorted = [...some].toSorted((a, b) => (places[b]?.x ?? 0) - (places[a]?.x ?? 0));
    const one = Math.min(mostTrack, mostTracks / sorted.length);
    const of = one * (sorted.length - 1);
    tracks.set(column, new Map(sorted.map((box, at) => [box, { at: one * at, of }])));
  }
  return (box, column) => tracks.get(column)?.get(box) ?? { at: 0, of: 0 };
}

/** The ranks that begin columns: near equal parts of the height, and where few lines cross. */
function breaksOf(
  { ranks, height, rankOf }: Layout,
  links: readonly (readonly [number, number])[],
  count: number,
  { isHead, isLit, partOf = () => undefined }: ColumnOptions,
): number[] {
  // Lines of one value are one line, however many users it has.
  const last = new Map<number, number>();
  for (const [from, to] of links) {
    const [a, b] = [rankOf[from] ?? 0, rankOf[to] ?? 0];
    last.set(from, Math.max(last.get(from) ?? 0, a, b));
  }
  const crossing = Array.from({ length: ranks.length + 1 }, () => 0);
  for (const [from, end] of last) {
    const first = (rankOf[from] ?? 0) + 1;
    crossing[first] = (crossing[first] ?? 0) + 1;
    crossing[end + 1] = (crossing[end + 1] ?? 0) - 1;
  }
  for (let rank = 1; rank < crossing.length; rank += 1)
    crossing[rank] = (crossing[rank] ?? 0) + (crossing[rank - 1] ?? 0);

  const breaks: number[] = [];
  const step = height / count;
  let start = 0;
  while (height - start > 1.3 * step) {
    let best: { readonly rank: number; readonly cost: number } | undefined;
    for (const [rank, { top, boxes }] of ranks.entries()) {
      const part = (top - start) / step;
      if (part < 0.55) continue;
      if (part > 1.35) break;
      const isBetween = boxes.some(isLit) && (ranks[rank - 1]?.boxes ?? []).some(isLit);
      const above = new Set((ranks[rank - 1]?.boxes ?? []).flatMap((box) => partOf(box) ?? []));
      const isInPart = boxes.some((box) => above.has(partOf(box) ?? ""));
      const wish = (boxes.some(isHead) ? 12 : 0) - (isBetween ? 40 : 0) - (isInPart ? 3 : 0);
      const cost = (crossing[rank] ?? 0) + 8 * Math.abs(part - 1) - wish;
      if (!best || cost < best.cost) best = { rank, cost };
    }
    if (!best) break;
    breaks.push(best.rank);
    start = ranks[best.rank]?.top ?? height;
  }
  return breaks;
}
