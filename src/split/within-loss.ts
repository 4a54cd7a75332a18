// Keeps a limit of the loss in the outputs. The losses of single layers do not add up, so the loss of each plan is measured and the sum
// of losses that is divided over the layers is corrected.

import { given } from "#diagnostic/given.js";
import type { Result } from "#diagnostic/diagnostic.js";

/** The functions that the search needs. */
export interface LossSearch<C, P> {
  /** The choices that save most within a sum of losses. */
  readonly choose: (sum: number) => C;
  /** The sum of their losses, which does not fall as the allowed sum grows. 0 if they change nothing. */
  readonly sumOf: (chosen: C) => number;
  /** Fits the choices, and measures the loss in the outputs. */
  readonly fit: (chosen: C, attempt: number) => Promise<Result<{ readonly plan: P; readonly loss: number }>>;
}

/** The most plans to fit: each takes as long as one for a limit of MACs. */
export const mostFits = 4;
/** A measured loss of at least the first part of the limit ends the search; sums aim at the second part of it. */
const [near, aim] = [0.85, 0.95];
/** The most by which a sum changes at once, until plans on both sides of the limit are known. */
const mostChange = 8;

export interface KeptLoss<P> {
  /** The plan that saves most among those that keep the limit; absent if only the whole network keeps it. */
  readonly plan?: P;
  /** The least loss of the plans that exceed the limit. */
  readonly broken?: number;
}

/**
 * Searches for the largest sum of losses whose plan keeps `limit` in the outputs, with at most `mostFits` plans. The first sum is the
 * limit itself. Losses are assumed to be proportional to sums; once one plan keeps the limit and another exceeds it, they are
 * interpolated in logarithms.
 */
export async function keepLoss<C, P>(limit: number, search: LossSearch<C, P>): Promise<Result<KeptLoss<P>>> {
  let sum = limit;
  let kept: { readonly sum: number; readonly loss: number; readonly plan?: P } = { sum: 0, loss: 0 };
  let broken: { readonly sum: number; readonly loss: number } | undefined;
  // Only the whole network loses nothing.
  const most = limit > 0 ? mostFits : 0;
  for (let attempt = 1; attempt <= most; attempt += 1) {
    const chosen = choiceBetween(search, sum, kept.sum, broken?.sum ?? Number.POSITIVE_INFINITY);
    if (chosen === undefined) break;
    const { value, diagnostics } = await search.fit(chosen, attempt);
    if (!value) return { diagnostics };
    const now = { ...value, sum: search.sumOf(chosen) };
    if (now.loss <= limit) kept = now;
    else broken = now;
    if (kept.loss >= near * limit) break;
    if (kept.sum > 0 && broken) {
      const part = Math.log((aim * limit) / kept.loss) / Math.log(broken.loss / kept.loss);
      sum = kept.sum * (broken.sum / kept.sum) ** (Number.isFinite(part) ? part : 0.5);
    } else sum = now.sum * Math.min(mostChange, Math.max(1 / mostChange, (aim * limit) / now.loss));
  }
  return {
    value: {
      ...given({ plan: kept.plan, broken: broken?.loss }),
    },
    diagnostics: [],
  };
}

/** How often an interval of sums is halved. Smaller differences do not matter. */
const halvings = 40;

/** The choices for a sum, or for one near it, whose own sum lies between two others; undefined if none do. */
function choiceBetween<C, P>(
  { choose, sumOf }: LossSearch<C, P>,
  sum: number,
  low: number,
  high: number,
): C | undefined {
  let [from, to] = [low, high];
  let wanted = sum;
  for (let halving = 0; halving < halvings; halving += 1) {
    const chosen = choose(wanted);
    const found = sumOf(chosen);
    if (found > low && found < high) return chosen;
    if (found <= low) from = Math.max(from, wanted);
    else to = Math.min(to, wanted);
    if (to === Number.POSITIVE_INFINITY) {
      if (sumOf(choose(to)) <= low) return undefined;
      wanted *= 2;
    } else wanted = from > 0 ? Math.sqrt(from * to) : to / 2;
  }
  return undefined;
}
