// Regions of a map as rectangles, turned as they lie: lines of text, parts of a mask.

import type { MapSize } from "./maps.js";
import { placesOf } from "./maps.js";

/** A region of a map: places that touch each other, also at corners. */
export interface Region {
  /**
   * The smallest rectangle around it: x and y of four corners, relative to the map (0 to 1), clockwise from the one nearest to the top left.
   * `inPicture` takes them.
   */
  readonly corners: Float32Array;
  readonly channel: number;
  /** The mean of its values. */
  readonly score: number;
  /** The number of its places. */
  readonly places: number;
}

/** Which regions count, and how far their rectangles reach. */
export interface RegionOptions {
  /** Places with a value above this belong to a region; 0.5 by default. */
  readonly value?: number;
  /** Regions whose rectangle is narrower are left out; 0 places by default. */
  readonly narrowest?: number;
  /**
   * Moves each side of a rectangle outwards by this · area / perimeter; 0 by default. Nets that find text are trained on regions that are
   * shrunk: in DB (Liao et al. 2020, arXiv:1911.08947) this is the unclip ratio, 1.5.
   */
  readonly grow?: number;
}

/** The regions of a map, or of each channel of a map, by their score, largest first. */
export function regions(
  map: ArrayLike<number>,
  size: MapSize,
  { value: least = 0.5, narrowest = 0, grow = 0 }: RegionOptions = {},
): Region[] {
  const { width, height } = size;
  const { channels, at } = placesOf(map, size);
  const found: Region[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const seen = new Uint8Array(width * height);
    const isNew = (x: number, y: number): boolean => !seen[y * width + x] && at(x, y, channel) > least;
    for (let start = 0; start < seen.length; start++) {
      if (!isNew(start % width, Math.floor(start / width))) continue;
      const places = [start];
      seen[start] = 1;
      let sum = 0;
      // The loop also visits places that are added in it.
      for (const place of places) {
        const [x, y] = [place % width, Math.floor(place / width)];
        sum += at(x, y, channel);
        for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
          for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
            if (!isNew(u, v)) continue;
            seen[v * width + u] = 1;
            places.push(v * width + u);
          }
      }
      const rectangle = smallestRectangle(hullOf(places, width));
      if (Math.min(rectangle.width, rectangle.height) < narrowest) continue;
      const corners = cornersOf(rectangle, grow);
      found.push({
        corners: Float32Array.from(corners.flatMap(([x, y]) => [x / width, y / height])),
        channel,
        score: sum / places.length,
        places: places.length,
      });
    }
  }
  return found.sort((a, b) => b.score - a.score);
}

type Point = readonly [x: number, y: number];

/** The convex hull of places, each of which is a square, clockwise; Andrew's monotone chain. */
function hullOf(places: readonly number[], width: number): Point[] {
  const ends = new Map<number, [left: number, right: number]>();
  for (const place of places) {
    const [x, y] = [place % width, Math.floor(place / width)];
    for (const row of [y, y + 1]) {
      const end = ends.get(row);
      if (end) [end[0], end[1]] = [Math.min(end[0], x), Math.max(end[1], x + 1)];
      else ends.set(row, [x, x + 1]);
    }
  }
  const rows = [...ends].sort(([a], [b]) => a - b);
  const side = (points: readonly Point[]): Point[] => {
    const hull: Point[] = [];
    for (const point of points) {
      while (hull.length > 1 && !turnsInwards(hull.at(-2), hull.at(-1), point)) hull.pop();
      hull.push(point);
    }
    return hull;
  };
  const right = side(rows.map(([y, [, x]]) => [x, y]));
  const left = side(rows.toReversed().map(([y, [x]]) => [x, y]));
  return [...right, ...left];
}

function turnsInwards(a: Point = [0, 0], b: Point = [0, 0], c: Point): boolean {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0;
}

/** A turned rectangle: where it begins along a direction and across, and how far it reaches. */
interface Rectangle {
  readonly direction: Point;
  readonly along: number;
  readonly across: number;
  readonly width: number;
  readonly height: number;
}

/** The rectangle with the smallest area around a convex hull: one of its sides lies along the hull. */
function smallestRectangle(hull: readonly Point[]): Rectangle {
  let best: Rectangle = { direction: [1, 0], along: 0, across: 0, width: 0, height: 0 };
  let least = Number.POSITIVE_INFINITY;
  hull.forEach(([x0, y0], at) => {
    const [x1, y1] = hull[(at + 1) % hull.length] ?? [x0, y0];
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length === 0) return;
    const [u, v] = [(x1 - x0) / length, (y1 - y0) / length];
    const [along, width] = extentOf(hull, ([x, y]) => x * u + y * v);
    const [across, height] = extentOf(hull, ([x, y]) => y * u - x * v);
    if (width * height >= least) return;
    least = width * height;
    best = { direction: [u, v], along, across, width, height };
  });
  return best;
}

/** The least number of the points, and how much larger the greatest one is. */
function extentOf(
  points: readonly Point[],
  numberOf: (point: Point) => number,
): [start: number, length: number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const point of points) {
    const number = numberOf(point);
    least = Math.min(least, number);
    greatest = Math.max(greatest, number);
  }
  return [least, greatest - least];
}

/** The corners of a rectangle that is enlarged on all sides, clockwise from the one nearest to the top left. */
function cornersOf({ direction: [u, v], along, across, width, height }: Rectangle, grow: number): Point[] {
  const more = (grow * width * height) / (2 * (width + height));
  const [start, end] = [along - more, along + width + more];
  const [top, bottom] = [across - more, across + height + more];
  const corners = [
    [start, top],
    [end, top],
    [end, bottom],
    [start, bottom],
  ].map(([a = 0, b = 0]): Point => [a * u - b * v, a * v + b * u]);
  let first = 0;
  corners.forEach(([x, y], at) => {
    const [x0, y0] = corners[first] ?? [0, 0];
    if (x + y < x0 + y0) first = at;
  });
  return [...corners.slice(first), ...corners.slice(0, first)];
}
