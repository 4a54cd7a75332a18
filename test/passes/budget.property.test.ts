// Dividing a limit over layers: the choices on the lower convex hull, and the best sum within a limit.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Limit } from "#passes/split/budget.js";
import { allocate, lowerHull } from "#passes/split/budget.js";
import { scaled } from "../scale.js";

interface Choice {
  readonly macs: number;
  readonly loss: number;
}

const choice = (macs: number, loss: number): Choice => ({ macs, loss });
const macsOf = ({ macs }: Choice) => macs;
const points = (choices: readonly Choice[]) => choices.map(({ macs, loss }) => [macs, loss]);
const sum = (choices: readonly Choice[], of: (one: Choice) => number) =>
  choices.reduce((total, one) => total + of(one), 0);

describe("the lower hull", () => {
  test("leaves out choices above the line between their neighbours", () => {
    // (6, 5) is above the line from (8, 1) to (4, 6).
    const all = [choice(10, 0), choice(8, 1), choice(6, 5), choice(4, 6), choice(2, 20)];
    expect(points(lowerHull(all, macsOf))).toEqual([
      [10, 0],
      [8, 1],
      [4, 6],
      [2, 20],
    ]);
  });

  test("begins at the exact choice with the fewest MACs", () => {
    expect(points(lowerHull([choice(10, 0), choice(7, 0), choice(3, 2)], macsOf))).toEqual([
      [7, 0],
      [3, 2],
    ]);
  });
});

test("the limit is kept, and no other choice of one layer would save more", () => {
  const layer = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }).map((steps) => {
    let error = 0;
    return [
      choice(100, 0),
      ...steps.toSorted((a, b) => a - b).map((step, k) => choice(90 - 10 * k, (error += step))),
    ];
  });
  fc.assert(
    fc.property(
      fc.array(layer, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 60 }),
      (layers, most) => {
        const limit: Limit = { kind: "loss", loss: most };
        const chosen = allocate(layers, limit, macsOf);
        const error = sum(chosen, (one) => one.loss);
        expect(error).toBeLessThanOrEqual(most);
        for (const [at, choices] of layers.entries()) {
          const now = chosen[at]!;
          for (const other of choices) {
            const fits = error - now.loss + other.loss <= most;
            expect(fits && other.macs < now.macs).toBe(false);
          }
        }
      },
    ),
    { numRuns: scaled(100) },
  );
});
