// The diagnostics of a check: wrong rules are refuted or get a warning, right ones are not refused.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { passes } from "#passes/index.js";
import { checkRules } from "#compile/check-rules.js";
import { targetOf } from "#compile/targets.js";
import { parse } from "#grammar/reading/parse.js";
import { compileRules } from "#rewrite/rule/compile/compile-rule.js";
import { cases, parseCases } from "../../cases.js";

/** Severity, code and message of all diagnostics, without the examples in their help, which are random. */
function said(text: string): string {
  const { items } = parse(text, "rules.net").value!;
  const { value, diagnostics } = compileRules(items);
  expect(diagnostics).toEqual([]);
  const found = checkRules(value!, passes, targetOf().target);
  for (const { help } of found) expect(help?.length).toBeGreaterThan(0);
  return (
    found
      .map(
        ({ severity, code, message }) =>
          `${severity}[${code}]: ${message.replace(/\d+ of \d+ samples/, "some samples")}`,
      )
      .join("\n") || "nothing"
  );
}

cases(import.meta.dirname, "wrong.txt", said);
cases(import.meta.dirname, "right.txt", said);
cases(import.meta.dirname, "together.txt", said);

test("every wrong rule gets a diagnostic, and no right one is refused", () => {
  const expected = (file: string): string[] =>
    parseCases(readFileSync(join(import.meta.dirname, file), "utf8"), file).map((one) => one.expected);
  expect(expected("wrong.txt").filter((one) => one === "nothing")).toEqual([]);
  expect(expected("right.txt").filter((one) => one.includes("error["))).toEqual([]);
});
