// The meaning of rules: a text with rules and a net, and the graph after all of them, or the diagnostics.

import { expect } from "vitest";
import type { Diagnostic } from "#diagnostic/diagnostic.js";
import { render } from "#diagnostic/render.js";
import { parse } from "#grammar/reading/parse.js";
import { elaborate } from "#elaborate/elaborate.js";
import { printGraph } from "#inspect/lift.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { applyRules } from "#rewrite/rule/sweep.js";
import { verify } from "#ops/verify.js";
import { cases } from "../cases.js";

/** The net after all rules of its text, or the diagnostics. */
function applied(input: string): string {
  const { items } = parse(input, "case.net").value!;
  const rules = compileRules(items);
  expect(rules.diagnostics).toEqual([]);
  const module = elaborate(parse(input, "case.net").value!).value!;
  const reported: Diagnostic[] = [];
  const after = applyRules(module, rules.value!, { pass: "test", report: (one) => void reported.push(one) });
  expect(verify(after)).toEqual([]);
  if (reported.length > 0) return render(reported, new Map([["case.net", input]]), { color: false });
  return after === module ? "unchanged" : printGraph(after, { types: false });
}

cases(import.meta.dirname, "matching.txt", applied);
cases(import.meta.dirname, "patterns.txt", applied);
