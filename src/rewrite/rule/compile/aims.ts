// The aims of compiled terms: how a term gets another value through its parts.

import type { BinaryOperator } from "#grammar/ast.js";
import type { AttributeValue } from "#ir/graph.js";
import type { Random } from "#ops/random.js";
import type { Aim, Comparison, Wanted, Wish } from "../aim.js";
import { comparable, mirror, otherOperand } from "../aim.js";
import type { Match } from "../rule.js";
import type { ValueTerm } from "./term.js";

/** A variable for an attribute. */
export function attributeAim(name: string): Aim {
  return (match, wanted) => {
    const value = wanted === undefined ? undefined : filled(wanted, match.values.get(name));
    return value === undefined ? undefined : [{ kind: "attribute", of: name, value }];
  };
}

/** A list of terms: each that has another value than its own. */
export function listAim(items: readonly ValueTerm[]): Aim | undefined {
  if (items.every(({ aim }) => !aim)) return undefined;
  return (match, wanted, random) => {
    if (wanted === undefined) return joined(items.map((item) => aimAt(item, match, undefined, random)));
    if (typeof wanted !== "object" || wanted.length !== items.length) return undefined;
    return joined(items.map((item, at) => aimAt(item, match, wanted[at], random)));
  };
}

/** A binary operator: mostly, one of the operands must be another. */
export function binaryAim(operator: BinaryOperator, a: ValueTerm, b: ValueTerm): Aim | undefined {
  if (!a.aim && !b.aim) return undefined;
  switch (operator) {
    case "and":
    case "or":
      return logicalAim(operator, a, b);
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return comparisonAim(operator, a, b);
    case "|":
      return undefined;
    default:
      return arithmeticAim(operator, a, b);
  }
}

/** An elementwise op over numbers. */
export function numberAim(op: string, terms: readonly ValueTerm[]): Aim | undefined {
  const [a, b] = terms;
  if (!a) return undefined;
  const back = inverses[op];
  if (back) {
    const { aim } = a;
    return (
      aim &&
      ((match, wanted, random) =>
        aim(
          match,
          numberOf(wanted, (one) => back(one, random)),
          random,
        ))
    );
  }
  if (!b || (op !== "min" && op !== "max")) return undefined;
  // One of the two must be the extreme; the other one is often no more in its way than now.
  return (match, wanted, random) => {
    for (const one of shuffled([a, b], random)) {
      const wishes = one.aim?.(match, wanted, random);
      if (wishes) return wishes;
    }
    return undefined;
  };
}

/** An operand from the result, for some results; either one of two that have the same result. */
const inverses: Readonly<Partial<Record<string, (wanted: number, random: Random) => number>>> = {
  neg: (wanted) => -wanted,
  abs: (wanted, random) => random.pick([1, -1]) * wanted,
  floor: (wanted) => wanted,
  ceil: (wanted) => wanted,
  round: (wanted) => wanted,
  sqrt: (wanted) => wanted ** 2,
  square: (wanted, random) => random.pick([1, -1]) * Math.sqrt(wanted),
};

function numberOf(wanted: Wanted | undefined, back: (wanted: number) => number): number | undefined {
  return typeof wanted === "number" ? back(wanted) : undefined;
}

function logicalAim(operator: "and" | "or", a: ValueTerm, b: ValueTerm): Aim {
  return (match, wanted = true, random) => {
    const settled = [a, b].filter((one) => one.compute(match) === wanted);
    const isAll = (operator === "and") === wanted;
    // Where it has the wanted value already, one of the parts that give it may have it in another way.
    if (settled.length >= (isAll ? 2 : 1)) return random.pick(settled).aim?.(match, wanted, random);
    const sides = shuffled([a, b], random).map((one) => aimAt(one, match, wanted, random));
    // `a and b` holds if both do; it does not if either does not.
    return isAll ? joined(sides) : sides.find((wishes) => wishes !== undefined);
  };
}

function comparisonAim(operator: Comparison, a: ValueTerm, b: ValueTerm): Aim {
  return (match, wanted = true, random) => {
    if (typeof wanted !== "boolean") return undefined;
    const [x, y] = [a.compute(match), b.compute(match)];
    if (x === undefined) return a.aim?.(match, undefined, random);
    if (y === undefined) return b.aim?.(match, undefined, random);
    const sides = [
      { aim: a.aim, operator, own: x, other: y },
      { aim: b.aim, operator: mirror(operator), own: y, other: x },
    ];
    for (const side of shuffled(sides, random)) {
      const value = side.aim && comparable(side.operator, side, wanted, random);
      const wishes = value === undefined ? undefined : side.aim?.(match, value, random);
      if (wishes) return wishes;
    }
    return undefined;
  };
}

function arithmeticAim(operator: "+" | "-" | "*" | "/" | "%", a: ValueTerm, b: ValueTerm): Aim {
  return (match, wanted, random) => {
    const [x, y] = [a.compute(match), b.compute(match)];
    if (x === undefined) return a.aim?.(match, undefined, random);
    if (y === undefined) return b.aim?.(match, undefined, random);
    if (wanted === undefined) return undefined;
    const sides = [
      { aim: a.aim, side: "left", own: x, other: y },
      { aim: b.aim, side: "right", own: y, other: x },
    ] as const;
    for (const { aim, side, own, other } of shuffled(sides, random)) {
      const value =
        aim &&
        operandFor(own, other, wanted, (number, result) =>
          otherOperand(operator, side, { other: number, wanted: result, random }),
        );
      const wishes = value === undefined ? undefined : aim?.(match, value, random);
      if (wishes) return wishes;
    }
    return undefined;
  };
}

/** The operand that gives the wanted result: a list item by item, a number for the first item that is asked for. */
function operandFor(
  own: AttributeValue,
  other: AttributeValue,
  wanted: Wanted,
  back: (other: number, wanted: number) => number | undefined,
): Wanted | undefined {
  const otherAt = (at: number): number | undefined =>
    typeof other === "number" ? other : typeof other === "object" ? other[at] : undefined;
  const at = (index: number, result: number | undefined): number | undefined => {
    const number = otherAt(index);
    return number === undefined || result === undefined ? undefined : back(number, result);
  };
  if (typeof wanted === "number") return at(0, wanted);
  if (typeof wanted !== "object") return undefined;
  if (typeof own === "object") return wanted.map((result, index) => at(index, result));
  const asked = wanted.findIndex((result) => result !== undefined);
  return asked < 0 ? undefined : at(asked, wanted[asked]);
}

/** What gives a term a value, if it has another one: nothing where any will do. */
function aimAt(
  term: ValueTerm,
  match: Match,
  wanted: Wanted | undefined,
  random: Random,
): readonly Wish[] | undefined {
  const value = term.compute(match);
  if (value !== undefined && (wanted === undefined || value === wanted)) return [];
  return term.aim?.(match, wanted, random);
}

/** All wishes together; undefined if a part has no way. */
function joined(parts: readonly (readonly Wish[] | undefined)[]): readonly Wish[] | undefined {
  const known = parts.filter((part) => part !== undefined);
  return known.length < parts.length ? undefined : known.flat();
}

/** A value for an attribute: the items that may be anything are as they were, and new ones are in order, as axes are. */
function filled(wanted: Wanted, before: AttributeValue | undefined): AttributeValue | undefined {
  if (typeof wanted !== "object") return wanted;
  const items = wanted.map((item, at) => item ?? (typeof before === "object" ? before[at] : undefined) ?? at);
  return items;
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return random.next() < 0.5 ? items : items.toReversed();
}
