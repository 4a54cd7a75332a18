// Distributions of input values: what `verify` feeds to nets, and the tests to ops, kernels and nets.

import type { Random } from "./random.js";

/**
 * By name, what makes a source of values from a seeded one. All values are finite, and exact in f32. Each kind shows faults that the
 * others hide: standard normal values alone have a mean of zero, so that no sum grows and no variance cancels.
 */
const distributions = {
  /** Standard normal: what nets are trained to see. */
  normal: (random) => () => Math.fround(random.normal()),
  /**
   * A mean of 30 deviations, of either sign: sums grow from term to term, and a variance as E[x²] − E[x]² loses 30² roundings. A mean
   * that f32 rounds before it is subtracted costs 30, which the tolerance leaves room for; of a mean of thousands it would not.
   */
  far: (random) => {
    const mean = random.pick([-30, 30]);
    return () => Math.fround(mean + random.normal());
  },
  /**
   * One value of 24 bits nearly everywhere: a running sum is rounded the same way again and again. Twice that value at first and in one
   * of 32 places, so that there is a variance to divide by.
   */
  constant: (random) => {
    const value = Math.fround((0.05 + random.next()) * random.pick([-1, 1]));
    let isFirst = true;
    return () => {
      const isTwice = isFirst || random.next() < 1 / 32;
      isFirst = false;
      return isTwice ? 2 * value : value;
    };
  },
  /** Values in [0, 1), as those of pictures: nothing cancels. */
  positive: (random) => () => Math.fround(random.next()),
  /** What exp and squares overflow with, if they are taken too early; more would drive bounded activations to their bounds alone. */
  large: (random) => () => Math.fround(2 ** 8 * random.normal()),
  tiny: (random) => () => Math.fround(2 ** -12 * random.normal()),
  /** Whole numbers and halves, of which many are equal, and zeros of both signs. */
  ties: (random) => () => random.pick([0, 0, -0, 0.5, -0.5, 1, -1, 2, 3, -3]),
  zeros: () => () => 0,
} as const satisfies Readonly<Record<string, (random: Random) => () => number>>;

export type Distribution = keyof typeof distributions;

export const distributionNames = Object.keys(distributions) as readonly Distribution[];

/** Values of one input or operand. */
export function drawValues(random: Random, kind: Distribution, count: number): Float32Array {
  const draw = distributions[kind](random);
  return Float32Array.from({ length: count }, draw);
}
