// The check refutes built-in rules that were changed in one place, except the mutants in survivors.txt, which gives a reason for each.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ruleTexts } from "#passes/rules/index.js";
import { compileRule } from "#rewrite/rule/compile/compile-rule.js";
import { checkRule } from "#rewrite/check/check-rule.js";
import { isRefuted } from "#report/rule-problems.js";
import { createWeightStore } from "#weights/store.js";
import { mutantsOf } from "./mutants.js";

/** `rule: change` of the mutants that may pass, by theme. */
const survivors = new Set(
  readFileSync(join(import.meta.dirname, "survivors.txt"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#")),
);

const all = { mutants: 0, refuted: 0 };

test.each(ruleTexts.map((text) => [text.file, text] as const))(
  "%s",
  (_, text) => {
    let mutants = 0;
    let refuted = 0;
    const passed: string[] = [];
    for (const item of text.ast().items) {
      if (item.kind !== "rule") continue;
      for (const { change, item: mutant } of mutantsOf(item)) {
        const { value } = compileRule(mutant);
        // Mutants that do not compile are refused before a check.
        if (!value) continue;
        mutants += 1;
        // One that passes takes all samples, which is most of the time of this test.
        if (survivors.has(`${item.name.text}: ${change}`)) continue;
        if (isRefuted(checkRule(value, { createStore: createWeightStore }))) refuted += 1;
        else passed.push(`${item.name.text}: ${change}`);
      }
    }
    expect(passed).toEqual([]);
    // Many conditions of a theme may be about costs, which a check cannot refute.
    expect(refuted / mutants).toBeGreaterThan(0.2);
    all.mutants += mutants;
    all.refuted += refuted;
  },
  300_000,
);

test("most mutants are refuted", () => {
  expect(all.refuted / all.mutants).toBeGreaterThan(0.7);
});
