// Knows the rules that the compiler made. A copy of one with other fields is none: its parts would not fit together.

import type { UserRule } from "./rule.js";

const made = new WeakSet<object>();

/** Marks a rule as made by the compiler. */
export function markRule<R extends UserRule>(rule: R): R {
  made.add(rule);
  return rule;
}

/** Whether a value is a rule that `parseRules` or `nativeRule` made, and no copy of one. */
export function isRule(value: unknown): boolean {
  return typeof value === "object" && value !== null && made.has(value);
}
