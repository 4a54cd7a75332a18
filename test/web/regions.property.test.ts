// Regions of a map as rectangles: those of turned rectangles are found again, each moved outwards as DB says.

import fc from "fast-check";
import { expect, test } from "vitest";
import { regionsOf } from "../../examples/web/detect/regions.js";
import { scaled } from "../scale.js";

const [width, height] = [200, 160];

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
      const found = regionsOf(map, { width, height });
      expect(found).toHaveLength(2);
      for (const [at, rectangle, wanted] of [
        [0, other, 0.9],
        [1, one, score],
      ] as const) {
        expect(found[at]!.score).toBeCloseTo(wanted, 5);
        const { long, short } = rectangle;
        const grow = (1.5 * long * short) / (2 * (long + short));
        // Pixels are squares, so sides lie up to a pixel and a half away, and a short side turns by as much.
        for (const [u, v] of found[at]!.corners) {
          const [along, across] = within(rectangle, u, v);
          expect(Math.abs(Math.abs(along) - (long / 2 + grow))).toBeLessThan(2.5);
          expect(Math.abs(Math.abs(across) - (short / 2 + grow))).toBeLessThan(2.5);
        }
      }
    }),
    { numRuns: scaled(60) },
  );
});

test("what is narrower than three pixels, and values that are not numbers, make no region", () => {
  const map = new Float32Array(width * height).fill(Number.NaN, 0, 50);
  for (let x = 20; x < 120; x++) map.fill(1, 50 * width + x, 50 * width + x + 1);
  expect(regionsOf(map, { width, height })).toEqual([]);
});

test("a map that is all text is one region, and one without text none", () => {
  const [all] = regionsOf(new Float32Array(width * height).fill(1), { width, height });
  expect(all!.score).toBe(1);
  expect(regionsOf(new Float32Array(width * height), { width, height })).toEqual([]);
});
