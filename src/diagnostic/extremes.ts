// The extremes of a list of any length: a call takes about 100,000 arguments at most, so lists are never spread into one.

/** The greatest of some numbers and `floor`; NaN if one of them is. */
export function greatest(values: Iterable<number>, floor = Number.NEGATIVE_INFINITY): number {
  let most = floor;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** The least of some numbers and `ceiling`; NaN if one of them is. */
export function least(values: Iterable<number>, ceiling = Number.POSITIVE_INFINITY): number {
  let fewest = ceiling;
  for (const value of values) fewest = Math.min(fewest, value);
  return fewest;
}
