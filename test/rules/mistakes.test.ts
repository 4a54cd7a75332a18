// The diagnostics for wrong rules.

import { expect } from "vitest";
import { render } from "#diagnostic/render.js";
import { parse } from "#grammar/reading/parse.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { cases } from "../cases.js";

cases(import.meta.dirname, "mistakes.txt", (input) => {
  const parsed = parse(input, "rules.net");
  expect(parsed.diagnostics).toEqual([]);
  const { value, diagnostics } = compileRules(parsed.value!.items);
  expect(value).toBeUndefined();
  return render(diagnostics, new Map([["rules.net", input]]), { color: false });
});
