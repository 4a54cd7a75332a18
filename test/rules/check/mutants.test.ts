// A check refutes built-in rules that were changed in one place, but for the mutants in survivors.txt, each with its reason.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ruleTexts } from "#passes/rules/index.js";
import { compileRule } from "#rewrite/rule/compile/compile-rule.js";
import { checkRule } from "#rewrite/check/check-rule.js";
import { ruleProblems } from "#rewrite/check/rule-problems.js";
import { createWeightStore } from "#weights/store.js";
import { mutantsOf } from "./mutants.js";

/** `rule: change` of the mutants that may pass, by theme. */
const survivors = new Set(
  readFileSync(join(import.meta.dirname, "survivors.txt"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#")),
);

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
        // What does not compile is refused before it is checked.
        if (!value) continue;
        mutants += 1;
        const problems = ruleProblems(checkRule(value, { createStore: createWeightStore }));
        if (problems.some(({ severity }) => severity === "error")) refuted += 1;
        else passed.push(`${item.name.text}: ${change}`);
      }
    }
    expect(passed.filter((name) => !survivors.has(name))).toEqual([]);
    expect(refuted / mutants).toBeGreaterThan(0.6);
  },
  300_000,
);
