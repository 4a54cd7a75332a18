// Distributions of input values, with which `verify` checks nets, and tests check ops, kernels and nets.

import type { IntegerType, TensorType } from "#ir/type.js";
import { elements, integerRanges, isInteger } from "#ir/type.js";
import type { Random } from "./random.js";

/**
 * Distributions by name, each a function from a seeded random source to a source of values. All values are finite, and exact in f32. Each
 * kind shows errors that others hide: standard normal values have a mean of zero, so with them sums do not grow and variances do not cancel.
 */
const distributions = {
  /** Standard normal: the distribution that nets are trained for. */
  normal: (random) => () => Math.fround(random.normal()),
  /**
   * A mean of 30 deviations, of either sign: sums grow from term to term, and a variance computed as E[x²] − E[x]² has the error of 30²
   * roundings. A mean that is rounded to f32 before it is subtracted has the error of 30, which is within the tolerance; for a mean of
   * thousands of deviations it would not be.
   */
  far: (random) => {
    const mean = random.pick([-30, 30]);
    return () => Math.fround(mean + random.normal());
  },
  /**
   * One value of 24 bits nearly everywhere, so a running sum is always rounded in the same direction. The first element and one of 32
   * others are twice that value, so that the variance is not 0.
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
  /** Values in [0, 1), like those of images: nothing cancels. */
  positive: (random) => () => Math.fround(random.next()),
  /** Values with which exp and squares overflow if they are computed too early. Larger ones would only saturate bounded activations. */
  large: (random) => () => Math.fround(2 ** 8 * random.normal()),
  tiny: (random) => () => Math.fround(2 ** -12 * random.normal()),
  /** Whole numbers and halves, many of them equal, and zeros of both signs. */
  ties: (random) => () => random.pick([0, 0, -0, 0.5, -0.5, 1, -1, 2, 3, -3]),
  zeros: () => () => 0,
} as const satisfies Readonly<Record<string, (random: Random) => () => number>>;

/** The name of a distribution of inputs. */
export type Distribution = keyof typeof distributions;

/** The distributions of inputs for comparisons. */
export const distributionNames = Object.keys(distributions) as readonly Distribution[];

/** Integers of a type, as far as f32 holds all of them exactly. */
export function drawIntegers(random: Random, dtype: IntegerType, count: number): Float32Array {
  const [least, greatest] = integerRanges[dtype];
  const largest = 2 ** 24;
  return Float32Array.from({ length: count }, () =>
    random.int(Math.max(least, -largest), Math.min(greatest, largest)),
  );
}

/** Values to run a net on: standard normal ones, or any integers of an integer type. */
export function drawInput(random: Random, { dtype, shape }: TensorType): Float32Array {
  const count = elements(shape);
  return isInteger(dtype)
    ? drawIntegers(random, dtype, count)
    : Float32Array.from({ length: count }, () => random.normal());
}

/** Values of one input or operand. */
export function drawValues(random: Random, kind: Distribution, count: number): Float32Array {
  const draw = distributions[kind](random);
  return Float32Array.from({ length: count }, draw);
}
