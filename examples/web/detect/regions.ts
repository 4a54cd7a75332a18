// Regions of a map of probabilities as rectangles, turned as they lie: what follows the net in DB (Liao et al. 2020, arXiv:1911.08947).

import type { Found, Size } from "./finding.js";

type Point = readonly [x: number, y: number];

/** Pixels above this value belong to a region. */
const least = 0.3;
/** Regions narrower than this are left out, in pixels. */
const narrowest = 3;
/** The net is trained on regions that are shrunk, so each side of a rectangle is moved outwards by area · this / perimeter. */
const unclip = 1.5;

/** The regions of a map whose pixels touch each other, surest first; corners are in pixels of the map. The score is the mean of its pixels. */
export function regionsOf(map: Float32Array, { width, height }: Size): Found[] {
  const seen = new Uint8Array(width * height);
  const found: Found[] = [];
  for (let start = 0; start < map.length; start++) {
    if (seen[start] || !((map[start] ?? 0) > least)) continue;
    const pixels = [start];
    seen[start] = 1;
    let sum = 0;
    for (let at = 0; at < pixels.length; at++) {
      const pixel = pixels[at] ?? 0;
      sum += map[pixel] ?? 0;
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const next = v * width + u;
          if (seen[next] || !((map[next] ?? 0) > least)) continue;
          seen[next] = 1;
          pixels.push(next);
        }
    }
    const { corners, short } = smallestRectangle(hullOf(pixels, width));
    if (short >= narrowest) found.push({ corners, score: sum / pixels.length });
  }
  return found.sort((a, b) => b.score - a.score);
}

/** The convex hull of pixels, each of which is a square; Andrew's monotone chain. */
function hullOf(pixels: readonly number[], width: number): Point[] {
  const ends = new Map<number, [left: number, right: number]>();
  for (const pixel of pixels) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
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
      while (hull.length > 1 && !turnsLeft(hull.at(-2), hull.at(-1), point)) hull.pop();
      hull.push(point);
    }
    return hull;
  };
  const right = side(rows.map(([y, [, x]]) => [x, y]));
  const left = side(rows.toReversed().map(([y, [x]]) => [x, y]));
  return [...right, ...left];
}

function turnsLeft(a: Point = [0, 0], b: Point = [0, 0], c: Point): boolean {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0;
}

/** The rectangle with the smallest area around a convex hull, one side of which lies along the hull; and how wide it was before it was enlarged. */
function smallestRectangle(hull: readonly Point[]): { corners: Point[]; short: number } {
  let best = { area: Number.POSITIVE_INFINITY, corners: [] as Point[], short: 0 };
  hull.forEach(([x0, y0], at) => {
    const [x1, y1] = hull[(at + 1) % hull.length] ?? [x0, y0];
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length === 0) return;
    const [u, v] = [(x1 - x0) / length, (y1 - y0) / length];
    const along = hull.map(([x, y]) => x * u + y * v);
    const across = hull.map(([x, y]) => y * u - x * v);
    const [left, right] = [Math.min(...along), Math.max(...along)];
    const [top, bottom] = [Math.min(...across), Math.max(...across)];
    const [long, short] = [right - left, bottom - top];
    const area = long * short;
    if (area >= best.area) return;
    const grow = (area * unclip) / (2 * (long + short));
    const corner = (a: number, b: number): Point => [a * u - b * v, a * v + b * u];
    best = {
      area,
      short: Math.min(long, short),
      corners: [
        corner(left - grow, top - grow),
        corner(right + grow, top - grow),
        corner(right + grow, bottom + grow),
        corner(left - grow, bottom + grow),
      ],
    };
  });
  return best;
}
