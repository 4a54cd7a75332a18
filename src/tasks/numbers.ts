// Checks what programs without types give as numbers, and finds the largest of numbers.

import { describe } from "#runtime/ports.js";

/** Throws a TypeError unless the value has a length, as arrays have. An object of outputs would else count as no numbers at all. */
export function expectNumbers(what: string, values: unknown): void {
  const isArray = typeof values === "object" && values !== null && "length" in values;
  if (isArray && typeof values.length === "number") return;
  throw new TypeError(
    `${what} must be an array of numbers, such as an output of run, not ${describe(values)}`,
  );
}

/** Throws a RangeError unless the value is a number from `least` up, and a whole one if it must be that. NaN is none. */
export function expectNumber(what: string, value: unknown, least: number, kind: "whole" | "any"): void {
  const isRight =
    typeof value === "number" && value >= least && (kind === "any" || Number.isSafeInteger(value));
  if (isRight) return;
  const wanted = kind === "whole" ? "a whole number" : "a number";
  const from = least === Number.NEGATIVE_INFINITY ? "" : ` from ${least} up`;
  throw new RangeError(
    `${what} must be ${wanted}${from}, not ${typeof value === "number" ? value : describe(value)}`,
  );
}

/** The index below `count` whose value is the largest, the first of equal ones; -1 if all values are NaN. */
export function largest(count: number, valueOf: (index: number) => number): number {
  let best = -1;
  let most = Number.NaN;
  for (let index = 0; index < count; index++) {
    const value = valueOf(index);
    if (Number.isNaN(value) || value <= most) continue;
    best = index;
    most = value;
  }
  return best;
}

/** Whose options are wrong, for functions that take no net. */
export const tasks = { name: "cleave/tasks" };
