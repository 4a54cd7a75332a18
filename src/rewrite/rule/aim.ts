// Conditions read backwards: which operands and attributes would give a term another value. A check draws these.

import type { AttributeValue } from "#ir/graph.js";
import type { Random } from "#ops/random.js";
import type { Match } from "./rule.js";

/** Something that a check should draw. `of` is a variable of the left side, or one item of a list, such as `xs.1`. */
export type Wish =
  /** A variable for an attribute has this value. */
  | { readonly kind: "attribute"; readonly of: string; readonly value: AttributeValue }
  /** A tensor has this number of axes. */
  | { readonly kind: "rank"; readonly of: string; readonly rank: number }
  /** An axis of a tensor has this extent. It is counted from the end, from −1. */
  | { readonly kind: "extent"; readonly of: string; readonly axis: number; readonly extent: number }
  /** A tensor is a constant with these as its least and greatest element. */
  | { readonly kind: "numbers"; readonly of: string; readonly least: number; readonly greatest: number }
  /** A list has this number of operands. */
  | { readonly kind: "count"; readonly of: string; readonly count: number }
  /** So many ops outside the left side read a value. */
  | { readonly kind: "readers"; readonly of: string; readonly count: number }
  /** A value is an output of the net. */
  | { readonly kind: "output"; readonly of: string; readonly isOutput: boolean };

/** The value that a term should have. Of a list, the items that are undefined may be anything. */
export type Wanted = number | boolean | string | readonly (number | undefined)[];

/**
 * What would give a term the wanted value, or any value if none is given, at operands where it has another one or none. Of several ways,
 * one is picked. Undefined if there is no simple way. What it asks for need not be possible.
 */
export type Aim = (match: Match, wanted: Wanted | undefined, random: Random) => readonly Wish[] | undefined;

/** The tests that compare two values. */
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";

const opposites = {
  "==": "!=",
  "!=": "==",
  "<": ">=",
  "<=": ">",
  ">": "<=",
  ">=": "<",
} as const satisfies Record<Comparison, Comparison>;

const mirrored = {
  "==": "==",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
} as const satisfies Record<Comparison, Comparison>;

/**
 * A value for the left operand of a comparison, so that it holds, or that it does not. Where its own value does already, the new one is
 * often between that and the bound, and sometimes close to the bound: a rule may be wrong inside an interval of which it is right at the centre.
 */
export function comparable(
  operator: Comparison,
  { own, other }: { readonly own: AttributeValue; readonly other: AttributeValue },
  holds: boolean,
  random: Random,
): Wanted | undefined {
  const test = holds ? operator : opposites[operator];
  if (test === "==") return other;
  if (test === "!=") {
    if (typeof other === "number") return other + random.pick([1, 1, 2, -1]);
    if (typeof other === "boolean") return !other;
    return typeof other === "object" && other.length > 0
      ? other.map((item, at) => (at === 0 ? item + 1 : item))
      : undefined;
  }
  if (typeof other !== "number") return undefined;
  const isBelow = test === "<" || test === "<=";
  if (typeof own === "number" && (isBelow ? own < other : own > other) && random.next() < 0.7)
    return other + (own - other) * random.pick([1e-3, 0.1, random.next(), random.next()]);
  const isStrict = test === "<" || test === ">";
  const fraction = random.next() * random.pick([1, 0.1]);
  const steps = Number.isInteger(other)
    ? [1, 1, 2, 3, fraction]
    : [fraction, fraction * Math.abs(other), Math.abs(other), 1];
  const step = random.pick(isStrict ? steps : [0, 0, ...steps]);
  return isBelow ? other - step : other + step;
}

/** The comparison with its operands exchanged. */
export function mirror(operator: Comparison): Comparison {
  return mirrored[operator];
}

/** The operand of `operand ∘ other`, or of `other ∘ operand` if it is the right one, that gives the wanted number. */
export function otherOperand(
  operator: "+" | "-" | "*" | "/" | "%",
  side: "left" | "right",
  { other, wanted, random }: { readonly other: number; readonly wanted: number; readonly random: Random },
): number | undefined {
  switch (operator) {
    case "+":
      return wanted - other;
    case "-":
      return side === "left" ? wanted + other : other - wanted;
    case "*":
      return other === 0 ? undefined : wanted / other;
    case "/":
      if (side === "left") return wanted * other;
      return wanted === 0 ? undefined : other / wanted;
    case "%": {
      if (side === "left") return other > wanted ? other * random.pick([0, 1, 1, 2, 3]) + wanted : undefined;
      const rest = other - wanted;
      const divisors = Array.from({ length: Math.min(rest, 512) }, (_, at) => at + 1).filter(
        (one) => one > wanted && rest % one === 0,
      );
      return divisors.length === 0 ? undefined : random.pick(divisors);
    }
    default:
      return operator satisfies never;
  }
}

/** The name of one operand of a list, in wishes and in samples. */
export function itemName(list: string, index: number): string {
  return `${list}.${index}`;
}
