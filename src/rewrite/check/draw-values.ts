// Draws the values of random operands, among them special ones: wrong rules most often fail at zeros, ties, sign changes and large values.

import type { IntegerType } from "#ir/type.js";
import { integerRanges } from "#ir/type.js";
import type { Random } from "#ops/random.js";

/** The kinds of operands. A check of an approximation compares the errors of operands of one kind only. */
export type ValueKind = "ordinary" | "special" | "equal" | "large" | "tiny" | "infinite";

/** All kinds, in the order in which samples use them. */
export const valueKinds = ["special", "large", "equal", "tiny", "special", "infinite"] as const;

/** The numbers that rules test for most often, and zeros of both signs. */
const special = [0, -0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 6, -6, 0.25, 1.5, 4, 10];

type Fill = (index: number) => number;

/**
 * Fills one input of the net. `literals` are the numbers in the rule's text: a rule may be wrong at, near or beyond one of them.
 * Values are rounded to f32, as inputs are.
 */
export function drawInput(random: Random, kind: ValueKind, literals: readonly number[]): Fill {
  const fill = fillOf(random, kind, literals);
  return (index) => Math.fround(fill(index));
}

/** Integers of a type, among them its ends; sums of those of 32 bits stay in 32 bits. */
export function drawInteger(random: Random, dtype: IntegerType): Fill {
  const [least, greatest] = integerRanges[dtype].map((bound) =>
    Math.max(-(2 ** 20), Math.min(2 ** 20, bound)),
  );
  const [low = 0, high = 0] = random.next() < 0.5 ? [least, greatest] : [Math.max(least ?? 0, -3), 3];
  return () => random.int(low, high);
}

function fillOf(random: Random, kind: ValueKind, literals: readonly number[]): Fill {
  const signed = signOf(random);
  switch (kind) {
    case "ordinary":
      return () => signed(random.normal() * 3);
    case "special":
      return () => pickSpecial(random, literals);
    case "equal": {
      const value = random.next() < 0.5 ? pickSpecial(random, literals) : signed(random.next() * 100);
      return () => value;
    }
    case "large": {
      // One in two is small enough that its square does not overflow.
      const magnitude = 10 ** (random.next() < 0.5 ? 1 + 8 * random.next() : 1 + 36 * random.next());
      return () => signed(random.normal() * magnitude);
    }
    case "tiny": {
      const magnitude = 10 ** -(1 + 29 * random.next());
      return () => signed(random.normal() * magnitude);
    }
    case "infinite":
      return () =>
        random.next() < 0.3 ? signed(Infinity) * (random.next() < 0.5 ? 1 : -1) : random.normal() * 3;
    default:
      return kind satisfies never;
  }
}

/** The kinds of values of a constant. Conditions such as `value(c) >= 0` need certain kinds. */
export type ConstantKind = "normal" | "positive" | "uniform" | "fraction" | "special" | "small" | "big";

export const constantKinds: readonly ConstantKind[] = [
  "normal",
  "normal",
  "positive",
  "positive",
  "uniform",
  "uniform",
  "fraction",
  "special",
  "small",
  "big",
];

/** The kinds for an approximation, which need only hold for constants of real nets, and so not for constants that are all zero. */
export const likelyConstantKinds: readonly ConstantKind[] = ["normal", "positive", "uniform", "fraction"];

/** Fills a constant, by default with magnitudes that weights have. */
export function drawConstant(
  random: Random,
  kind: ConstantKind,
  isScalar: boolean,
  { literals, approx }: { readonly literals: readonly number[]; readonly approx: boolean },
): Fill {
  // A scalar is often one of the numbers that rules test for.
  const one = random.pick([0, 1, 0.5, -1, 2, 0.01, ...literals].filter((value) => value !== 0 || !approx));
  if (kind === "uniform" || (isScalar && random.next() < 0.7)) return () => one;
  switch (kind) {
    case "positive":
      return () => 0.5 + random.next();
    case "fraction":
      return () => random.next();
    case "special":
      return () => pickSpecial(random, literals);
    case "small":
      return () => random.normal() * 1e-3;
    case "big":
      return () => random.normal() * 100;
    case "normal":
      return () => random.normal();
    default:
      return kind satisfies never;
  }
}

/** Fills a constant with numbers between two, which both occur if there is room. */
export function drawBetween(
  random: Random,
  { least, greatest }: { readonly least: number; readonly greatest: number },
): Fill {
  return (index) =>
    index === 0 ? least : index === 1 ? greatest : least + (greatest - least) * random.next();
}

function pickSpecial(random: Random, literals: readonly number[]): number {
  if (literals.length === 0 || random.next() < 0.7) return random.pick(special);
  const literal = random.pick(literals);
  return random.pick([
    literal,
    literal,
    -literal,
    literal + 0.5,
    literal - 0.5,
    literal * 2,
    literal * 1.001,
  ]);
}

/** Keeps the signs of one in two operands; makes all values of the others positive, or all negative. */
function signOf(random: Random): (value: number) => number {
  const way = random.pick(["both", "both", "positive", "negative"] as const);
  if (way === "both") return (value) => value;
  return (value) => (way === "positive" ? Math.abs(value) : -Math.abs(value));
}
