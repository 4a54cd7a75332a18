// The extremes of a list of any length. `Math.max(...list)` fails for more than about 100,000 arguments.

/** The greatest of the values and `floor`; NaN if one of them is NaN. */
export function greatest(values: Iterable<number>, floor = Number.NEGATIVE_INFINITY): number {
  let most = floor;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** The least of the values and `ceiling`; NaN if one of them is NaN. */
export function least(values: Iterable<number>, ceiling = Number.POSITIVE_INFINITY): number {
  let fewest = ceiling;
  for (const value of values) fewest = Math.min(fewest, value);
  return fewest;
}
