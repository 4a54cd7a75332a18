// Keeping a limit of a measured loss by choosing sums of losses.

import { expect, test } from "vitest";
import { seededRandom } from "#ops/random.js";
import { keepLoss, mostFits } from "#split/within-loss.js";

/**
 * Searches with a measured loss that is a function of the sum. The possible sums are 0 and those of `sums`, in order; all by default.
 */
async function search(limit: number, lossOf: (sum: number) => number, sums?: readonly number[]) {
  const fitted: number[] = [];
  const { value } = await keepLoss(limit, {
    choose: (sum) => (sums ? (sums.findLast((one) => one <= sum) ?? 0) : sum),
    sumOf: (sum: number) => sum,
    fit: async (sum) => {
      fitted.push(sum);
      return { value: { plan: sum, loss: lossOf(sum) }, diagnostics: [] };
    },
  });
  expect(fitted.length).toBeLessThanOrEqual(mostFits);
  expect(new Set(fitted).size).toBe(fitted.length);
  return { ...value!, fitted };
}

test.each([0.1, 0.3, 1, 3, 6])(
  "losses of %d times a power of the sum: the limit is kept and used",
  async (factor) => {
    for (const power of [0.7, 1, 1.4])
      for (const limit of [1e-4, 0.01, 0.3]) {
        const lossOf = (sum: number): number => factor * limit * (sum / limit) ** power;
        const { plan } = await search(limit, lossOf);
        expect(lossOf(plan!)).toBeLessThanOrEqual(limit);
        expect(lossOf(plan!)).toBeGreaterThan(0.8 * limit);
      }
  },
);

test("few choices and noisy losses: the limit is kept, with the best plan that was seen", async () => {
  const random = seededRandom(1);
  for (let round = 0; round < 300; round += 1) {
    const factor = 10 ** (2 * random.next() - 1);
    const sums = Array.from({ length: 1 + random.int(0, 20) }, () => 10 ** (4 * random.next() - 4)).sort(
      (a, b) => a - b,
    );
    const losses = new Map(sums.map((sum) => [sum, factor * sum * (0.7 + 0.6 * random.next())]));
    const lossOf = (sum: number): number => losses.get(sum)!;
    const { plan, broken, fitted } = await search(0.02, lossOf, sums);
    const kept = fitted.filter((sum) => lossOf(sum) <= 0.02);
    expect(plan).toBe(kept.length > 0 ? Math.max(...kept) : undefined);
    if (plan === undefined) expect(broken === undefined || broken > 0.02).toBe(true);
    // All choices were seen, or as many as allowed, or the limit is used.
    const next = sums.find((sum) => sum > (plan ?? 0));
    if (fitted.length < mostFits && next !== undefined && (!plan || lossOf(plan) < 0.85 * 0.02))
      expect(fitted).toContain(next);
  }
});

test("the search ends where no more can be saved", async () => {
  const { plan, fitted } = await search(0.1, (sum) => 0.05 * sum, [0.01, 0.2, 0.3]);
  expect(plan).toBe(0.3);
  expect(fitted).toEqual([0.01, 0.3]);
});

test("without a plan that keeps the limit, gives the loss that came nearest", async () => {
  const { plan, broken } = await search(0.1, () => 0.4, [0.05, 0.06, 0.2]);
  expect([plan, broken]).toEqual([undefined, 0.4]);
  expect(await search(0.1, () => 0.4, [])).toEqual({ fitted: [] });
  expect(await search(0, () => 0.4)).toEqual({ fitted: [] });
});
