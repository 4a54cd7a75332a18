// Memory plans of random lifetimes: values that live at the same time do not overlap, and the arena is not wasted.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Lifetime } from "#schedule/plan-memory.js";
import { memoryLowerBound, planMemory } from "#schedule/plan-memory.js";
import { scaled } from "../scale.js";

const lifetime = fc
  .record({
    size: fc.integer({ min: 0, max: 100 }),
    first: fc.integer({ min: -1, max: 30 }),
    length: fc.integer({ min: 0, max: 12 }),
  })
  .map(({ size, first, length }): Lifetime => ({ size, first, last: first + length }));

const cases = fc.record({
  buffers: fc.array(lifetime, { maxLength: 60 }),
  alignment: fc.constantFrom(1, 4, 16),
});

test("buffers that live at the same time do not overlap", () => {
  fc.assert(
    fc.property(cases, ({ buffers, alignment }) => {
      const { offsets, size } = planMemory(buffers, alignment);
      for (const [a, left] of buffers.entries()) {
        expect(offsets[a]! % alignment).toBe(0);
        expect(offsets[a]! + left.size).toBeLessThanOrEqual(size);
        for (const [b, right] of buffers.slice(0, a).entries()) {
          const meet = left.first <= right.last && right.first <= left.last;
          const apart = offsets[a]! + left.size <= offsets[b]! || offsets[b]! + right.size <= offsets[a]!;
          expect(!meet || apart).toBe(true);
        }
      }
    }),
    { numRuns: scaled(100) },
  );
});

test("the size of the arena is between the lower bound and the sum of all buffers", () => {
  fc.assert(
    fc.property(cases, ({ buffers, alignment }) => {
      const { size } = planMemory(buffers, alignment);
      const rounded = buffers.map((life) => ({
        ...life,
        size: Math.ceil(life.size / alignment) * alignment,
      }));
      expect(size).toBeGreaterThanOrEqual(memoryLowerBound(rounded));
      expect(size).toBeLessThanOrEqual(rounded.reduce((sum, life) => sum + life.size, 0));
    }),
    { numRuns: scaled(100) },
  );
});

test("a chain takes two buffers", () => {
  const chain = Array.from({ length: 10 }, (_, at): Lifetime => ({ size: 7, first: at, last: at + 1 }));
  expect(planMemory(chain, 1).size).toBe(14);
  expect(memoryLowerBound(chain)).toBe(14);
});

test("the lower bound is the most that lives at the same time", () => {
  const buffers = [
    { size: 3, first: 0, last: 2 },
    { size: 5, first: 2, last: 4 },
    { size: 7, first: 3, last: 3 },
  ];
  expect(memoryLowerBound(buffers)).toBe(12);
});
