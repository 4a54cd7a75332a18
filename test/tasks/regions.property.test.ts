// Regions of a map as rectangles: those of turned rectangles are found again, each moved outwards as DB says.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { MapSize } from "../../src/tasks/maps.js";
import type { Region } from "../../src/tasks/regions.js";
import { regions } from "../../src/tasks/regions.js";
import { scaled } from "../scale.js";

const [width, height] = [200, 160];
/** As the page that finds text asks for them. */
const text = { value: 0.3, narrowest: 3, grow: 1.5 };

/** The corners of a region in places of the map. */
function cornersOf({ corners }: Region, size: MapSize): (readonly [x: number, y: number])[] {
  return [0, 2, 4, 6].map((at) => [corners[at]! * size.width, corners[at + 1]! * size.height]);
}

/** A rectangle around a center, turned by an angle in radians. */
interface Turned {
  readonly x: number;
  readonly y: number;
  readonly long: number;
  readonly short: number;
  readonly angle: number;
}

/** A point in the directions of a rectangle's sides, from its center. */
function within({ x, y, angle }: Turned, u: number, v: number): readonly [along: number, across: number] {
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  return [(u - x) * cosine + (v - y) * sine, (v - y) * cosine - (u - x) * sine];
}

const turned = fc.record({
  x: fc.integer({ min: 45, max: 60 }),
  y: fc.integer({ min: 60, max: 100 }),
  long: fc.integer({ min: 30, max: 70 }),
  short: fc.integer({ min: 10, max: 25 }),
  angle: fc.double({ min: -1.5, max: 1.5, noNaN: true }),
});

test("two turned rectangles with different scores", () => {
  fc.assert(
    fc.property(turned, turned, fc.double({ min: 0.4, max: 0.6, noNaN: true }), (one, right, score) => {
      const other = { ...right, x: right.x + 95 };
      const map = Float32Array.from({ length: width * height }, (_, at) => {
        const [u, v] = [(at % width) + 0.5, Math.floor(at / width) + 0.5];
        const covers = (rectangle: Turned): boolean => {
          const [along, across] = within(rectangle, u, v);
          return Math.abs(along) <= rectangle.long / 2 && Math.abs(across) <= rectangle.short / 2;
        };
        return covers(one) ? score : covers(other) ? 0.9 : 0.29;
      });
      const found = regions(map, { width, height }, text);
      expect(found).toHaveLength(2);
      for (const [at, rectangle, wanted] of [
        [0, other, 0.9],
        [1, one, score],
      ] as const) {
        expect(found[at]!.score).toBeCloseTo(wanted, 5);
        const { long, short } = rectangle;
        const grow = (1.5 * long * short) / (2 * (long + short));
        // Pixels are squares, so sides lie up to a pixel and a half away, and a short side turns by as much.
        const corners = cornersOf(found[at]!, { width, height });
        const [[x, y] = [0, 0]] = corners;
        expect(corners.every(([u, v]) => x + y <= u + v + 1e-3)).toBe(true);
        expect(areaOf(corners)).toBeGreaterThan(0);
        for (const [u, v] of corners) {
          const [along, across] = within(rectangle, u, v);
          expect(Math.abs(Math.abs(along) - (long / 2 + grow))).toBeLessThan(2.5);
          expect(Math.abs(Math.abs(across) - (short / 2 + grow))).toBeLessThan(2.5);
        }
      }
    }),
    { numRuns: scaled(60) },
  );
});

/** The area inside points, more than 0 if they are clockwise, as y grows downwards. */
function areaOf(points: readonly (readonly [x: number, y: number])[]): number {
  return points.reduce((sum, [x, y], at) => {
    const [u, v] = points[(at + 1) % points.length]!;
    return sum + (x * v - u * y) / 2;
  }, 0);
}

test("what is narrower than three pixels, and values that are not numbers, make no region", () => {
  const map = new Float32Array(width * height).fill(Number.NaN, 0, 50);
  for (let x = 20; x < 120; x++) map.fill(1, 50 * width + x, 50 * width + x + 1);
  expect(regions(map, { width, height }, text)).toEqual([]);
  expect(regions(map, { width, height }).map(({ places }) => places)).toEqual([100]);
});

test("a map that is all text is one region, and one without text none", () => {
  const [all, ...others] = regions(new Float32Array(width * height).fill(1), { width, height });
  expect(others).toEqual([]);
  expect(all).toEqual({
    corners: Float32Array.of(0, 0, 1, 0, 1, 1, 0, 1),
    channel: 0,
    score: 1,
    places: width * height,
  });
  expect(regions(new Float32Array(width * height), { width, height })).toEqual([]);
  expect(regions([], { width: 0, height: 0 })).toEqual([]);
});

// prettier-ignore
const small = [
  1, 0, 0, 0, 0.6,
  0, 1, 0, 0, 0.6,
  0, 0, 1, 0, 0,
];

test("places that touch at a corner are one region; each channel has its own", () => {
  const size = { width: 5, height: 3 };
  const [one, other, ...others] = regions(small, size);
  expect(others).toEqual([]);
  expect(one).toMatchObject({ score: 1, places: 3, channel: 0 });
  expect(other).toMatchObject({ score: 0.6, places: 2 });
  expect(cornersOf(other!, size).map((corner) => corner.map(Math.round))).toEqual([
    [4, 0],
    [5, 0],
    [5, 2],
    [4, 2],
  ]);
  // 3√2 long and √2 wide: along the diagonal, it is smaller than the square around all three.
  expect(areaOf(cornersOf(one!, size))).toBeCloseTo(6, 5);
  const two = { ...size, channels: 2, channelsFirst: true };
  const both = regions([...small.map((value) => 1 - value), ...small], two, { value: 0.9 });
  expect(both.map(({ channel, places }) => [channel, places])).toEqual([
    [0, 10],
    [1, 3],
  ]);
});

test("another number of values is an error", () => {
  expect(() => regions(small, { width: 5, height: 4 })).toThrow(
    "15 values are not a map of 5 × 4, 1 channels",
  );
});
