// Every built-in rule is an equation: both sides agree on random operands.

import { expect, test } from "vitest";
import { checkRule } from "#rewrite/check/check-rule.js";
import { createWeightStore } from "#weights/store.js";
import { builtInRules } from "#passes/rules/index.js";

test.each(builtInRules().map((rule) => [rule.name, rule] as const))("%s", (_, rule) => {
  const check = checkRule(rule, { createStore: createWeightStore });
  expect(check.counterexample).toBeUndefined();
  expect(check.samples, "random operands that the rule applies to").toBeGreaterThanOrEqual(5);
  expect(check.costlier.places, "places where the right side costs more").toBe(0);
});
