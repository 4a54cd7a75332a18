// Wrong rules and the messages that refute them, in full: examples are small, and the same in every run.

import { expect } from "vitest";
import { render } from "#diagnostic/render.js";
import { parse } from "#grammar/reading/parse.js";
import { checkRule } from "#rewrite/check/check-rule.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { ruleProblems } from "#report/rule-problems.js";
import { createWeightStore } from "#weights/store.js";
import { cases } from "../../cases.js";

cases(import.meta.dirname, "counterexamples.txt", (text) => {
  const { value } = compileRules(parse(text, "rules.net").value!.items);
  const [problem] = ruleProblems(
    checkRule(value![0]!, { createStore: createWeightStore }),
    createWeightStore,
  );
  expect(problem).toMatchObject({ severity: "error", code: "rule-not-equal" });
  return render([problem!], new Map([["rules.net", text]]));
});
