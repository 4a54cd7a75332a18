// Keeps a limit to the loss in the outputs: what layers lose alone does not add up, so it is measured, and the sum that is divided is corrected.

import { given } from "#diagnostic/given.js";
import type { Result } from "#diagnostic/diagnostic.js";

/** What is searched. */
export interface LossSearch<C, P> {
  /** The choices that save most within a sum of losses. */
  readonly choose: (sum: number) => C;
  /** The sum of their losses; it does not fall with that allowed. 0 if they change nothing. */
  readonly sumOf: (chosen: C) => number;
  /** Fits them, and measures what the outputs lose. */
  readonly fit: (chosen: C, attempt: number) => Promise<Result<{ readonly plan: P; readonly loss: number }>>;
}

/** Plans that are fitted at most: each takes as long as one for a limit of MACs. */
export const mostFits = 4;
/** A measured loss from this part of the limit on ends the search; sums aim between it and the limit. */
const [near, aim] = [0.85, 0.95];
/** The most by which a sum is changed at once, while there is none on the other side. */
const mostChange = 8;

export interface KeptLoss<P> {
  /** The plan that saves most of those that keep the limit; absent if there was none that changes anything. */
  readonly plan?: P;
  /** The least loss of plans that break it. */
  readonly broken?: number;
}

/**
 * Looks for the largest sum of losses whose plan keeps `limit` in the outputs, by at most `mostFits` plans. The first sum is the limit itself.
 * Losses are taken to be proportional to sums; once one plan keeps the limit and another one does not, they are interpolated, in logarithms.
 */
export async function keepLoss<C, P>(limit: number, search: LossSearch<C, P>): Promise<Result<KeptLoss<P>>> {
  let sum = limit;
  let kept: { readonly sum: number; readonly loss: number; readonly plan?: P } = { sum: 0, loss: 0 };
  let broken: { readonly sum: number; readonly loss: number } | undefined;
  // Only the whole network loses nothing at all.
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
      ...given({ plan: kept.plan }),
      ...(broken ? { broken: broken.loss } : {}),
    },
    diagnostics: [],
  };
}

/** Halvings of an interval of sums: what differs by less is the same. */
const halvings = 40;

/** The choices for a sum, or for one near it, whose own sum lies between two others; undefined if there are none. */
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
